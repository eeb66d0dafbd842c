"""Class scores come first, wherever an exporter put them; other outputs stay as they are."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from compsel.models.model import Model

RNG = np.random.default_rng(0)


def graph_of(outputs: list[onnx.ValueInfoProto], nodes: list[onnx.NodeProto], opsets: int = 1) -> onnx.ModelProto:
    weights = numpy_helper.from_array(RNG.standard_normal((4, 3)).astype(np.float32), "w")
    start = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Softmax", ["m"], ["p"], axis=1)]
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])]
    graph = helper.make_graph([*start, *nodes], "g", ends, outputs, [weights])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def value(name: str, kind: int, *shape: int | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


LABEL = helper.make_node("ArgMax", ["p"], ["label"], axis=1, keepdims=0)
SCORES = helper.make_node("Identity", ["p"], ["probabilities"])
PATH = helper.make_node("Identity", ["m"], ["decision_path"])


def loaded(proto: onnx.ModelProto, path: Path) -> Model:
    onnx.save(proto, path / "model.onnx")
    return Model.load(path / "model.onnx")


def names(model: Model) -> list[str]:
    return [spec.name for spec in model.outputs]


def test_probabilities_behind_a_label(tmp_path: Path) -> None:
    outputs = [value("label", TensorProto.INT64, None), value("probabilities", TensorProto.FLOAT, None, 3)]
    model = loaded(graph_of(outputs, [LABEL, SCORES]), tmp_path)
    assert names(model) == ["probabilities", "label"]
    outputs = onnxruntime.InferenceSession(model.serialize()).run(None, {"x": np.ones((1, 4), np.float32)})
    assert outputs[0].shape == (1, 3) and outputs[0].argmax() == outputs[1][0]


def test_probabilities_among_others(tmp_path: Path) -> None:
    outputs = [
        value("decision_path", TensorProto.FLOAT, None, 3),
        value("label", TensorProto.INT64, None),
        value("probabilities", TensorProto.FLOAT, None, 3),
    ]
    model = loaded(graph_of(outputs, [PATH, LABEL, SCORES]), tmp_path)
    assert names(model) == ["probabilities", "decision_path", "label"]


def test_maps_of_rows_become_the_tensor(tmp_path: Path) -> None:
    zipped = helper.make_node("ZipMap", ["p"], ["output_probability"], domain="ai.onnx.ml",
                              classlabels_strings=["ash", "elm", "oak"])  # fmt: skip
    maps = onnx.ValueInfoProto(name="output_probability")
    row = maps.type.sequence_type.elem_type.map_type
    row.key_type = TensorProto.STRING
    row.value_type.tensor_type.elem_type = TensorProto.FLOAT
    model = loaded(graph_of([value("label", TensorProto.INT64, None), maps], [LABEL, zipped]), tmp_path)
    assert (model.outputs[0].dtype, model.outputs[0].shape) == ("float32", (None, 3))
    assert model.labels == ("ash", "elm", "oak")
    (scores, _) = onnxruntime.InferenceSession(model.serialize()).run(None, {"x": np.ones((1, 4), np.float32)})
    assert scores.shape == (1, 3)


@pytest.mark.parametrize("first", ["decision_path", "probabilities"])
def test_scores_first_and_unknown_outputs_stay(first: str, tmp_path: Path) -> None:
    maker = PATH if first == "decision_path" else SCORES
    boxes = helper.make_node("Identity", ["m"], ["boxes"])
    outputs = [value(first, TensorProto.FLOAT, None, 3), value("boxes", TensorProto.FLOAT, None, 3)]
    model = loaded(graph_of(outputs, [maker, boxes]), tmp_path)
    assert names(model) == [first, "boxes"]


def test_pooled_scores_are_flattened(tmp_path: Path) -> None:
    shape = numpy_helper.from_array(np.array([0, 3, 1, 1]), "shape")
    proto = graph_of(
        [value("scores", TensorProto.FLOAT, None, 3, 1, 1)], [helper.make_node("Reshape", ["p", "shape"], ["scores"])]
    )
    proto.graph.initializer.append(shape)
    model = loaded(proto, tmp_path)
    assert model.outputs[0].shape == (None, 3) and names(model) == ["scores"]
    (scores,) = onnxruntime.InferenceSession(model.serialize()).run(None, {"x": np.ones((2, 4), np.float32)})
    assert scores.shape == (2, 3)
