"""Graphs with the properties of public reports: what techniques make of them is close to the model, or is refused."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compsel.errors import NotApplicableError
from compsel.inputs.samples import ArraySamples
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.models.output_comparison import flat_numbers, relative_error
from compsel.techniques import parse

GENERATOR = np.random.default_rng(0)


def weight(*shape: int) -> np.ndarray:
    return (GENERATOR.standard_normal(shape) * 1.5 / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32)


def model(
    nodes: Sequence[onnx.NodeProto],
    x: Sequence[int | str],
    y: Sequence[int | str],
    weights: dict[str, np.ndarray],
    opset: int = 17,
) -> Model:
    """Return a model from "x" to "y"."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, y)],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    return Model.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), "m")


def error_of(technique: str, original: Model, shape: tuple[int, ...]) -> float:
    """Return the relative error of the outputs on inputs that were not calibrated on."""
    feeds = [{"x": np.random.default_rng(n).standard_normal(shape).astype(np.float32)} for n in range(24)]
    variant = parse(technique).apply(original, ArraySamples(feeds[:16]))
    before, after = open_session(original.proto), open_session(variant.proto)
    errors = []
    for feed in feeds[16:]:
        pair = flat_numbers(after.run(None, feed), before.run(None, feed))
        assert pair is not None
        errors.append(relative_error(*pair))
    return float(np.mean(errors))


@pytest.mark.parametrize("shape", [(1, 32), (1,), (1, 1), (32,)], ids=str)
@pytest.mark.parametrize("norm", [False, True], ids=["plain", "batch norm"])
@pytest.mark.parametrize(("technique", "most"), [("float16", 0.002), ("int8-weight", 0.02), ("int8-static", 0.08)])
def test_a_bias_of_any_shape_that_broadcasts(shape: tuple[int, ...], norm: bool, technique: str, most: float) -> None:
    weights = {"w": weight(32, 16), "b": weight(*shape), "w2": weight(10, 32)}
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["h"], transB=1)]
    if norm:
        nodes.append(helper.make_node("BatchNormalization", ["h", "s", "o", "m", "v"], ["n"]))
        weights |= {"s": abs(weight(32)) + 0.5, "o": weight(32), "m": weight(32), "v": abs(weight(32)) + 0.5}
    nodes += [
        helper.make_node("Relu", [nodes[-1].output[0]], ["r"]),
        helper.make_node("Gemm", ["r", "w2"], ["y"], transB=1),
    ]
    assert error_of(technique, model(nodes, ["n", 16], ["n", 10], weights), (1, 16)) < most


def test_a_bias_for_each_row_stays() -> None:
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)]
    weights = {"w": weight(4, 4), "b": weight(4, 1)}
    assert error_of("int8-weight", model(nodes, [4, 4], [4, 4], weights), (4, 4)) < 0.02


def test_factors_of_a_gemm_go_into_its_weight_or_the_gemm_stays() -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], alpha=0.25, beta=3.0),
        helper.make_node("Gemm", ["h", "shared"], ["g"], alpha=0.5),
        helper.make_node("Gemm", ["g", "shared"], ["y"]),
    ]
    weights = {"w": weight(16, 16), "b": weight(16), "shared": weight(16, 16)}
    network = model(nodes, ["n", 16], ["n", 16], weights)
    assert error_of("int8-static", network, (1, 16)) < 0.08
    feeds = [{"x": np.random.default_rng(n).standard_normal((1, 16)).astype(np.float32)} for n in range(4)]
    graph = parse("int8-static").apply(network, ArraySamples(feeds)).proto.graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    products = [node for node in graph.node if node.op_type == "Gemm"]
    factors = [helper.get_node_attr_value(node, "alpha") if node.attribute else 1.0 for node in products]
    assert factors == [1.0, 0.5, 1.0]
    assert [makers.get(node.input[1]) for node in products] == ["DequantizeLinear", None, "DequantizeLinear"]


@pytest.mark.parametrize(("operator", "opset"), [("Resize", 10), ("Upsample", 9)])
@pytest.mark.parametrize("mode", ["linear", "nearest"])
@pytest.mark.parametrize(
    ("technique", "most"), [("float16", 0.002), ("int16-weight", 0.001), ("int8-dynamic", 0.03), ("int8-static", 0.04)]
)
def test_older_resizes_keep_their_pixels(operator: str, opset: int, mode: str, technique: str, most: float) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node(operator, ["a", "s"], ["u"], mode=mode),
        helper.make_node("Conv", ["u", "k2"], ["y"]),
    ]
    weights = {"k": weight(8, 3, 3, 3), "k2": weight(4, 8, 3, 3), "s": np.array([1, 1, 2, 2], np.float32)}
    network = model(nodes, [1, 3, 8, 8], [1, 4, 14, 14], weights, opset)
    assert error_of(technique, network, (1, 3, 8, 8)) < most


def test_an_output_that_the_converter_renames_keeps_its_name() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Upsample", ["a", "s"], ["y"], mode="nearest"),
    ]
    weights = {"k": weight(4, 3, 3, 3), "s": np.array([1, 1, 2, 2], np.float32)}
    network = model(nodes, [1, 3, 8, 8], [1, 4, 16, 16], weights, 9)
    assert error_of("int16-weight", network, (1, 3, 8, 8)) < 0.001


def test_a_conversion_that_changes_what_is_computed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from compsel.models import opset_upgrade

    monkeypatch.setattr(opset_upgrade, "_keep_pixels", lambda graph: None)
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Resize", ["a", "s"], ["y"], mode="linear"),
    ]
    weights = {"k": weight(4, 3, 3, 3), "s": np.array([1, 1, 2, 2], np.float32)}
    with pytest.raises(NotApplicableError, match="converter changes what it computes: relative error 0"):
        parse("int16-weight").apply(model(nodes, [1, 3, 8, 8], [1, 4, 16, 16], weights, 10), None)


@pytest.mark.parametrize(
    "technique", ["int8-dynamic", "int8-static", "int8-weight", "int4-weight", "low-rank:energy=0.9"]
)
def test_names_that_meet_those_that_are_made_up(technique: str) -> None:
    """A node is called as a value, values as what would be made up for it."""
    nodes = [
        helper.make_node("Gemm", ["x", "fc0.scale"], ["fc1"], "fc0", transB=1),
        helper.make_node("Relu", ["fc1"], ["fc1.scaled"], "fc1.quantise"),
        helper.make_node("Gemm", ["fc1.scaled", "fc1.uint8"], ["fc1.rounded"], "fc1", transB=1),
        helper.make_node("Gemm", ["fc1.rounded", "fc1.int8", "fc1.bias"], ["y"], "fc1.scale", transB=1),
    ]
    weights = {
        "fc0.scale": weight(64, 64),
        "fc1.uint8": weight(64, 64),
        "fc1.int8": weight(64, 64),
        "fc1.bias": weight(64),
    }
    most = 0.9 if technique.startswith("low") else 0.3
    assert error_of(technique, model(nodes, ["n", 64], ["n", 64], weights), (1, 64)) < most
