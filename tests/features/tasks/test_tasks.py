"""Kinds of answers: recognised from the graph and the labels, judged by what they decide."""

import numpy as np
import pytest

from compsel.errors import UsageError
from compsel.features.tasks import TASKS, recognise
from compsel.features.tasks.base import Task
from compsel.features.tasks.binary import Binary
from compsel.features.tasks.facts import AnswerFacts, LabelFacts, OutputFacts
from compsel.features.tasks.graph_facts import facts_of
from compsel.features.tasks.label_facts import label_facts
from compsel.features.tasks.multiclass import Multiclass
from compsel.features.tasks.multilabel import Multilabel
from compsel.features.tasks.multioutput import Multioutput
from compsel.features.tasks.ordinal import Ordinal
from compsel.features.tasks.regression import Regression
from compsel.features.tasks.segmentation import Segmentation
from compsel.features.tasks.sequence import TokenSequence, edit_distance
from compsel.inputs.samples import ArraySamples
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from tests import answering_models
from tests.features.task_checks import CHECKS

NONE, TWO, MANY = LabelFacts(), LabelFacts("classes", 2, 1), LabelFacts("classes", 5, 4)
SEVERAL = LabelFacts("several")
REAL = LabelFacts("numbers", spread=2.0)
FLAGS = LabelFacts("arrays", length=5, rank=1, whole=True)
DIGITS = LabelFacts("arrays", length=3, rank=1, whole=True)
MAP = LabelFacts("arrays", length=64, rank=2, whole=True)


def heads(*given):
    return {f"y{number}": head for number, head in enumerate(given)}


# name, heads, axis, labels, what it is
KINDS = [
    ("logits", heads(([5], "")), 1, NONE, Multiclass()),
    ("probabilities", heads(([5], "Softmax")), 1, MANY, Multiclass()),
    ("pooled", heads(([5, 1, 1], "Softmax")), 1, NONE, Multiclass("probabilities")),
    ("classes last", heads(([1, 5], "LogSoftmax")), 2, NONE, Multiclass("logits")),
    ("labels show classes", heads(([1, 5], "")), 1, MANY, Multiclass("logits")),
    ("one-vs-rest", heads(([5], "Sigmoid")), 1, MANY, Multiclass()),
    ("one probability", heads(([1], "Sigmoid")), 1, NONE, Binary("probability")),
    ("one probability, pooled", heads(([1, 1, 1], "Sigmoid")), 1, TWO, Binary("probability")),
    ("one logit", heads(([1], "")), 1, TWO, Binary("logit")),
    ("independent", heads(([5], "Sigmoid")), 1, NONE, Multilabel("probabilities")),
    ("independent, labelled", heads(([5], "Sigmoid")), 1, SEVERAL, Multilabel("probabilities")),
    ("independent logits", heads(([5], "")), 1, FLAGS, Multilabel("logits")),
    ("digits", heads(([4], "Softmax"), ([4], "Softmax"), ([4], "Softmax")), 1, NONE, Multioutput((True,) * 3)),
    ("digits as logits", heads(([4], ""), ([4], ""), ([3], "")), 1, DIGITS, Multioutput((False,) * 3)),
    ("first of two", heads(([4], "Softmax"), ([4], "Softmax")), 1, MANY, Multiclass("", 2)),
    ("stars", heads(([1], "")), 1, MANY, Ordinal()),
    ("a number", heads(([1], "")), 1, REAL, Regression(2.0)),
    ("a number without labels", heads(([1], "")), 1, NONE, Regression()),
    ("numbers", heads(([3], "")), 1, LabelFacts("arrays", length=3, rank=1, spread=1.0), Regression(1.0)),
    ("numbers by their name", {"variable": ([6], "")}, 1, NONE, Regression()),
    ("classes of a regressor's name", {"variable": ([6], "")}, 1, MANY, Multiclass()),
    ("map", heads(([3, 4, 4], "Softmax")), 1, NONE, Segmentation("probabilities", 1)),
    ("map, classes last", heads(([4, 4, 3], "Softmax")), 3, NONE, Segmentation("probabilities", 3)),
    ("map by labels", heads(([4, 4, 3], "")), 1, MAP, Segmentation("logits", 3)),
    ("mask", heads(([1, 4, 4], "Sigmoid")), 1, NONE, Segmentation("mask", 1)),
    ("map of classes", heads(([3, 4, 4], "ArgMax")), 1, NONE, Segmentation("map", None)),
    ("steps", heads(([6, 5], "LogSoftmax")), 2, NONE, TokenSequence("logits")),
    ("steps, greedy", {"token_ids": ([6, 5], "ArgMax")}, 2, NONE, TokenSequence("tokens")),
    ("boxes first", {"boxes": ([4], ""), "scores": ([2], "Softmax")}, 1, NONE, TASKS["detection"]()),
    ("four numbers first", heads(([4], ""), ([2], "Softmax")), 1, NONE, TASKS["detection"]()),
    ("landmarks", {"landmarks": ([10], "")}, 1, NONE, TASKS["detection"]()),
    ("embedding", {"sentence_embedding": ([8], "")}, 1, NONE, TASKS["embedding"]()),
    ("class and number", heads(([3], ""), ([1], "")), 1, SEVERAL, TASKS["similarity"]()),
    ("two sets of labels", heads(([3], "Sigmoid"), ([4], "Sigmoid")), 1, NONE, TASKS["similarity"]()),
    ("map of numbers", heads(([3, 4, 4], "")), 1, NONE, TASKS["similarity"]()),
]
BY_NAME = {name: (given, axis, labels, task) for name, given, axis, labels, task in KINDS}


