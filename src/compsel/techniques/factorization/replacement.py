"""Replace a layer of a graph by one layer for each of its factors."""

import math
from collections.abc import Iterator

import numpy as np
import onnx

from compsel.models.editable_graph import EditableGraph, FreshNames, add_constant

__all__ = ["factor_nodes"]


def factor_nodes(
    editable: EditableGraph,
    node: onnx.NodeProto,
    kernel: tuple[int, ...],
    weights: tuple[np.ndarray, ...],
    bias: np.ndarray | None,
) -> Iterator[onnx.NodeProto]:
    """Give the layers that replace one, and add their weights to the graph.

    Args:
        editable: the graph.
        node: the layer that they replace.
        kernel: spatial size of its kernel.
        weights: of the factors, each (outputs, inputs, *kernel), first to last.
        bias: of the last one.
    """
    value, names = node.input[0], FreshNames(editable.graph)
    for index, weight in enumerate(weights):
        last = index == len(weights) - 1
        name = names(f"{node.name}.factor{index}")
        inputs = [value, names(f"{name}.weight")]
        oriented = weight if node.op_type != "MatMul" else weight.T
        add_constant(editable.graph, inputs[1], np.ascontiguousarray(oriented, np.float32))
        if last and bias is not None:
            inputs.append(names(f"{name}.bias"))
            add_constant(editable.graph, inputs[2], bias.astype(np.float32))
        value = node.output[0] if last else names(f"{name}.output")
        attributes = _attributes(node, weight.shape[2:], kernel, index)
        yield onnx.helper.make_node(node.op_type, inputs, [value], name, **attributes)


def _attributes(node: onnx.NodeProto, kernel: tuple[int, ...], full: tuple[int, ...], index: int) -> dict[str, object]:
    """Return the attributes of a factor: strides and pads go where the kernel has their axis."""
    if node.op_type != "Conv":
        return {"transB": 1} if node.op_type == "Gemm" else {}
    own = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute if entry.name != "group"}
    if math.prod(kernel) == 1 and (index > 0 or math.prod(full) > 1):
        return {"kernel_shape": list(kernel)}
    if tuple(kernel) == full:
        return {**own, "kernel_shape": list(kernel)}
    rank = len(kernel)
    return {
        "kernel_shape": list(kernel),
        "strides": [s if kernel[axis] > 1 else 1 for axis, s in enumerate(own.get("strides", [1] * rank))],
        "dilations": [d if kernel[axis] > 1 else 1 for axis, d in enumerate(own.get("dilations", [1] * rank))],
        "pads": [pad if kernel[n % rank] > 1 else 0 for n, pad in enumerate(own.get("pads", [0] * 2 * rank))],
    }
