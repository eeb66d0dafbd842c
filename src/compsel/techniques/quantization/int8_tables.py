"""Tables that rows are gathered from, such as those of word embeddings, as int8 with a scale a row.

A row is decoded when it is gathered: a few multiplications a token, for a quarter of the bytes. In a small encoder the
table of words is half of all weights.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from compsel.models.editable_graph import EditableGraph, add_constant, fresh_name
from compsel.models.graph_queries import attribute, constants, is_standard
from compsel.models.layers import is_float

__all__ = ["quantise_tables"]

_LEAST_NUMBERS = 1 << 16  # smaller tables save less than their operators cost
_MOST = 127


def quantise_tables(editable: EditableGraph) -> list[onnx.NodeProto]:
    """Return nodes that gather rows of int8 and scale them, in place of those that gather float32 rows.

    The nodes that they replace lose their output, and so go.
    """
    weights = constants(editable.graph)
    stored: dict[str, tuple[str, str]] = {}
    nodes: list[onnx.NodeProto] = []
    for node in editable.graph.node:
        table = weights.get(node.input[0]) if is_standard(node, "Gather") else None
        if table is None or not _pays(node, table):
            continue
        if table.name not in stored:
            names = fresh_name(f"{table.name}.int8", weights), fresh_name(f"{table.name}.row_scale", weights)
            rounded, row_scales = _rows(editable.array(table))
            add_constant(editable.graph, names[0], rounded)
            add_constant(editable.graph, names[1], row_scales)
            stored[table.name] = names
        codes, scales = stored[table.name]
        output, rows, ids = node.output[0], f"{node.output[0]}.row", node.input[1]
        nodes += [
            helper.make_node("Gather", [codes, ids], [f"{rows}.int8"], f"{rows}.int8", axis=0),
            helper.make_node("Cast", [f"{rows}.int8"], [f"{rows}.real"], f"{rows}.real", to=TensorProto.FLOAT),
            helper.make_node("Gather", [scales, ids], [f"{rows}.scale"], f"{rows}.scale", axis=0),
            helper.make_node("Mul", [f"{rows}.real", f"{rows}.scale"], [output], f"{rows}.scaled"),
        ]
        node.output[0] = f"{rows}.replaced"
    return nodes


def _pays(node: onnx.NodeProto, table: onnx.TensorProto) -> bool:
    rows = len(table.dims) == 2 and attribute(node, "axis", 0) in (0, -2)
    return rows and is_float(table) and int(np.prod(table.dims)) >= _LEAST_NUMBERS


def _rows(values: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return signed codes, and the scale (rows, 1) of each row."""
    largest = np.abs(values).max(axis=1, keepdims=True)
    scales = np.where(largest > 0, largest / _MOST, 1).astype(np.float32)
    return np.rint(values / scales).astype(np.int8), scales