@pytest.mark.parametrize(("given", "axis", "labels", "task"), BY_NAME.values(), ids=BY_NAME.keys())
def test_the_kind_of_answers_is_recognised_from_graph_and_labels(given, axis, labels, task):
    found = recognise(facts_of(answering_models.model(given, axis=axis), labels))
    assert (type(found), found) == (type(task), task)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(("given", "axis", "labels", "task"), BY_NAME.values(), ids=BY_NAME.keys())
def test_every_kind_keeps_the_contract(check, given, axis, labels, task):
    session = open_session(answering_models.model(given, axis=axis).proto)
    check(task, [session.run(None, feeds) for feeds in answering_models.inputs(12)])


def test_every_kind_has_been_checked():
    assert {type(kind[-1]) for kind in KINDS} == set(TASKS.values())


@pytest.mark.parametrize("name", TASKS)
def test_a_kind_can_be_named(name):
    for given, axis, labels, _ in BY_NAME.values():
        found = recognise(facts_of(answering_models.model(given, axis=axis), labels), name)
        assert isinstance(found, Task)
        assert found.name == name


def test_a_name_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(UsageError, match=r"task: got 'multi-label', allowed are .*multilabel.*did you mean"):
        recognise(facts_of(answering_models.model(heads(([5], "")))), "multi-label")


def test_what_the_file_says_of_itself_counts():
    yolo = answering_models.model(heads(([9, 20], "")), metadata={"task": "detect"})
    assert recognise(facts_of(yolo)).name == "detection"


@pytest.mark.parametrize(("transform", "task"), [("NONE", Regression()), ("LOGISTIC", Multiclass())])
def test_several_numbers_of_a_regressor_are_no_scores(transform, task):
    from onnx import TensorProto, helper

    learned = {
        "coefficients": [1.0, 2.0, 3.0, 4.0],
        "intercepts": [0.0, 1.0],
        "targets": 2,
        "post_transform": transform,
    }
    node = helper.make_node("LinearRegressor", ["x"], ["y"], domain="ai.onnx.ml", **learned)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in "xy"]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    proto = helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:]), opset_imports=opsets)
    assert recognise(facts_of(Model.from_proto(proto, "net"))) == task


def test_outputs_of_other_numbers_of_rows_are_no_heads():
    facts = AnswerFacts((OutputFacts("steps", "float32", (4, 32)), OutputFacts("state", "float32", (1, 32))))
    assert recognise(facts) == Multiclass("", 2)


def test_a_softmax_of_an_output_beside_it_is_no_head_of_its_own():
    net = answering_models.model(heads(([5], ""), ([5], "")))
    assert recognise(facts_of(with_another(net, "Softmax"))) == Multiclass("", 2)


def with_another(net, kind, name="other", elements=1):
    """Return a model with an output more, made of the first one."""
    from onnx import helper

    proto = net.copy_proto()
    options = {"axis": 1, "keepdims": 0} if kind == "ArgMax" else {}
    proto.graph.node.append(helper.make_node(kind, [net.outputs[0].name], [name], **options))
    proto.graph.output.append(helper.make_tensor_value_info(name, elements, None))
    return net.with_proto(proto)


