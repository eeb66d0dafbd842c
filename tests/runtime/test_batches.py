"""Rows of a batch get the answers that they get alone, in one inference a stage."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import compsel
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.errors import CompselError, InputError
from compsel.models.model import Model
from compsel.processors.ort_session import OrtSession
from compsel.runtime import Answer, Runtime
from compsel.runtime.feeds.rows import ValueRows
from compsel.selection.cascade.decision_graph import Cascade, Node
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import CascadePolicy
from compsel.variants.writer import write_variant

_CLASSES, _TABLE = 4, 3


def model(name: str, sign: float) -> Model:
    """Whole numbers, so that no order of summation changes any: scores, by a table that has rows 0 to 2."""
    nodes = [
        helper.make_node("Gather", ["table", "row"], ["looked"]),
        helper.make_node("MatMul", ["x", "w"], ["part"]),
        helper.make_node("Add", ["part", "looked"], ["y"]),
    ]
    weights = {
        "w": sign * np.eye(_CLASSES, dtype=np.float32),
        "table": np.arange(_TABLE * _CLASSES, dtype=np.float32).reshape(_TABLE, _CLASSES) % 2,
    }
    values = {"x": (TensorProto.FLOAT, ["n", _CLASSES]), "row": (TensorProto.INT64, ["n"])}
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(key, *value) for key, value in values.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", _CLASSES])],
        [numpy_helper.from_array(array, key) for key, array in weights.items()],
    )
    return Model.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), name)


def cascade() -> CascadePolicy:
    """Goes on where the two best classes of the first stage are near each other."""
    first = Node((0,), np.ones(1), np.array([1.0, 0.0]), 0.0, np.array([0.1, 0.9]), {1: np.ones((2, 1))})
    both = Node((0, 1), np.ones(2), np.zeros(5), 3.0, np.array([0.95]))
    root = Node((), np.ones(0), np.zeros(0), 0.0, np.array([0.5]), {0: np.array([[0.5, 0.5]])})
    return CascadePolicy(Cascade(("small/none", "big/none"), (root, first, both)), 20.0)


@pytest.fixture(scope="module", params=[True, False], ids=["as one batch", "one by one"])
def runtime(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    folder = tmp_path_factory.mktemp("batches")
    variants = [
        replace(write_variant(model(name, sign), folder / "files", "logits"), independent_rows=True)
        for name, sign in (("small", 1.0), ("big", -1.0))
    ]
    choices = tuple((variant.name, "cpu:1") for variant in variants)
    costs = CostModel(choices, np.zeros((1, 1)), np.array([[1.0, 5.0]]), np.array([[1.0, 5.0]]))
    quality = {variant.name: 0.9 for variant in variants}
    content = BundleContent(
        tuple(variants), folder / "files", {"adaptive": cascade()}, {}, Objective(), quality, costs, {}
    )
    write_bundle(content, folder / "bundle")
    with compsel.load(folder / "bundle", adapt=False) as loaded:
        if not request.param:  # then rows share a stage, and no inference
            loaded.bundle.variants.update(
                {name: replace(one, independent_rows=False) for name, one in loaded.bundle.variants.items()}
            )
        yield loaded


def independent(runtime: Runtime) -> bool:
    return all(variant.independent_rows for variant in runtime.bundle.variants.values())


def row(x: list[int], where: int) -> dict[str, np.ndarray]:
    return {"x": np.array([x], np.float32), "row": np.array([where])}


rows_of_numbers = st.lists(
    st.tuples(st.lists(st.integers(-3, 3), min_size=_CLASSES, max_size=_CLASSES), st.integers(0, _TABLE - 1)),
    min_size=1,
    max_size=9,
)


def check_alike(got: Answer | CompselError, alone: Answer) -> None:
    assert isinstance(got, Answer)
    for mine, theirs in zip(got.outputs, alone.outputs, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for here, there in zip(got.stages, alone.stages, strict=True):
        assert (here.variant, here.processor) == (there.variant, there.processor)
        assert here.probability_right == there.probability_right
    assert (got.note, got.abstained, got.output) == (alone.note, alone.abstained, alone.output)


@settings(max_examples=40, deadline=None)
@given(rows=rows_of_numbers)
def test_each_row_gets_the_answer_that_it_gets_alone(runtime: Runtime, rows: list[tuple[list[int], int]]) -> None:
    feeds = [row(*one) for one in rows]
    together = {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
    alone = [runtime.answer(feed) for feed in feeds]
    if independent(runtime):  # else a batch is one input
        (scores,) = runtime.run(None, together)
        np.testing.assert_array_equal(scores, np.concatenate([answer.outputs[0] for answer in alone]))
    allowed = [runtime._input_matcher.checked(feed) for feed in feeds]
    for got, want in zip(runtime._batches().answers(ValueRows(feeds), allowed), alone, strict=True):
        check_alike(got, want)


def test_a_stage_is_one_inference(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    sure, unsure = row([3, 0, 0, 0], 0), row([0, 0, 0, 0], 0)
    assert [len(runtime.answer(one).stages) for one in (sure, unsure)] == [1, 2]
    sizes: list[int] = []
    run = OrtSession.run

    def counted(session: OrtSession, feeds: dict[str, np.ndarray], outputs: object = None) -> list[np.ndarray]:
        sizes.append(len(feeds["x"]))
        return run(session, feeds, outputs)

    monkeypatch.setattr(OrtSession, "run", counted)
    runtime.run(None, {name: np.concatenate([sure[name], unsure[name], unsure[name]]) for name in sure})
    assert sizes == ([3, 2] if independent(runtime) else [3])


def test_a_bad_row_hurts_only_itself(runtime: Runtime) -> None:
    good, bad = row([3, 1, 0, 0], 1), row([3, 1, 0, 0], 99)
    want = runtime.answer(good)
    feeds = [good, bad, good]
    allowed = [runtime._input_matcher.checked(feed) for feed in feeds]
    first, second, third = runtime._batches().answers(ValueRows(feeds), allowed)
    assert isinstance(second, InputError)
    for answer in (first, third):
        check_alike(answer, want)
    with pytest.raises(InputError):
        runtime.run(None, {name: np.concatenate([feed[name] for feed in feeds]) for name in good})
    assert len(runtime.answer(good).stages) == len(want.stages)


def test_each_row_is_recorded_without_times_that_nobody_knows(runtime: Runtime, tmp_path: Path) -> None:
    sure, unsure = row([3, 0, 0, 0], 0), row([0, 0, 0, 0], 0)
    with compsel.load(runtime.bundle.folder, record=tmp_path) as recording:
        alone = recording.answer(sure)
        recording.run(None, {name: np.concatenate([sure[name], unsure[name], unsure[name]]) for name in sure})
    frame = compsel.records(tmp_path)
    assert frame.groupby("answer")["stage"].count().sort_values().tolist() == [1, 1, 2, 2]
    known = frame[frame["latency_ms"].notna() | frame["answer_ms"].notna()]
    assert known["id"].tolist() == [alone.id]
    assert frame["probability_right"].notna().all() and frame["confidence"].notna().all()
