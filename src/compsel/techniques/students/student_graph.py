"""The graph of a text student: rows of class scores, gathered by token and by pair, summed and scaled."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from compsel.errors import TechniqueError
from compsel.inputs.tensor_specs import TensorSpec
from compsel.models.model import Model
from compsel.techniques.heads.softmax_regression import LinearHead
from compsel.techniques.students.graph_parts import PREFIX, GraphParts
from compsel.techniques.students.token_tables import LEAST_SQUARE, MULTIPLIER, TokenTables

__all__ = ["student_graph", "tables_of"]

_VECTORS, _UNIGRAMS, _PAIRS, _NGRAMS = (f"{PREFIX}.{part}" for part in ("vectors", "unigrams", "pairs", "ngrams"))


def student_graph(tables: TokenTables, head: LinearHead, inputs: Sequence[TensorSpec], output: str) -> onnx.ModelProto:
    """Return the graph of a student.

    The last column of every table of scores sums the squares; it becomes the length that the scores are divided by.

    Args:
        tables: what it knows of tokens.
        head: on `design_of(tables, ...)`.
        inputs: of the graph: ids, and optionally a mask and others, which are not read.
        output: name of the class scores, float32 (n, classes).
    """
    graph, classes = GraphParts(), len(head.bias)
    ids, counts = graph.tokens(inputs, tables.nothing)
    axis = graph.constant("axis", np.array([1], np.int64))
    total = _ngrams(graph, tables, head, ids, counts, axis)
    if tables.vectors is not None:
        total = graph.add("Add", [total, _vectors(graph, tables, head, ids, axis)], "total")
    split = graph.constant("split", np.array([classes, 1], np.int64))
    graph.nodes.append(helper.make_node("Split", [total, split], [f"{PREFIX}.sums", f"{PREFIX}.squares"], axis=1))
    squares = f"{PREFIX}.squares"
    if tables.vectors is None:
        squares = graph.add("Add", [squares, graph.constant("least", np.float32(LEAST_SQUARE))], "positive")
    length = graph.add("Sqrt", [squares], "length")
    scaled = graph.add("Div", [f"{PREFIX}.sums", length], "scaled")
    graph.nodes.append(helper.make_node("Add", [scaled, graph.constant("bias", head.bias)], [output], "scores"))
    return graph.model(inputs, output, classes)


def tables_of(model: Model) -> TokenTables:
    """Return the tables in the graph of a student.

    Raises:
        TechniqueError: it is none, or was compressed since.
    """
    found = {tensor.name: tensor for tensor in model.proto.graph.initializer if tensor.name.startswith(PREFIX)}
    arrays = {name: np.asarray(numpy_helper.to_array(tensor)) for name, tensor in found.items()}
    if not {_UNIGRAMS, _PAIRS, _NGRAMS} <= set(arrays):
        raise TechniqueError(f"{model.name!r}: is no student, or was compressed since: fit the uncompressed one anew")
    vectors = arrays.get(_VECTORS)
    return TokenTables(
        None if vectors is None else vectors[:, :-1].astype(np.float16),
        arrays[_UNIGRAMS],
        arrays[_PAIRS],
        np.sqrt(arrays[_NGRAMS][:, -1]),
    )


# many parameters: the parts of the graph that it reads
def _ngrams(graph: GraphParts, tables: TokenTables, head: LinearHead, ids: str, counts: str | None, axis: str) -> str:
    """Add the sum of the rows of tokens and pairs: (n, classes + 1)."""
    split = 0 if tables.vectors is None else tables.vectors.shape[1]
    scores = head.weights[split:] * tables.idf[:, None]
    scores[0] = 0
    table = graph.constant(_NGRAMS, np.hstack([scores, tables.idf[:, None] ** 2]).astype(np.float32))
    zero, end, most = (
        graph.constant(name, np.array([value], np.int64))
        for name, value in (("zero", 0), ("last", -1), ("most", np.iinfo(np.int64).max))
    )
    first = graph.add("Slice", [ids, zero, end, axis], "first")
    second = graph.add("Slice", [ids, axis, most, axis], "second")
    product = graph.add("Mul", [first, graph.constant("multiplier", np.int64(MULTIPLIER))], "product")
    slots = graph.constant("slots", np.int64(len(tables.pairs)))
    slot = graph.add("Mod", [graph.add("Add", [product, second], "pair"), slots], "slot")
    pairs = graph.add("Gather", [graph.constant(_PAIRS, tables.pairs), slot], "pair_rows")
    if counts is not None:  # what is filled up to the length of others makes no pairs
        inside = graph.add("Slice", [counts, axis, most, axis], "inside")
        pairs = graph.add("Where", [inside, pairs, graph.constant("no_row", np.int32(0))], "pairs_inside")
    tokens = graph.add("Gather", [graph.constant(_UNIGRAMS, tables.unigrams), ids], "token_rows")
    rows = graph.add("Concat", [tokens, pairs], "rows", axis=1)
    return graph.add("ReduceSum", [graph.add("Gather", [table, rows], "row_scores"), axis], "ngram_sum", keepdims=0)


def _vectors(graph: GraphParts, tables: TokenTables, head: LinearHead, ids: str, axis: str) -> str:
    """Add the scores of the sum of vectors: (n, classes + 1)."""
    assert tables.vectors is not None
    width, classes = tables.vectors.shape[1], len(head.bias)
    table = graph.constant(_VECTORS, np.hstack([tables.vectors, tables.squares[:, None]]))
    projection = np.zeros((width + 1, classes + 1), np.float32)
    projection[:width, :classes] = head.weights[:width]
    projection[width, classes] = 1
    offset = np.zeros(classes + 1, np.float32)
    offset[classes] = LEAST_SQUARE
    total = graph.sum_of_rows(table, ids, axis)
    return graph.add(
        "Gemm", [total, graph.constant("projection", projection), graph.constant("offset", offset)], "vector_scores"
    )
