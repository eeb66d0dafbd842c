"""Dense layers with 4-bit weights, by ONNX Runtime's blockwise operator: the weights stay packed in memory too.

MatMulNBits of the domain com.microsoft ("ContribOperators.md" of ONNX Runtime). With activations that are rounded to
8 bits block by block it is 4.3 times as fast as the float32 product (one row, 25088 x 4096, AVX2, one thread); with
float32 activations 1.2 times, and slower where the weights fit into the cache.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import onnx
from onnx import helper

from compsel.models.contrib_ops import CONTRIB_DOMAIN
from compsel.models.editable_graph import EditableGraph, FreshNames, add_constant
from compsel.models.graph_queries import constants, is_standard, uses
from compsel.models.layers import bias_name, is_plain, output_axis
from compsel.techniques.quantization.uniform_quantizer import QuantizedBlocks, quantize_blocks

__all__ = ["Activations", "is_block_size", "is_replaceable", "replace_dense"]

Activations = Literal["int8", "float32"]

_ACCURACY_LEVEL = {"float32": 1, "int8": 4}
_BITS = 4
_SMALLEST_BLOCK = 16
_DENSE_RANK = 2


def is_block_size(size: int) -> bool:
    """Tell whether the operator takes blocks of this length.

    >>> [size for size in (0, 8, 16, 24, 32) if is_block_size(size)]
    [16, 32]
    """
    return size >= _SMALLEST_BLOCK and size & (size - 1) == 0


def is_replaceable(editable: EditableGraph, node: onnx.NodeProto, weight: str) -> bool:
    """Tell whether a layer is a plain product with a weight that nobody else reads, and a constant bias or none.

    Args:
        editable: the graph.
        node: the layer.
        weight: name of the weight, which the operator has on its right.
    """
    weights, counter = constants(editable.graph), uses(editable.graph)
    if not is_standard(node, "Gemm", "MatMul") or node.input[1] != weight or counter[weight] > 1:
        return False
    dims, bias = weights[weight].dims, bias_name(node)
    plain_bias = not bias or (bias in weights and list(weights[bias].dims) == [dims[output_axis(node) or 0]])
    return len(dims) == _DENSE_RANK and is_plain(node) and plain_bias


def replace_dense(
    editable: EditableGraph,
    node: onnx.NodeProto,
    rows: np.ndarray,
    block: int,
    symmetric: bool,
    activations: Activations,
) -> Callable[[], list[np.ndarray]]:
    """Turn a dense layer into the blockwise operator, in place; return what decodes its weights.

    Args:
        editable: the graph.
        node: a layer that `is_replaceable`.
        rows: its weight, float32 (outputs, inputs).
        block: how many inputs share a step; a power of two from 16 on.
        symmetric: see `compsel.techniques.quantization.uniform_quantizer.quantize_blocks`.
        activations: "int8" rounds the inputs block by block, "float32" does not.
    """
    outputs, inputs = rows.shape
    blocks = -(-inputs // block)
    missing = blocks * block - inputs
    filled = np.pad(rows, ((0, 0), (0, missing))) if missing else rows
    quantised = quantize_blocks(filled.reshape(-1, block), _BITS, symmetric)
    graph, weight, names = editable.graph, node.input[1], FreshNames(editable.graph)
    parts = {
        names(f"{weight}.uint4"): _pairs(quantised.codes).reshape(outputs, blocks, block // 2),
        names(f"{weight}.steps"): quantised.steps.reshape(outputs, blocks),
    }
    if not symmetric:
        parts[names(f"{weight}.zeros")] = _zeros(quantised, outputs, blocks)
    for name, values in parts.items():
        add_constant(graph, name, values)
    bias = bias_name(node)
    replacement = helper.make_node(
        "MatMulNBits",
        [node.input[0], *parts, *([""] * (4 - len(parts)) + [bias] if bias else ())],
        list(node.output),
        node.name,
        domain=CONTRIB_DOMAIN,
        K=inputs,
        N=outputs,
        bits=_BITS,
        block_size=block,
        accuracy_level=_ACCURACY_LEVEL[activations],
    )
    node.CopyFrom(replacement)
    graph.initializer.remove(constants(graph)[weight])
    if not any(entry.domain == CONTRIB_DOMAIN for entry in editable.proto.opset_import):
        editable.proto.opset_import.append(helper.make_opsetid(CONTRIB_DOMAIN, 1))
    return lambda: [quantised.values.reshape(outputs, -1)[:, :inputs]]


def _pairs(codes: np.ndarray) -> np.ndarray:
    """Return two numbers in a byte, the first in its lower half."""
    return np.asarray(codes[:, ::2] | (codes[:, 1::2] << 4), np.uint8)


def _zeros(quantised: QuantizedBlocks, outputs: int, blocks: int) -> np.ndarray:
    zeros = np.pad(quantised.zeros.reshape(outputs, blocks), ((0, 0), (0, blocks % 2)))
    return _pairs(zeros)
