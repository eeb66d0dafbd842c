"""Tables that rows are gathered from, such as those of word embeddings, as int8 with a scale a row.

A row is decoded when it is gathered: a few multiplications a token, for a quarter of the bytes. In a small encoder the
table of words is half of all weights.
"""

import math

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from compsel.models.editable_graph import EditableGraph, FreshNames, add_constant
from compsel.models.graph_queries import constants, is_standard
from compsel.models.layers import is_float
from compsel.models.weights import Weight, read_weights

__all__ = ["quantise_tables"]

_LEAST_NUMBERS = 1 << 16  # smaller tables save less than their operators cost
_MOST = 127
_MATRIX = 2


def quantise_tables(editable: EditableGraph) -> list[onnx.NodeProto]:
    """Return nodes that gather rows of int8 and scale them, in place of those that gather float32 rows.

    The nodes that they replace lose their output, and so go. A table that others read too (the last layer of a language
    model) stays: it would be held twice.
    """
    weights, names = constants(editable.graph), FreshNames(editable.graph)
    nodes: list[onnx.NodeProto] = []
    for name, table in read_weights(editable).items():
        if not is_float(weights[name]) or not _pays(table):
            continue
        rounded, row_scales = _rows(editable.array(weights[name]))
        codes, scales = names(f"{name}.int8"), names(f"{name}.row_scale")
        add_constant(editable.graph, codes, rounded)
        add_constant(editable.graph, scales, row_scales)
        for node in (reader.node for reader in table.readers):
            output, rows, ids = node.output[0], f"{node.output[0]}.row", node.input[1]
            whole, real, scale = (names(f"{rows}.{part}") for part in ("int8", "real", "scale"))
            nodes += [
                helper.make_node("Gather", [codes, ids], [whole], whole, axis=0),
                helper.make_node("Cast", [whole], [real], real, to=TensorProto.FLOAT),
                helper.make_node("Gather", [scales, ids], [scale], scale, axis=0),
                helper.make_node("Mul", [real, scale], [output], names(f"{rows}.scaled")),
            ]
            node.output[0] = names(f"{rows}.replaced")
    return nodes


def _pays(table: Weight) -> bool:
    gathered = all(is_standard(reader.node, "Gather") and not reader.chain for reader in table.readers)
    by_row = len(table.shape) == _MATRIX and table.layout is not None and table.layout.axis == 0
    return gathered and by_row and math.prod(table.shape) >= _LEAST_NUMBERS


def _rows(values: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return signed codes, and the scale (rows, 1) of each row."""
    largest = np.abs(values).max(axis=1, keepdims=True)
    scales = np.where(largest > 0, largest / _MOST, 1).astype(np.float32)
    return np.rint(values / scales).astype(np.int8), scales
