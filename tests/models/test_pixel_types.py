"""Graphs of pixels for models that take other numbers than float32, and grey pictures: the answers of the tensors."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compsel.inputs.feeds import feeds_of
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.processors import CpuProcessor
from compsel.variants.engine import Engine
from compsel.variants.writer import write_variant

TYPES = {
    "float16": (TensorProto.FLOAT16, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "uint8": (TensorProto.UINT8, (0.0,) * 3, (1.0,) * 3),
    "int8": (TensorProto.INT8, (127.3,) * 3, (1.0,) * 3),
    "float32": (TensorProto.FLOAT, (127.5,) * 3, (127.5,) * 3),
}


def network(dtype: str, layout: str, channels: str, classes: int = 10) -> Model:
    """A convolution, a pooling and class scores, in the element type of the input where that is a float."""
    kind, mean, std = TYPES[dtype]
    number = np.float16 if dtype == "float16" else np.float32
    depth = 1 if channels == "GRAY" else 3
    kernel = (np.random.default_rng(0).standard_normal((classes, depth, 3, 3)) / 9).astype(number)
    shape = ["n", depth, 16, 16] if layout == "NCHW" else ["n", 16, 16, depth]
    perm = [0, 1, 2, 3] if layout == "NCHW" else [0, 3, 1, 2]
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=helper.np_dtype_to_tensor_dtype(np.dtype(number))),
        helper.make_node("Transpose", ["f"], ["t"], perm=perm),
        helper.make_node("Conv", ["t", "k"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Flatten", ["p"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", helper.np_dtype_to_tensor_dtype(np.dtype(number)), ["n", classes])],
        [numpy_helper.from_array(kernel, "k")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(proto)
    preprocessing = ImagePreprocessing((16, 16), mean=mean, std=std, layout=layout, channels=channels)
    return replace(Model.from_proto(proto, "net"), preprocessing=preprocessing)


@pytest.mark.parametrize("dtype", sorted(TYPES))
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("channels", ["RGB", "BGR", "GRAY"])
def test_an_app_gets_the_answers_of_the_tensors(dtype: str, layout: str, channels: str) -> None:
    model = network(dtype, layout, channels)
    image = np.random.default_rng(1).integers(0, 256, (40, 30, 3), np.uint8)
    feeds = feeds_of(model, image)
    assert feeds["x"].dtype == dtype and feeds["x"].shape[0] == 1
    (wanted,) = open_session(model.proto).run(None, feeds)
    folder = Path(tempfile.mkdtemp())
    engine = Engine(write_variant(model, folder, "logits"), folder, CpuProcessor(1))
    outputs, scores = engine.answer(image)
    np.testing.assert_allclose(outputs[0], wanted, rtol=1e-2 if dtype == "float16" else 1e-5, atol=1e-3)
    assert scores is not None and scores.evidence.classes[0, 0] == wanted.argmax()
