"""Give every convolution and dense layer a bias of its own, which what follows can change."""

import math

import numpy as np

from compsel.models.editable_graph import EditableGraph, add_constant, fresh_name
from compsel.models.graph_queries import constants, is_standard, uses
from compsel.models.layers import bias_name, output_axis

__all__ = ["give_biases"]


def give_biases(editable: EditableGraph) -> EditableGraph:
    """Give each convolution and Gemm a bias that is constant and its own, in place; return the graph."""
    weights, counter = constants(editable.graph), uses(editable.graph)
    for node in editable.graph.node:
        if not is_standard(node, "Conv", "Gemm") or node.input[1] not in weights:
            continue
        count = weights[node.input[1]].dims[output_axis(node) or 0]
        old = weights.get(bias_name(node))
        # computed, or one for each row
        if bias_name(node) and (old is None or math.prod(old.dims) not in (1, count)):
            continue
        if old is not None and counter[old.name] == 1 and list(old.dims) == [count]:
            continue
        values = editable.array(old).reshape(-1) if old is not None else np.zeros(1, np.float32)
        name = fresh_name(f"{node.name}.own_bias", weights)
        weights[name] = add_constant(editable.graph, name, np.broadcast_to(values, count))
        del node.input[2:]
        node.input.append(name)
    return editable