@pytest.mark.parametrize(
    ("head", "kind", "elements", "task"),
    [
        (([1], ""), "Sigmoid", 1, Binary("logit")),
        (([5], ""), "Sigmoid", 1, Multilabel("logits")),
        (([5], ""), "Softmax", 1, Multiclass()),
        (([4], ""), "Softmax", 1, Multiclass()),
        (([5], "Softmax"), "ArgMax", 7, Multiclass()),
        (([1], "Sigmoid"), "Log", 1, Binary("probability")),
    ],
)
def test_another_form_of_the_first_output_changes_nothing_and_may_tell_what_it_is(head, kind, elements, task):
    assert recognise(facts_of(with_another(answering_models.model(heads(head)), kind, elements=elements))) == task


@pytest.mark.parametrize(
    ("task", "outputs", "target", "quality"),
    [
        (Binary("probability"), [[[0.7]]], 1, 1.0),
        (Binary("logit"), [[[0.3]]], 1, 1.0),
        (Binary("logit"), [[[-0.3]]], 1, 0.0),
        (Multilabel("probabilities"), [[[0.9, 0.1, 0.8]]], (0, 2), 1.0),
        (Multilabel("probabilities"), [[[0.9, 0.1, 0.8]]], np.array([1, 0, 0]), 2 / 3),
        (Multilabel("logits"), [[[0.3, -0.1]]], 0, 1.0),
        (Multilabel("logits"), [[[-0.3, -0.1]]], (), 1.0),
        (Multioutput((True, True)), [[[0.1, 0.9]], [[0.7, 0.3]]], np.array([1, 1]), 0.5),
        (Ordinal(), [[[3.6]]], 4, 1.0),
        (Ordinal(), [[[1.2]]], 4, 0.0),
        (Ordinal(), [[[np.nan]]], 0, 0.0),
        (Ordinal(), [[[np.inf]]], 4, 0.0),
        (Regression(2.0), [[[1.0, 3.0]]], np.array([1.0, 2.0]), 0.75),
        (Regression(2.0), [[[1.0, 3.0]]], np.array([np.nan, 2.0]), 0.5),
        (Segmentation("logits", 1), [[[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]], [[0, 1], [1, 1]], 7 / 12),
        (TokenSequence("tokens"), [[[7, 8, 8, 9]]], (7, 8, 9, 9), 0.75),
    ],
)
def test_quality_is_the_metric_of_the_kind(task, outputs, target, quality):
    assert task.quality([np.array(one) for one in outputs], target) == pytest.approx(quality)


def test_edits_are_counted_as_a_table_of_all_prefixes_counts_them():
    generator = np.random.default_rng(0)
    for _ in range(50):
        found, wanted = (tuple(generator.integers(0, 3, generator.integers(0, 8)).tolist()) for _ in range(2))
        assert edit_distance(found, wanted) == _slow_distance(found, wanted)


def _slow_distance(found, wanted):
    if not found or not wanted:
        return len(found) + len(wanted)
    replaced = _slow_distance(found[1:], wanted[1:]) + (found[0] != wanted[0])
    return min(replaced, _slow_distance(found[1:], wanted) + 1, _slow_distance(found, wanted[1:]) + 1)


@pytest.mark.parametrize(
    ("targets", "facts"),
    [
        ([(2, 4), (1,)], LabelFacts("several")),
        ([(2, 4), (1, 0)], LabelFacts("several", length=2)),
        ([1.0, 3.0], LabelFacts("numbers", spread=1.0)),
        ([np.array([0, 1]), np.array([1, 1])], LabelFacts("arrays", length=2, rank=1, whole=True, spread=0.4330127)),
        ([None, None], LabelFacts()),
    ],
)
def test_labels_are_looked_at(targets, facts):
    found = label_facts(ArraySamples([{} for _ in targets], targets=targets))
    assert found.spread == pytest.approx(facts.spread)
    assert (found.kind, found.length, found.rank, found.whole) == (facts.kind, facts.length, facts.rank, facts.whole)


def test_numbers_that_are_missing_do_not_widen_the_spread_and_rows_without_any_are_no_labels():
    holes = [np.array([0.5, np.nan]), np.array([1.5, 2.5]), np.array([np.nan, np.inf])]
    assert label_facts(ArraySamples([{}] * 3, targets=holes)).spread == pytest.approx(np.std([0.5, 1.5, 2.5]))
    assert label_facts(ArraySamples([{}] * 2, targets=[np.full(2, np.nan)] * 2)).kind == "none"


def test_the_line_says_the_bound_that_was_asked_for():
    said = Regression(2.0).sentence(labelled=True, reference="net/none", good_enough=0.75)
    assert "at most 0.25 of 2, the labels' standard deviation (--good-enough 0.75)" in said
    assert "quality by the label is at least 0.5" in Multilabel().sentence(
        labelled=True, reference="net/none", good_enough=0.5
    )
