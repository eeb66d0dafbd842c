"""`run` gives the numbers, shapes, types and errors of `onnxruntime.InferenceSession.run`, whatever model and feeds."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

import compsel
from compsel.errors import CompselError
from compsel.inputs.samples import ArraySamples
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.models.ort_options import session_options
from compsel.runtime import Runtime
from tests.alike import check_calls_alike, check_same
from tests.batch_models import CASES as BATCHES
from tests.pinned_bundles import pinned
from tests.run_models import CASES, RunCase, floats, parsed

Pair = tuple[onnxruntime.InferenceSession, Runtime]


def both(model: onnx.ModelProto, folder: Path, **options: Any) -> Pair:
    """Return a bare session of a file, and a runtime of a bundle of it."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    bare = session_options(1)
    bare.log_severity_level = 4
    session = onnxruntime.InferenceSession(folder / "model.onnx", bare, providers=["CPUExecutionProvider"])
    return session, pinned(Model.load(folder / "model.onnx"), folder / "pinned", **options)


def check_alike(pair: Pair, outputs: Any, feed: Any) -> None:
    session, runtime = pair
    check_calls_alike(lambda: runtime.run(outputs, feed), lambda: session.run(outputs, feed))


@pytest.mark.parametrize("name", CASES)
def test_every_answer_and_every_error_is_that_of_a_session(name: str, tmp_path: Path) -> None:
    case: RunCase = CASES[name]()
    pair = both(case.model, tmp_path)
    with pair[1]:
        for outputs in case.outputs:
            for feed in case.feeds:
                check_alike(pair, outputs, feed)
        assert [spec.name for spec in pair[1].get_outputs()] == [spec.name for spec in pair[0].get_outputs()]
        assert [spec.name for spec in pair[1].get_inputs()] == [spec.name for spec in pair[0].get_inputs()]


@pytest.mark.parametrize("name", ["dense", "probabilities", "scikit-learn, maps, strings", "pooled"])
def test_what_a_graph_says_of_its_evidence_changes_nothing(name: str, tmp_path: Path) -> None:
    case: RunCase = CASES[name]()
    pair = both(case.model, tmp_path, output="probabilities", independent_rows=True)
    with pair[1]:
        for feed in case.feeds:
            check_alike(pair, None, feed)


def test_an_input_that_fails_keeps_no_later_one_from_its_answer(tmp_path: Path) -> None:
    pair = both(CASES["fails on some"]().model, tmp_path)
    good, bad = ({"x": floats(6), "s": np.array(shape)} for shape in ([2, 3], [4, 4]))
    with pair[1]:
        for feed in (bad, good, bad, bad, good):
            check_alike(pair, None, feed)


def test_unknown_outputs_and_misfitting_tensors_are_caught_as_of_a_session(tmp_path: Path) -> None:
    _, runtime = both(CASES["dense"]().model, tmp_path)
    with runtime:
        for outputs, feed in ((["z"], floats(1, 4)), (None, floats(1, 3)), (None, floats(1, 4).astype(int))):
            with pytest.raises(InvalidArgument) as caught:
                runtime.run(outputs, {"x": feed})
            assert isinstance(caught.value, CompselError)


def test_answers_have_class_scores_first_whatever_the_file_has(tmp_path: Path) -> None:
    _, runtime = both(CASES["scikit-learn, maps, strings"]().model, tmp_path, output="probabilities")
    with runtime:
        answer = runtime({"x": floats(1, 2)})
        assert [spec.name for spec in runtime.answer_outputs] == ["scores", "label"]
        assert [spec.name for spec in runtime.get_outputs()] == ["label", "probability"]
        assert answer.outputs[0].shape == (1, 3)


@pytest.fixture(scope="module")
def shapes_pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    model = parsed(
        """g (float[a, b, c] x, float[d, e] m)
        => (float[a, b, c] y, float s, float[b, a, c] t, float[d, e] r, int64[3] k)
        { y = Softmax<axis=0>(x) s = ReduceSum<keepdims=0>(x) t = Transpose<perm=[1, 0, 2]>(x)
          r = Relu(m) k = Shape(x) }"""
    )
    return both(model, tmp_path_factory.mktemp("shapes"), independent_rows=False)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.lists(st.integers(0, 4), min_size=2, max_size=4),
    second=st.lists(st.integers(0, 4), min_size=1, max_size=3),
    odd=st.sampled_from([0.0, np.nan, np.inf, -np.inf, 1e38, 1e-45]),
    kind=st.sampled_from(["float32", "float64", "int32", "list"]),
    outputs=st.none() | st.lists(st.sampled_from(["y", "s", "t", "r", "k", "no such"]), max_size=4),
    left_out=st.booleans(),
)
def test_feeds_of_any_shape_and_type(
    shapes_pair: Pair, first: list[int], second: list[int], odd: float, kind: str, outputs: Any, left_out: bool
) -> None:
    x = floats(*first)
    if x.size:
        x.flat[0] = odd
    if kind == "int32":
        x = np.nan_to_num(x, posinf=9, neginf=9).clip(-9, 9)
    given_x: Any = x.tolist() if kind == "list" else x.astype(kind)
    feed = {"x": given_x, **({} if left_out else {"m": floats(*second)})}
    check_alike(shapes_pair, outputs, feed)


def built(model: Model | Path, values: list[Any], folder: Path) -> Runtime:
    """Return a runtime of a bundle that was measured, with the model as it is alone."""
    measuring = compsel.Measuring(
        techniques=["none"], processors=["cpu:1"], states=["idle"], output_quality=compsel.OutputQuality("cosine")
    )
    compsel.build([model], ArraySamples(values), folder / "bundle", measuring=measuring)
    return compsel.load(folder / "bundle")


@pytest.mark.slow
@pytest.mark.parametrize("name", BATCHES)
def test_batches_of_a_built_bundle(name: str, tmp_path: Path) -> None:
    model, sample, batch = BATCHES[name]
    random = np.random.default_rng(0)
    values = [
        {key: random.standard_normal(value.shape).astype(np.float32) for key, value in sample.items()}
        for _ in range(20)
    ]
    with built(model, values, tmp_path) as runtime:
        check_same(runtime.run(None, batch), open_session(model.proto).run(None, batch))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scikit-learn, maps, strings", "sequences", "maps"])
def test_what_is_no_tensor_goes_the_whole_way(name: str, tmp_path: Path) -> None:
    case: RunCase = CASES[name]()
    onnx.save(case.model, tmp_path / "model.onnx")
    with built(tmp_path / "model.onnx", 20 * case.feeds[:1], tmp_path) as runtime:
        for feed in case.feeds[:3]:
            check_alike((open_session(case.model), runtime), None, feed)
