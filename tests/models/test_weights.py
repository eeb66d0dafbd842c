"""The description of weights: who reads them, through what, and where their output channels lie."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from compsel.models.channel_axes import ChannelAxes
from compsel.models.editable_graph import borrow
from compsel.models.weights import Weight, input_channels, output_channels, read_weights


def graph_of(nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], outputs: list[str]) -> dict[str, Weight]:
    tensors = [numpy_helper.from_array(np.asarray(values), name) for name, values in weights.items()]
    given = [onnx.ValueInfoProto(name=name) for name in outputs]
    return read_weights(borrow(onnx.ModelProto(graph=onnx.GraphProto(node=nodes, initializer=tensors, output=given))))


@st.composite
def layouts(draw: st.DrawFn) -> ChannelAxes:
    split = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    channels = draw(st.lists(st.sampled_from(range(len(split))), unique=True))
    return ChannelAxes.make(split, split, channels)


@given(layouts())
def test_rows_go_back_to_their_places(layout: ChannelAxes) -> None:
    values = np.arange(np.prod(layout.shape)).reshape(layout.shape)
    rows = layout.rows(values)
    assert rows.shape == (layout.count, layout.products)
    np.testing.assert_array_equal(layout.from_rows(rows), values)
    factors = np.arange(1, layout.count + 1)
    np.testing.assert_array_equal(layout.rows(values * layout.factors(factors)), rows * factors[:, None])
    np.testing.assert_array_equal(layout.from_rows(np.ascontiguousarray(rows)), values)


@given(layouts())
def test_a_layout_does_not_depend_on_how_the_axes_are_cut(layout: ChannelAxes) -> None:
    finer = [part for size in layout.split for part in ((2, size // 2) if size % 2 == 0 else (size,))]
    start, channels = 0, {}
    for axis, size in enumerate(layout.split):
        parts = 2 if size % 2 == 0 else 1
        channels[axis] = range(start, start + parts)
        start += parts
    cut = [part for axis in layout.channels for part in channels[axis]]
    assert ChannelAxes.make(layout.shape, finer, cut) == layout


def node(kind: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(kind, ["x", "w"], ["y"], **attributes)


@pytest.mark.parametrize(
    ("layer", "index", "shape", "count", "axis"),
    [
        (node("Conv", group=2), 1, (6, 2, 3), 6, 0),
        (node("ConvTranspose"), 1, (6, 2, 3), 2, 1),
        (node("ConvTranspose", group=3), 1, (6, 2, 3), 6, None),
        (node("Gemm"), 1, (6, 2), 2, 1),
        (node("Gemm", transB=1), 1, (6, 2), 6, 0),
        (node("Gemm", transA=1), 0, (6, 2), 2, 1),
        (node("MatMul"), 1, (6, 2), 2, 1),
        (node("MatMul"), 0, (6, 2), 6, 0),
        (node("MatMul"), 1, (3, 6, 2), 6, None),
        (node("MatMul"), 0, (3, 6, 2), 18, None),
        (node("Gather", axis=-1), 0, (6, 2), 2, 1),
        (node("LSTM", hidden_size=2), 1, (2, 8, 5), 16, None),
        (node("GRU", hidden_size=2), 2, (1, 6, 2), 6, 1),
        (node("Einsum", equation="bhk,hkn->bhn"), 1, (3, 6, 2), 6, None),
    ],
    ids=lambda value: value.op_type if isinstance(value, onnx.NodeProto) else str(value),
)
def test_output_channels(layer: onnx.NodeProto, index: int, shape: tuple[int, ...], count: int, axis: int) -> None:
    layout = output_channels(layer, index, shape)
    assert layout is not None and (layout.count, layout.axis) == (count, axis)


@pytest.mark.parametrize(
    ("layer", "index", "shape"),
    [
        (node("MatMul"), 1, (6,)),
        (node("Add"), 1, (6, 2)),
        (node("Gather"), 1, (6, 2)),
        (node("LSTM", hidden_size=2), 3, (2, 16)),
        (node("Einsum", equation="bn,bn->bn"), 1, (6, 2)),
        (node("Einsum", equation="...k,kn->...n"), 1, (6, 2)),
    ],
)
def test_what_has_no_output_channels(layer: onnx.NodeProto, index: int, shape: tuple[int, ...]) -> None:
    assert output_channels(layer, index, shape) is None


def test_input_channels_of_groups_are_numbered_through() -> None:
    layout = input_channels(node("Conv", group=2), (4, 3, 1))
    assert layout is not None
    np.testing.assert_array_equal(layout.rows(np.arange(12).reshape(4, 3, 1))[4], [7, 10])


def test_readers_through_operators_that_move() -> None:
    nodes = [
        helper.make_node("Gather", ["w", "ids"], ["rows"]),
        helper.make_node("Transpose", ["w"], ["t"], perm=[1, 0]),
        helper.make_node("Reshape", ["t", "s"], ["r"]),
        helper.make_node("Cast", ["r"], ["c"], to=1),
        helper.make_node("Squeeze", ["c", "a"], ["q"]),
        helper.make_node("MatMul", ["x", "q"], ["y"]),
    ]
    weights = {"w": np.zeros((30, 8)), "s": np.array([1, 8, -1]), "a": np.array([0]), "ids": np.array([1])}
    weight = graph_of(nodes, weights, ["y", "rows"])["w"]
    assert [(reader.node.op_type, len(reader.chain)) for reader in weight.readers] == [("Gather", 0), ("MatMul", 4)]
    assert weight.layout is not None and weight.layout.axis == 0 and not weight.others


def test_a_reshape_that_mixes_axes_has_no_layout() -> None:
    nodes = [helper.make_node("Reshape", ["w", "s"], ["r"]), helper.make_node("MatMul", ["x", "r"], ["y"])]
    weight = graph_of(nodes, {"w": np.zeros((6, 4)), "s": np.array([8, 3])}, ["y"])
    assert not weight or weight["w"].layout is None or weight["w"].layout.count == 3


def test_what_others_read_too_has_no_layout() -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("Add", ["y", "w"], ["z"])]
    weight = graph_of(nodes, {"w": np.zeros((4, 4))}, ["z"])["w"]
    assert weight.others == 1 and weight.layout is None


def test_stored_integers_are_found_behind_their_scale() -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "scale"], ["v"], axis=1),
        helper.make_node("MatMul", ["x", "v"], ["y"]),
    ]
    weight = graph_of(nodes, {"w": np.zeros((4, 6), np.int8), "scale": np.ones(6, np.float32)}, ["y"])["w"]
    assert weight.layout is not None and weight.layout.axis == 1
