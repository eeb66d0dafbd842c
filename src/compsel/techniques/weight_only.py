"""Weights in 4, 6, 8 or 16 bits, computed in floating point."""

import math
from abc import ABC
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from compsel.errors import TechniqueError
from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_queries import is_standard
from compsel.models.model import Model
from compsel.techniques.base import Technique
from compsel.techniques.quantization.matmul_nbits import Activations, is_block_size, is_replaceable, replace_dense
from compsel.techniques.quantization.uniform_quantizer import block_length, quantize_blocks
from compsel.techniques.weights.encoding import PackedWeightWriter
from compsel.techniques.weights.storage import Decode, LayerWeight, WeightStorageTechnique

__all__ = ["Int4Weight", "Int6Weight", "Int8Weight", "Int16Weight"]

_FINE_BITS = 8


@dataclass(frozen=True)
class _WeightOnly(WeightStorageTechnique, ABC):
    """Weights of layers and tables in fewer bits; everything is computed in float32.

    The file is small; once loaded, the model is as large and as fast as before (`compsel.techniques.weights.encoding`
    says why that is better than DequantizeLinear). Depthwise filters and tables of embeddings have at least 8 bits:
    an answer reads few of their numbers, and each of them matters. With samples, the statistics of all layers are
    restored (`compsel.techniques.statistics.statistics_correction`).

    Attributes:
        block_size: how many weights of an output channel share a step, at most; 0: all of it.
        symmetric: zero in the middle of the levels; otherwise each block has a zero point of its own.
    """

    bits: ClassVar[int]

    block_size: int = 0
    symmetric: bool = True

    def __post_init__(self) -> None:
        if self.block_size != 0 and self.block_size < 4:
            raise TechniqueError(f"{self.name}: got block_size {self.block_size}, allowed are 0 and 4 or more")

    def _store(self, editable: EditableGraph, writer: PackedWeightWriter, weight: LayerWeight) -> Decode:
        bits = max(self.bits, _FINE_BITS) if weight.sums_little else self.bits
        layout = weight.layout
        # the weight itself is gone before its codes are written
        rows = weight.rows().reshape(-1, block_length(layout.products, self.block_size))
        blocks = quantize_blocks(rows, bits, self.symmetric)
        del rows
        writer.uniform(weight.name, blocks, bits, layout)
        return blocks.parts if layout.is_leading else lambda: [layout.from_rows(blocks.values)]


@dataclass(frozen=True)
class Int4Weight(_WeightOnly):
    """4 bits; dense layers by the runtime's blockwise operator, whose weights are small in memory too.

    Attributes:
        block_size: how many weights of an output channel share a step, at most; 0: all of it. Dense layers take the
            blockwise operator where it is a power of two from 16 on.
        symmetric: zero in the middle of the levels; otherwise each block has a zero point of its own.
        activations: "int8" rounds what dense layers read block by block and is several times faster, "float32" not.

    >>> Int4Weight(symmetric=False).spec
    'int4-weight:symmetric=false'
    """

    name: ClassVar[str] = "int4-weight"
    most_relative_error: ClassVar[float | None] = 0.4
    bits: ClassVar[int] = 4

    block_size: int = 32
    activations: Activations = "int8"

    @classmethod
    def suggestions(cls, model: Model) -> tuple[Technique, ...]:
        """Return the default where most weights belong to dense layers: those become faster."""
        sizes = {tensor.name: math.prod(tensor.dims) for tensor in model.proto.graph.initializer}
        dense, others = (
            sum(sizes.get(node.input[1], 0) for node in model.proto.graph.node if is_standard(node, *layers))
            for layers in (("Gemm", "MatMul"), ("Conv", "ConvTranspose"))
        )
        return (cls(),) if dense > others else ()

    def _store(self, editable: EditableGraph, writer: PackedWeightWriter, weight: LayerWeight) -> Decode:
        if not is_block_size(self.block_size) or not is_replaceable(editable, weight.node, weight.name):
            return super()._store(editable, writer, weight)
        rows = weight.rows()
        decode = replace_dense(editable, weight.node, rows, self.block_size, self.symmetric, self.activations)
        return lambda: [weight.layout.from_rows(np.concatenate([*decode()]))]


@dataclass(frozen=True)
class Int6Weight(_WeightOnly):
    """6 bits, really packed: four weights in three bytes.

    >>> Int6Weight().spec
    'int6-weight'
    """

    name: ClassVar[str] = "int6-weight"
    most_relative_error: ClassVar[float | None] = 0.3
    bits: ClassVar[int] = 6

    block_size: int = 64


@dataclass(frozen=True)
class Int8Weight(_WeightOnly):
    """8 bits, a step for each output channel.

    >>> Int8Weight(64).spec
    'int8-weight:64'
    """

    name: ClassVar[str] = "int8-weight"
    most_relative_error: ClassVar[float | None] = 0.25
    bits: ClassVar[int] = 8


@dataclass(frozen=True)
class Int16Weight(_WeightOnly):
    """16 bits, a step for each output channel: half the size, nothing lost (unlike float16, at any range).

    >>> Int16Weight().spec
    'int16-weight'
    """

    name: ClassVar[str] = "int16-weight"
    most_relative_error: ClassVar[float | None] = 0.01
    bits: ClassVar[int] = 16
