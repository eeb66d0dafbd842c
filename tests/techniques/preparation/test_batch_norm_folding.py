"""Folding keeps the function and leaves nothing that does nothing."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from compsel import Model
from compsel.models.editing import edit_graph
from compsel.models.graph_session import open_session
from compsel.networks import build
from compsel.techniques.preparation.batch_norm_folding import fold
from tests.techniques.foreign import FLOAT, convolutional, make, value, weight
from tests.techniques.inputs import SeededTensors


def same_function(model: Model, folded: onnx.ModelProto) -> bool:
    onnx.checker.check_model(folded, full_check=True)
    feeds = SeededTensors(model).value(0)
    before = open_session(model.proto, optimise=False).run(None, feeds)
    after = open_session(folded, optimise=False).run(None, feeds)
    return all(np.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("opset", [9, 11, 13, 17])
def test_batch_norm_identity_and_dropout_go(opset: int) -> None:
    model = convolutional(opset)
    folded = fold(edit_graph(model)).materialise()
    assert [node.op_type for node in folded.graph.node] == ["Conv", "Clip", "GlobalAveragePool", "Flatten", "Gemm"]
    assert same_function(model, folded)


@pytest.mark.parametrize("layer", ["Conv", "ConvTranspose", "Gemm"])
@pytest.mark.parametrize("bias", [True, False])
def test_batch_norm_after_every_kind_of_layer(layer: str, bias: bool) -> None:
    shape: list[int | str | None] = ["N", 4] if layer == "Gemm" else ["N", 4, 5, 5]
    w = weight("w", 4, 4) if layer == "Gemm" else weight("w", 4, 4, 1, 1)
    nodes = [
        helper.make_node(layer, ["x", "w", *(["b"] if bias else [])], ["a"]),
        helper.make_node("BatchNormalization", ["a", "s", "o", "m", "v"], ["y"]),
    ]
    spread = numpy_helper.from_array(np.array([0.1, 1, 2, 5], np.float32), "v")
    weights = [w, weight("b", 4), weight("s", 4), weight("o", 4), weight("m", 4), spread]
    model = make(nodes, [value("x", FLOAT, shape)], [value("y", FLOAT, shape)], weights)
    folded = fold(edit_graph(model)).materialise()
    assert [node.op_type for node in folded.graph.node] == [layer]
    assert same_function(model, folded)


@pytest.mark.parametrize("layer", ["Conv", "ConvTranspose"])
def test_batch_norm_after_groups(layer: str) -> None:
    nodes = [
        helper.make_node(layer, ["x", "w"], ["a"], group=2),
        helper.make_node("BatchNormalization", ["a", "s", "o", "m", "v"], ["y"]),
    ]
    spread = numpy_helper.from_array(np.array([0.1, 1, 2, 5], np.float32), "v")
    weights = [weight("w", 4, 2, 1), weight("s", 4), weight("o", 4), weight("m", 4), spread]
    shape: list[int | str | None] = ["N", 4, 5]
    model = make(nodes, [value("x", FLOAT, shape)], [value("y", FLOAT, shape)], weights)
    folded = fold(edit_graph(model)).materialise()
    assert [node.op_type for node in folded.graph.node] == [layer]
    assert same_function(model, folded)


def test_factors_and_moved_weights_become_plain() -> None:
    nodes = [
        helper.make_node("Transpose", ["w"], ["t"]),
        helper.make_node("Gemm", ["x", "t", "b"], ["y"], alpha=0.5, beta=2.0),
    ]
    weights = [weight("w", 3, 4), weight("b", 3)]
    model = make(nodes, [value("x", FLOAT, ["N", 4])], [value("y", FLOAT, ["N", 3])], weights)
    folded = fold(edit_graph(model)).materialise()
    assert [node.op_type for node in folded.graph.node] == ["Gemm"] and not folded.graph.node[0].attribute
    assert same_function(model, folded)


def test_layers_that_share_a_weight_get_their_own() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("BatchNormalization", ["a", "s", "o", "m", "v"], ["n"]),
        helper.make_node("Conv", ["n", "w"], ["b"]),
        helper.make_node("BatchNormalization", ["b", "s", "o", "m", "v"], ["y"]),
    ]
    positive = numpy_helper.from_array(np.array([0.5, 1, 2, 4], np.float32), "v")
    weights = [weight("w", 4, 4, 1, 1), weight("s", 4), weight("o", 4), weight("m", 4), positive]
    space = [1, 4, 3, 3]
    model = make(nodes, [value("x", FLOAT, space)], [value("y", FLOAT, space)], weights)
    folded = fold(edit_graph(model)).materialise()
    assert [node.op_type for node in folded.graph.node] == ["Conv", "Conv"]
    assert same_function(model, folded)


@pytest.mark.parametrize("reason", ["output", "second reader"])
def test_a_batch_norm_whose_input_is_read_elsewhere_stays(reason: str) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("BatchNormalization", ["a", "s", "o", "m", "v"], ["n"]),
        helper.make_node("Add", ["n", "a" if reason == "second reader" else "x"], ["y"]),
    ]
    weights = [weight("w", 4, 4, 1, 1), *(weight(name, 4) for name in "som")]
    weights.append(numpy_helper.from_array(np.ones(4, np.float32), "v"))
    space = [1, 4, 3, 3]
    outputs = [value(name, FLOAT, space) for name in (["y", "a"] if reason == "output" else ["y"])]
    model = make(nodes, [value("x", FLOAT, space)], outputs, weights)
    folded = fold(edit_graph(model)).materialise()
    assert "BatchNormalization" in [node.op_type for node in folded.graph.node]
    assert same_function(model, folded)


def padded(pads: list[int], mode: str = "constant", fill: float = 0.0, reader: str = "Conv") -> Model:
    nodes = [
        helper.make_node("Pad", ["x", "pads", "fill"], ["p"], mode=mode),
        helper.make_node("Conv", ["p", "w"], ["y"], kernel_shape=[3, 3], pads=[0, 1, 0, 0])
        if reader == "Conv"
        else helper.make_node("MaxPool", ["p"], ["y"], kernel_shape=[3, 3]),
    ]
    weights = [weight("w", 2, 3, 3, 3)] if reader == "Conv" else []
    constants = [
        numpy_helper.from_array(np.array(pads, np.int64), "pads"),
        numpy_helper.from_array(np.float32(fill), "fill"),
    ]
    outputs = [value("y", FLOAT, [1, "c", "h", "w"])]
    return make(nodes, [value("x", FLOAT, [1, 3, 8, 8])], outputs, [*weights, *constants])


@pytest.mark.parametrize(
    ("model", "merged"),
    [
        (padded([0, 0, 0, 0, 0, 0, 0, 0]), True),
        (padded([0, 0, 0, 1, 0, 0, 2, 1]), True),
        (padded([0, 0, 1, 1, 0, 0, 1, 1], fill=0.5), False),
        (padded([0, 0, 1, 1, 0, 0, 1, 1], mode="reflect"), False),
        (padded([0, 0, -1, 0, 0, 0, 0, 0]), False),
        (padded([0, 0, 1, 1, 0, 0, 1, 1], reader="MaxPool"), False),
    ],
    ids=["nothing", "uneven", "not zero", "reflect", "crop", "pooling"],
)
def test_pads_are_merged_where_that_is_the_same(model: Model, merged: bool) -> None:
    folded = fold(edit_graph(model)).materialise()
    assert ("Pad" in [node.op_type for node in folded.graph.node]) == (not merged)
    assert same_function(model, folded)


def test_a_whole_network() -> None:
    model = build("mobilenet-v1", width=0.25, resolution=64)
    folded = fold(edit_graph(model)).materialise()
    assert "BatchNormalization" not in {node.op_type for node in folded.graph.node}
    feeds = SeededTensors(model).value(0)
    before, after = (open_session(proto, optimise=False).run(None, feeds)[0] for proto in (model.proto, folded))
    assert np.linalg.norm(before - after) < 1e-4 * np.linalg.norm(before)
