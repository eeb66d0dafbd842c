"""A small network with what ties channels: residuals, depthwise and grouped filters, gates, concatenation."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compsel import Model
from tests.techniques.foreign import make, value

SHAPES = {
    "stem": (16, 3, 3, 3),
    "deep": (16, 1, 3, 3),
    "left": (16, 16, 1, 1),
    "right": (16, 16, 3, 3),
    "squeeze": (8, 16, 1, 1),
    "gate": (16, 8, 1, 1),
    "grouped": (16, 8, 3, 3),
    "branch": (12, 16, 3, 3),
    "hidden": (20, 28 * 16),
    "last": (5, 20),
}


def structured(zeroed: dict[str, list[int]] | None = None, seed: int = 0) -> Model:
    """Return the network; outputs of layers in `zeroed` have weights of zero. Biases are zero throughout."""
    rng = np.random.default_rng(seed)
    weights = []
    for name, shape in SHAPES.items():
        values = rng.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5
        values[(zeroed or {}).get(name, [])] = 0
        weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        weights.append(numpy_helper.from_array(np.zeros(shape[0], np.float32), f"{name}.bias"))
    scale = rng.uniform(0.5, 1.5, (16, 1, 1)).astype(np.float32)
    weights += [numpy_helper.from_array(scale, "scale"), numpy_helper.from_array(np.array([-1, 28 * 16]), "flat")]
    return make(
        _nodes(), [value("x", TensorProto.FLOAT, ["N", 3, 8, 8])], [value("y", TensorProto.FLOAT, ["N", 5])], weights
    )


def _nodes() -> list[onnx.NodeProto]:
    def conv(name: str, source: str, **options: object) -> onnx.NodeProto:
        side = SHAPES[name][-1]
        return helper.make_node(
            "Conv", [source, name, f"{name}.bias"], [f"{name}.out"], name, pads=[side // 2] * 4, **options
        )

    def plain(kind: str, inputs: list[str], output: str, **options: object) -> onnx.NodeProto:
        return helper.make_node(kind, inputs, [output], output, **options)

    return [
        conv("stem", "x"),
        plain("Relu", ["stem.out"], "a"),
        conv("deep", "a", group=16),
        plain("Relu", ["deep.out"], "b"),
        conv("left", "b"),
        plain("Mul", ["left.out", "scale"], "scaled"),
        conv("right", "b"),
        plain("Add", ["scaled", "right.out"], "sum"),
        plain("Relu", ["sum"], "c"),
        plain("GlobalAveragePool", ["c"], "pooled"),
        conv("squeeze", "pooled"),
        plain("Relu", ["squeeze.out"], "squeezed"),
        conv("gate", "squeezed"),
        plain("Sigmoid", ["gate.out"], "gates"),
        plain("Mul", ["c", "gates"], "gated"),
        conv("grouped", "gated", group=2),
        plain("Relu", ["grouped.out"], "d"),
        conv("branch", "gated"),
        plain("Relu", ["branch.out"], "e"),
        plain("Concat", ["d", "e"], "both", axis=1),
        plain("MaxPool", ["both"], "small", kernel_shape=[2, 2], strides=[2, 2]),
        plain("Reshape", ["small", "flat"], "features"),
        helper.make_node("Gemm", ["features", "hidden", "hidden.bias"], ["hidden.out"], "hidden", transB=1),
        plain("Relu", ["hidden.out"], "f"),
        helper.make_node("Gemm", ["f", "last", "last.bias"], ["y"], "last", transB=1),
    ]
