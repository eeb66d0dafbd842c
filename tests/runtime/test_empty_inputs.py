"""Inputs without elements: refused where ONNX Runtime would end the process, answered as it answers them elsewhere."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from compsel.errors import InputError
from compsel.models.model import Model
from tests.pinned_bundles import pinned

GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}


def recurrent(kind: str) -> onnx.ModelProto:
    parts = {"w": (1, 4 * GATES[kind], 3), "r": (1, 4 * GATES[kind], 4)}
    source = np.random.default_rng(0)
    weights = [onnx.numpy_helper.from_array(source.random(shape, np.float32), name) for name, shape in parts.items()]
    floats = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(kind, ["x", "w", "r"], ["y"], hidden_size=4)],
        "recurrent",
        [onnx.helper.make_tensor_value_info("x", floats, ("time", "batch", 3))],
        [onnx.helper.make_tensor_value_info("y", floats, ("time", 1, "batch", 4))],
        weights,
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8)


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_what_would_end_the_process_is_refused(kind: str, tmp_path: Path) -> None:
    runtime = pinned(Model.from_proto(recurrent(kind), "net"), tmp_path)
    for shape in ((5, 0, 3), (0, 2, 3)):
        with pytest.raises(InputError, match="ends the process") as caught:
            runtime.run(None, {"x": np.zeros(shape, np.float32)})
        assert isinstance(caught.value, InvalidArgument), "as code that was written for a session catches"
    assert runtime.run(None, {"x": np.zeros((5, 2, 3), np.float32)})[0].shape == (5, 1, 2, 4)


def test_what_is_answered_elsewhere_is_answered(tmp_path: Path) -> None:
    model = recurrent("RNN")
    bare = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    runtime = pinned(Model.from_proto(model, "net"), tmp_path)
    feed = {"x": np.zeros((5, 0, 3), np.float32)}
    assert runtime.run(None, feed)[0].shape == bare.run(None, feed)[0].shape


def test_what_has_no_elements_does_not_speak_for_a_processor(tmp_path: Path) -> None:
    runtime = pinned(Model.from_proto(recurrent("RNN"), "net"), tmp_path)
    runtime.run(None, {"x": np.zeros((5, 0, 3), np.float32)})
    engine = runtime._pool.get("net/none", "cpu:1", tensors=True)
    assert engine.works() is None
    runtime.run(None, {"x": np.zeros((5, 1, 3), np.float32)})
    assert engine.works() is True
