"""Files that `compress` writes have the outputs of the model's own file: names, order, types, shapes, maps."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import compsel
from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model
from compsel.techniques import parse
from compsel.variants.compress import compress

RNG = np.random.default_rng(0)
FEEDS = [{"x": RNG.standard_normal((1, 32)).astype(np.float32)} for _ in range(24)]


def value(name: str, kind: int, *shape: int | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def model_of(*nodes: onnx.NodeProto, outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
    weights = {
        name: RNG.standard_normal(shape).astype(np.float32) / 6 for name, shape in (("w", (32, 48)), ("v", (48, 3)))
    }
    start = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "v"], ["m"]),
        helper.make_node("Softmax", ["m"], ["p"], axis=1),
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph([*start, *nodes], "g", [value("x", TensorProto.FLOAT, None, 32)], outputs, tensors)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


LABEL = helper.make_node("ArgMax", ["p"], ["label"], axis=1, keepdims=0)


def with_maps(keys: list[str] | list[int]) -> onnx.ModelProto:
    texts = isinstance(keys[0], str)
    named = {"classlabels_strings" if texts else "classlabels_int64s": keys}
    maps = helper.make_node("ZipMap", ["p"], ["output_probability"], domain="ai.onnx.ml", **named)
    number = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    row = helper.make_map_type_proto(TensorProto.STRING if texts else TensorProto.INT64, number)
    of_maps = helper.make_value_info("output_probability", helper.make_sequence_type_proto(row))
    return model_of(LABEL, maps, outputs=[value("label", TensorProto.INT64, None), of_maps])


def with_label_first() -> onnx.ModelProto:
    return model_of(LABEL, outputs=[value("label", TensorProto.INT64, None), value("p", TensorProto.FLOAT, None, 3)])


def pooled() -> onnx.ModelProto:
    ones = helper.make_node("Unsqueeze", ["m", "ones"], ["y"])
    proto = model_of(ones, outputs=[value("y", TensorProto.FLOAT, None, 3, 1, 1)])
    proto.graph.initializer.append(numpy_helper.from_array(np.array([2, 3]), "ones"))
    return proto


FILES = {
    "maps by text": with_maps(["ash", "elm", "oak"]),
    "maps by number": with_maps([3, 5, 9]),
    "label first": with_label_first(),
    "pooled": pooled(),
}


@pytest.mark.parametrize("spec", ["none", "float16", "int8-static", "int8-weight", "prune:0.3"])
@pytest.mark.parametrize("name", FILES)
def test_a_variant_stands_in_for_the_file_of_its_model(name: str, spec: str, tmp_path: Path) -> None:
    onnx.save(FILES[name], tmp_path / "net.onnx")
    [report] = compress([tmp_path / "net.onnx"], [parse(spec)], ArraySamples(FEEDS), tmp_path / "out")
    assert report.verification is not None and report.verification.agreement is not None and report.path is not None
    ours, theirs = (onnxruntime.InferenceSession(path) for path in (report.path, tmp_path / "net.onnx"))
    interfaces = [[(one.name, one.type, one.shape[1:]) for one in session.get_outputs()] for session in (ours, theirs)]
    assert interfaces[0] == interfaces[1]
    for got, wanted in zip(ours.run(None, FEEDS[0]), theirs.run(None, FEEDS[0]), strict=True):
        assert type(got) is type(wanted)
        if isinstance(wanted, np.ndarray):
            assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
        else:
            assert [list(row) for row in got] == [list(row) for row in wanted]
            assert list(got[0].values()) == pytest.approx(list(wanted[0].values()), abs=0.1)


def test_a_file_that_gives_its_label_first_is_rated_by_its_scores(tmp_path: Path) -> None:
    onnx.save(FILES["maps by text"], tmp_path / "net.onnx")
    model = Model.load(tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    labels = [int(session.run(["label"], feeds)[0][0]) for feeds in FEEDS]
    [report] = compsel.compress(
        model, "int8-weight", tmp_path / "out", samples=ArraySamples(FEEDS, labels=labels), seconds=0.01
    )
    assert report.figures is not None and report.original is not None
    assert report.original.accuracy == 1.0
    assert report.figures.accuracy is not None and report.figures.accuracy > 0.8
