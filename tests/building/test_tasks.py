"""Kinds of answers on the way from a model to a bundle: said, measured by their metric, stored, and fused."""

import contextlib
import json
from dataclasses import replace

import numpy as np
import pytest

import compsel
from compsel.building.judging import judge_of
from compsel.building.measure import measure
from compsel.building.train import train_bundle
from compsel.errors import BundleError, ProfileError, SamplesError, UsageError
from compsel.evaluation.evaluate import evaluate
from compsel.features.fusion import Scores, read_evidence
from compsel.inputs.samples import ArraySamples
from compsel.models.graph_session import open_session
from compsel.runtime.dispatch.answer_fusion import fuse_answers
from compsel.runtime.runtime import Runtime
from tests import answering_models
from tests.measuring import quick
from tests.reporters import Heard

FEEDS = answering_models.inputs(40)
BINARY = {"p": ([1], "Sigmoid")}
LABELS = {"p": ([5], "Sigmoid")}
DIGITS = {f"digit_{number}": ([4], "Softmax") for number in range(3)}


def answers(model, decide):
    session = open_session(model.proto)
    return [decide(session.run(None, feeds)) for feeds in FEEDS]


def measured(model, samples, folder, **options):
    heard = Heard()
    profile, _ = measure([model], samples, folder, quick(**{"techniques": ["none"], **options}), reporter=heard)
    return profile, [line for line in heard.messages if line.startswith(("answers are", "labels are", "warning"))]


def test_one_probability_is_two_classes_that_labels_judge(tmp_path):
    model = answering_models.model(BINARY)
    labels = answers(model, lambda outputs: int(outputs[0].item() > 0.5))
    labels[0] = 1 - labels[0]
    profile, said = measured(model, ArraySamples(FEEDS, labels=labels), tmp_path)
    assert profile.quality.mean() == pytest.approx(39 / 40)
    assert (profile.task, profile.variants[0].output) == ("binary", "probability")
    assert json.loads((tmp_path / "profile.json").read_text())["task"] == "binary"
    (evidence,) = profile.evidence
    assert evidence.n_classes == 2
    assert evidence.probabilities[:, 0].min() >= 0.5
    assert said == [
        "answers are read as: two classes by one probability; right when p > 0.5 is the label; --task to change"
    ]


def test_a_bundle_of_two_classes_answers_with_a_class_in_the_shape_of_the_model(tmp_path):
    model = answering_models.model(BINARY)
    samples = ArraySamples(FEEDS, labels=answers(model, lambda outputs: int(outputs[0].item() > 0.5)))
    profile, _ = measured(model, samples, tmp_path / "work", techniques=["none", "int8-weight"])
    train_bundle(profile, tmp_path / "work" / "variants", tmp_path / "bundle")
    assert json.loads((tmp_path / "bundle" / "manifest.json").read_text())["task"] == "binary"
    assert json.loads((tmp_path / "bundle" / "bundle.json").read_text())["summary"]["task"] == "binary"
    with compsel.load(tmp_path / "bundle") as runtime:
        for feeds, label in zip(FEEDS, samples.labels, strict=True):
            answer = runtime.answer(feeds)
            (output,) = answer.outputs
            assert (output.shape, answer.label) == ((1, 1), label)
            p = output.item()
            assert answer.confidence == pytest.approx(max(p, 1 - p), abs=1e-6)
            assert [name for name, _ in answer.top()] == [label, 1 - label]
    with Runtime(compsel.Bundle.load(tmp_path / "bundle")) as runtime:
        assert evaluate(runtime, samples, repeats=1).results["adaptive"].right.all()


@pytest.mark.parametrize(
    ("kind", "written"), [("probability", 0.94), ("logit", np.log(16)), ("probabilities", [0.06, 0.94])]
)
def test_stages_are_fused_into_what_the_model_gives(kind, written):
    said = np.array([0.2, 0.8], np.float32)
    scores = 2 * [Scores(np.log(said), read_evidence(said))]
    shape = (1, 2, 1) if kind == "probabilities" else (1, 1)
    outputs = [np.zeros(shape, np.float32), np.ones(3)]
    fused, other = fuse_answers(np.ones(2), scores, outputs, kind)
    assert fused.shape == shape
    assert fused.ravel() == pytest.approx(np.ravel(written), abs=0.01)
    assert other is outputs[1]


def test_several_labels_are_judged_by_their_f1_score_and_ship_with_their_confidence(tmp_path):
    model = answering_models.model(LABELS)
    targets = answers(model, lambda outputs: tuple(np.flatnonzero(outputs[0][0] > 0.5).tolist()))
    first = len(targets[0])
    targets[0] = (*targets[0], next(one for one in range(5) if one not in targets[0]))
    samples = ArraySamples(FEEDS, targets=targets)
    profile, said = measured(model, samples, tmp_path / "work", techniques=["none", "int8-weight"])
    assert profile.quality[0, 0] == pytest.approx(2 * first / (2 * first + 1))
    assert profile.quality[1:, 0].tolist() == [1.0] * 39
    criterion = profile.quality_criterion
    assert (criterion.quality, criterion.confidence, criterion.good_enough, criterion.reference) == (
        "multilabel",
        "multilabel",
        1.0,
        "",
    )
    assert len(said) == 1
    assert said[0].startswith("answers are read as: several labels at once")
    train_bundle(profile, tmp_path / "work" / "variants", tmp_path / "bundle")
    with Runtime(compsel.Bundle.load(tmp_path / "bundle")) as runtime:
        right = evaluate(runtime, samples, repeats=1).results["adaptive"].right
        assert right.tolist() == [False] + [True] * 39
        with pytest.raises(SamplesError, match="40 of 40 samples have no label"):
            evaluate(runtime, ArraySamples(FEEDS), repeats=1)


