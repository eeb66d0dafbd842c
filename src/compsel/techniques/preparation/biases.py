"""Biases of convolutions and dense layers: of one axis, and where needed a constant one for each layer of its own."""

import math
from collections.abc import Sequence

import numpy as np
from onnx import helper

from compsel.models.editable_graph import EditableGraph, FreshNames, add_constant, replace_nodes
from compsel.models.graph_queries import constants, is_standard, uses
from compsel.models.layers import bias_name, has_unit_factors, output_axis

__all__ = ["add_row_biases", "flatten_biases", "give_biases"]


def flatten_biases(editable: EditableGraph) -> None:
    """Give the constant biases of Gemms one axis, (outputs,), in place.

    ONNX lets them have any shape that broadcasts to (rows, outputs): (1, outputs) or a single number, as some exporters
    write. Those that differ from row to row, and those of unknown width, stay.
    """
    weights, names = constants(editable.graph), FreshNames(editable.graph)
    flat: dict[tuple[str, int], str] = {}
    for node in editable.graph.node:
        bias, weight = weights.get(bias_name(node)), weights.get(node.input[1] if len(node.input) > 1 else "")
        if bias is None or weight is None or not is_standard(node, "Gemm") or len(weight.dims) != 2:
            continue
        outputs = weight.dims[output_axis(node) or 0]
        if list(bias.dims) == [outputs] or math.prod(bias.dims) not in (1, outputs) or _differs_by_row(bias.dims):
            continue
        if (bias.name, outputs) not in flat:
            flat[bias.name, outputs] = names(f"{bias.name}.flat")
            values = np.broadcast_to(editable.array(bias).reshape(-1), outputs)
            add_constant(editable.graph, flat[bias.name, outputs], np.ascontiguousarray(values))
        node.input[2] = flat[bias.name, outputs]


def add_row_biases(editable: EditableGraph) -> None:
    """Add the constant biases of Gemms that differ from row to row behind these, in place: no layer has a bias of 8
    bits for each row.
    """
    weights, names, nodes = constants(editable.graph), FreshNames(editable.graph), []
    for node in editable.graph.node:
        nodes.append(node)
        bias = weights.get(bias_name(node))
        if bias is not None and is_standard(node, "Gemm") and _differs_by_row(bias.dims) and has_unit_factors(node):
            product, given = names(f"{node.output[0]}.product"), node.output[0]
            del node.input[2:]
            node.output[0] = product
            nodes.append(helper.make_node("Add", [product, bias.name], [given], names(f"{node.name}.bias")))
    if len(nodes) > len(editable.graph.node):
        replace_nodes(editable.graph, nodes)


def _differs_by_row(dims: Sequence[int]) -> bool:
    return len(dims) > 1 and dims[0] > 1


def give_biases(editable: EditableGraph) -> EditableGraph:
    """Give each convolution and Gemm a bias that is constant and its own, in place; return the graph."""
    weights, counter, names = constants(editable.graph), uses(editable.graph), FreshNames(editable.graph)
    for node in editable.graph.node:
        if not is_standard(node, "Conv", "Gemm") or node.input[1] not in weights:
            continue
        count = weights[node.input[1]].dims[output_axis(node) or 0]
        old = weights.get(bias_name(node))
        # computed, or one for each row
        if bias_name(node) and (old is None or math.prod(old.dims) not in (1, count) or _differs_by_row(old.dims)):
            continue
        if old is not None and counter[old.name] == 1 and list(old.dims) == [count]:
            continue
        values = editable.array(old).reshape(-1) if old is not None else np.zeros(1, np.float32)
        name = names(f"{node.name}.own_bias")
        weights[name] = add_constant(editable.graph, name, np.broadcast_to(values, count))
        del node.input[2:]
        node.input.append(name)
    return editable
