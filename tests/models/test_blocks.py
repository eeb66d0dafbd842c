"""Blocks are found in the graph: the same ones as the definitions of our networks name."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compsel.inputs.samples import ArraySamples
from compsel.models.blocks import find_blocks
from compsel.models.model import Model
from compsel.networks import build
from compsel.techniques import parse

SMALL = {"width": 0.125, "resolution": 96, "classes": 10}


def outputs(model: Model) -> list[str]:
    return [block.output for block in find_blocks(model)]


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def graph(nodes: list[onnx.NodeProto], arrays: dict[str, np.ndarray], *inputs: onnx.ValueInfoProto) -> Model:
    output = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    made = helper.make_graph(nodes, "made", list(inputs), [output], tensors)
    return Model("made", helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))


@pytest.mark.parametrize(
    ("name", "repeats"), [("resnet50", (3, 4, 6, 3)), ("resnet101", (3, 4, 23, 3)), ("resnet152", (3, 8, 36, 3))]
)
def test_residual_blocks_end_after_their_activation(name: str, repeats: tuple[int, ...]) -> None:
    want = [f"layer{stage + 1}.{index}.add.relu" for stage, count in enumerate(repeats) for index in range(count)]
    assert outputs(build(name, **SMALL)) == want


def test_separable_convolutions() -> None:
    blocks = outputs(build("mobilenet-v1", **SMALL))
    assert len(blocks) == 13
    assert blocks[0] == "blocks.0.0.bn2.relu6" and blocks[-1] == "blocks.4.1.bn2.relu6"


def test_inverted_residuals_with_and_without_the_sum() -> None:
    blocks = outputs(build("efficientnet-lite0", **SMALL))
    assert [block.split(".")[1] for block in blocks] == [str(index) for index in range(16)]
    assert blocks[1:3] == ["_blocks.1._bn2", "_blocks.2.add"]


@pytest.mark.parametrize(("name", "count"), [("inception-v1", 9), ("inception-v2", 10), ("inception-v3", 11)])
def test_modules_of_branches(name: str, count: int) -> None:
    assert len(outputs(build(name, **SMALL))) == count


def test_in_a_plain_chain_every_layer_but_the_last() -> None:
    blocks = outputs(build("vgg16", **SMALL | {"resolution": 224}))
    assert blocks[0] == "features.0.relu" and blocks[-1] == "classifier.3.relu"
    assert len(blocks) == 15


@pytest.mark.parametrize("options", [{}, {"pooling": "cls"}, {"pooling": "none"}, {"classes": 3}])
def test_layers_of_a_transformer(options: dict[str, object]) -> None:
    model = build("minilm-l4", width=0.25, **options)  # options by name
    want = [f"encoder.layer.{index}.output.LayerNorm" for index in range(4)]
    # without pooling the last one is the output of the graph
    assert outputs(model) == ([*want[:-1], "embedding"] if options == {"pooling": "none"} else want)


def test_layers_that_normalise_first() -> None:
    """Pre-normalisation: the sum goes on past both halves of a layer."""
    nodes, arrays = [], {"table": weights(50, 8)}
    nodes.append(helper.make_node("Gather", ["table", "ids"], ["x0"]))
    for layer in range(2):
        x = f"x{layer}"
        for half, mid in (("a", f"m{layer}"), ("b", f"x{layer + 1}")):
            name = f"{half}{layer}"
            arrays |= {f"{name}.scale": weights(8), f"{name}.w": weights(8, 8)}
            nodes.append(helper.make_node("LayerNormalization", [x, f"{name}.scale"], [f"{name}.norm"]))
            nodes.append(helper.make_node("MatMul", [f"{name}.norm", f"{name}.w"], [f"{name}.y"]))
            kind = "Softmax" if half == "a" else "Relu"
            nodes.append(helper.make_node(kind, [f"{name}.y"], [f"{name}.z"]))
            nodes.append(helper.make_node("Add", [f"{name}.z", x], [mid]))
            x = mid
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [1, 4])
    assert outputs(graph(nodes, arrays, ids)) == ["x1", "x2"]


def test_a_gate_inside_a_block_is_none() -> None:
    """Squeeze and excite in a block without a sum: expand, depthwise, gate, project."""
    arrays = {
        "stem": weights(8, 3, 3, 3),
        "deep": weights(8, 1, 3, 3),
        "gate": weights(8, 8, 1, 1),
        "project": weights(4, 8, 1, 1),
        "head": weights(4, 4, 1, 1),
    }
    nodes = [
        helper.make_node("Conv", ["image", "stem"], ["s"]),
        helper.make_node("Conv", ["s", "deep"], ["d"], group=8),
        helper.make_node("GlobalAveragePool", ["d"], ["pooled"]),
        helper.make_node("Conv", ["pooled", "gate"], ["g"]),
        helper.make_node("Sigmoid", ["g"], ["factor"]),
        helper.make_node("Mul", ["d", "factor"], ["gated"]),
        helper.make_node("Conv", ["gated", "project"], ["p"]),
        helper.make_node("Relu", ["p"], ["block"]),
        helper.make_node("Conv", ["block", "head"], ["out"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 16, 16])
    assert outputs(graph(nodes, arrays, image)) == ["block"]


def test_a_quantised_network_has_the_same_number(crops: ArraySamples) -> None:
    model = build("mobilenet-v1", width=0.25, resolution=64, classes=10)
    assert len(outputs(parse("int8-static:samples=4").apply(model, crops))) == 13


def test_a_graph_without_weights_has_none() -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])
    assert outputs(graph([helper.make_node("Relu", ["x"], ["y"])], {}, x)) == []
