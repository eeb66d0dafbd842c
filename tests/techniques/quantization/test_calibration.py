import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from compsel import Model
from compsel.inputs.synthetic_feeds import synthetic_feeds
from compsel.models import graph_session as session_module
from compsel.models.editable_graph import borrow
from compsel.models.editing import edit_graph
from compsel.models.graph_session import open_session
from compsel.techniques.quantization.calibration import calibrate
from compsel.techniques.quantization.histogram import Method
from tests.techniques.foreign import convolutional, two_inputs
from tests.techniques.inputs import SeededTensors


def values_of(model: Model, names: list[str], samples: SeededTensors) -> dict[str, np.ndarray]:
    graph = borrow(model.proto).with_outputs(names)
    session = open_session(graph, optimise=False)
    runs = [session.run(names, dict(sample.value)) for sample in samples]
    return {name: np.concatenate([run[index].ravel() for run in runs]) for index, name in enumerate(names)}


def test_minmax_is_the_extremes() -> None:
    model = convolutional()
    samples = SeededTensors(model)
    ranges = calibrate(edit_graph(model), ["x", "a", "c", "y"], lambda: (sample.value for sample in samples))
    inputs = np.concatenate([sample.value["x"].ravel() for sample in samples])
    expected = {"x": inputs, **values_of(model, ["a", "c", "y"], samples)}
    for name, values in expected.items():
        assert ranges[name] == pytest.approx((min(values.min(), 0), max(values.max(), 0)), rel=1e-5)


@pytest.mark.parametrize(("method", "passes"), [("minmax", 1), ("percentile", 2), ("entropy", 2), ("mse", 2)])
def test_samples_are_read_one_by_one(method: Method, passes: int) -> None:
    model = two_inputs()
    samples = SeededTensors(model, count=6)
    ranges = calibrate(
        edit_graph(model),
        ["left", "s", "y"],
        lambda: (sample.value for sample in samples),
        method,
    )
    assert samples.reads == 6 * passes
    assert all(low <= 0 <= high for low, high in ranges.values())
    assert ranges["y"][0] == 0  # behind a ReLU


_BATCH = 16  # tensors large enough to stand out from what else runs in the process


def peak(method: Method, count: int) -> int:
    model = convolutional(batch=_BATCH)

    def feeds() -> Iterator[dict[str, np.ndarray]]:
        return (synthetic_feeds(model.inputs, index) for index in range(count))

    tracemalloc.start()
    calibrate(edit_graph(model), ["a", "n", "c"], feeds, method)
    size = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return size


@pytest.mark.parametrize("method", ["minmax", "percentile", "entropy", "mse"])
def test_memory_does_not_grow_with_the_samples(method: Method) -> None:
    peak(method, 4)  # whatever is allocated once
    tensor_bytes = _BATCH * 8 * 16 * 16 * 4
    assert peak(method, 200) < peak(method, 10) + 190 * tensor_bytes / 10


def test_values_that_are_not_finite_have_no_range() -> None:
    model = convolutional()
    feeds = {"x": np.full((1, 3, 16, 16), 3e38, np.float32)}
    assert set(calibrate(edit_graph(model), ["x", "a"], lambda: iter([feeds]))) == {"x"}


def test_large_models_load_through_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    model = convolutional()
    feeds = SeededTensors(model).value(0)
    expected = open_session(model.proto).run(None, feeds)[0]
    monkeypatch.setattr(session_module, "_IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(session_module, "_ALIGNMENT", 16)
    np.testing.assert_allclose(open_session(model.proto).run(None, feeds)[0], expected, rtol=1e-5)