def test_without_labels_every_head_has_to_agree_with_the_uncompressed_model(tmp_path):
    model = answering_models.model(DIGITS, first=9.0)
    profile, said = measured(model, ArraySamples(FEEDS), tmp_path)
    assert profile.task == "multioutput"
    assert said[0].startswith("answers are read as: 3 outputs of exclusive classes each")
    assert profile.quality.tolist() == [[1.0]] * 40
    judge = judge_of([model], ArraySamples(FEEDS), quick())
    reference = [np.eye(4)[[2]], np.eye(4)[[0]], np.eye(4)[[1]]]
    assert judge.score(reference, reference, None) >= judge.threshold
    assert judge.score([reference[0], reference[2], reference[2]], reference, None) == pytest.approx(2 / 3)
    assert judge.threshold == 1


def test_what_answers_are_compared_with_is_asked_for_where_it_does_not_ship(tmp_path):
    profile, _ = measured(answering_models.model(DIGITS, first=9.0), ArraySamples(FEEDS), tmp_path / "work")
    criterion = replace(profile.quality_criterion, reference="net/other")
    heard = Heard()
    train_bundle(
        replace(profile, quality_criterion=criterion),
        tmp_path / "work" / "variants",
        tmp_path / "bundle",
        reporter=heard,
    )
    kept = f"does not ship: to evaluate the bundle elsewhere, keep {tmp_path / 'work'}"
    assert any(line.startswith("net/other") and kept in line for line in heard.messages)
    loaded = compsel.Bundle.load(tmp_path / "bundle")
    with Runtime(loaded) as runtime, pytest.raises(BundleError, match=r"net/other.*give what the build measured"):
        evaluate(runtime, ArraySamples(FEEDS), repeats=1)


def test_a_kind_that_is_named_is_taken_and_nothing_is_asked(tmp_path):
    model = answering_models.model(LABELS)
    profile, said = measured(model, ArraySamples(FEEDS[:3]), tmp_path, task="multiclass")
    assert profile.variants[0].output == "logits"
    assert said == [
        "answers are read as: exclusive classes by their scores; compared with those of net/none, right when they "
        "decide the same"
    ]


def test_a_kind_of_classes_does_not_go_with_a_function_of_quality():
    model = answering_models.model(BINARY)
    with pytest.raises(UsageError, match="task: got binary together with quality"):
        judge_of([model], ArraySamples(FEEDS), quick(task="binary", good_enough=0.8))


def test_a_function_of_quality_is_asked_and_nothing_recognised():
    judge = judge_of([answering_models.model(BINARY)], ArraySamples(FEEDS), quick(quality=lambda outputs, target: 1.0))
    assert judge.task is None


def test_models_that_write_their_answers_in_other_forms_are_refused(tmp_path):
    models = [answering_models.model(LABELS), answering_models.model({"p": ([5], "")}, seed=1)]
    models[1] = replace(models[1], name="other")
    with pytest.raises(ProfileError, match="net and other give their answers in other forms"):
        measure(models, ArraySamples(FEEDS), tmp_path, quick(techniques=["none"]))


@pytest.mark.parametrize(
    ("labels", "doubles", "said"),
    [
        ([1] * 12, False, "warning: labels: all 12 samples have the same one (1)"),
        ([0, 1] * 6, True, "warning: labels: 12 samples stand there again with another label (0, 1, 2, ...)"),
    ],
)
def test_labels_that_say_nothing_are_told(labels, doubles, said, tmp_path):
    model = answering_models.model(BINARY)
    feeds = [feeds for feeds in FEEDS[:6] for _ in range(2)] if doubles else FEEDS[:12]
    heard = Heard()
    samples = ArraySamples(feeds, labels=labels)
    with contextlib.suppress(ProfileError):  # labels that nothing predicts are refused later
        measure([model], samples, tmp_path, quick(techniques=["none"]), reporter=heard)
    assert any(line.startswith(said) for line in heard.messages)


def test_targets_that_a_named_kind_cannot_use_are_spoken_of(tmp_path):
    samples = ArraySamples(FEEDS[:4], targets=[0.5, 1.5, 2.5, 3.5])
    _, said = measured(answering_models.model({"y": ([1], "")}), samples, tmp_path, task="binary")
    assert said[-1].startswith("labels are ignored: they are no classes")


def test_targets_without_a_number_in_a_row_are_no_labels_and_a_profile_is_written(tmp_path):
    targets = [np.full(2, np.nan), *(np.array([0.5, float(row)]) for row in range(39))]
    profile, said = measured(
        answering_models.model({"y": ([2], "")}), ArraySamples(FEEDS, targets=targets), tmp_path, task="regression"
    )
    assert said[-1] == "labels are ignored: some samples have none"
    assert (profile.quality == 1.0).all()
