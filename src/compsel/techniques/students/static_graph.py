"""The graph of a static encoder: rows of a table, gathered by token, summed, turned back, scaled to a length."""

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from compsel.inputs.tensor_specs import TensorSpec
from compsel.techniques.students.graph_parts import GraphParts

__all__ = ["static_graph"]

Floats = NDArray[np.float32]
_LEAST_LENGTH = 1e-6  # of texts of nothing known, which give zeros


# many parameters: the parts of the graph
def static_graph(
    table: Floats, back: Floats | None, length: float, inputs: Sequence[TensorSpec], output: str
) -> onnx.ModelProto:
    """Return the graph of a static encoder.

    Args:
        table: float32 (ids, width) of each token; it is stored in float16.
        back: float32 (width, features): what the columns of the table stand for; None: the features themselves.
        length: of every output.
        inputs: of the graph: ids, and optionally a mask and others, which are not read.
        output: name of the embedding, float32 (n, features).
    """
    graph = GraphParts()
    ids, _ = graph.tokens(inputs, len(table))
    axis = graph.constant("axis", np.array([1], np.int64))
    rows = np.vstack([table, np.zeros((1, table.shape[1]), np.float32)])
    rows *= _scale(rows)
    total = graph.sum_of_rows(graph.constant("vectors", rows.astype(np.float16)), ids, axis)
    if back is not None:
        total = graph.add("MatMul", [total, graph.constant("back", back)], "turned_back")
    norm = graph.add("ReduceL2", [total], "norm", axes=[1], keepdims=1)
    divisor = graph.add("Max", [norm, graph.constant("least", np.float32(_LEAST_LENGTH))], "divisor")
    if length != 1:
        divisor = graph.add("Div", [divisor, graph.constant("length", np.float32(length))], "scaled_divisor")
    graph.nodes.append(helper.make_node("Div", [total, divisor], [output], "embedding"))
    return graph.model(inputs, output, table.shape[1] if back is None else back.shape[1])


def _scale(table: Floats) -> np.float32:
    """Return what makes the largest number of a table 1: float16 has its precision there, and sums stay finite."""
    return np.float32(1 / max(float(np.abs(table).max()), 1e-30))
