"""Which layers can be factorised, and how much work that saves at which rank."""

import bisect
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import onnx

from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_queries import attribute, constants, is_standard, uses
from compsel.models.layers import bias_name, is_float, is_plain, output_axis
from compsel.techniques.statistics.second_moments import MOST_FEATURES

__all__ = ["FactorisableLayer", "Kind", "factorisable_layers", "multiply_accumulates"]

Kind = Literal["channel", "spatial", "tucker"]

_RANK_MULTIPLE, _RANKS_ROUNDED_FROM = 8, 32
_DENSE_RANK = 2
_FEWEST_OUTPUTS = 16


@dataclass(frozen=True)
class FactorisableLayer:
    """A layer that can be factorised.

    Attributes:
        node: the layer.
        shape: of its weight: (outputs, inputs, *kernel).
        input_size: spatial size of its input; empty for dense layers.
        output_size: spatial size of its output.

    >>> layer = FactorisableLayer(onnx.NodeProto(op_type="Conv"), (64, 64, 3, 3), (8, 8), (8, 8))
    >>> layer.kinds, layer.rank("channel", 0.5)
    (('channel', 'tucker', 'spatial'), 28)
    """

    node: onnx.NodeProto
    shape: tuple[int, ...]
    input_size: tuple[int, ...]
    output_size: tuple[int, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one sample."""
        return math.prod(self.shape) * math.prod(self.output_size)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The factorisations that suit its kernel."""
        kernel = self.shape[2:]
        if math.prod(kernel) == 1 or math.prod(self.shape[1:]) > MOST_FEATURES:
            return ("channel",)
        explicit_pads = attribute(self.node, "auto_pad", b"NOTSET") == b"NOTSET"
        planar = len(kernel) == 2 and min(kernel) > 1 and explicit_pads
        return ("channel", "tucker", "spatial") if planar else ("channel", "tucker")

    def rank(self, kind: Kind, share: float) -> int:
        """Return the largest rank that saves this share of the work; 0 when there is none."""
        allowed = self.macs * (1 - share)
        most = min(self.shape[0], math.prod(self.shape[1:]))
        # the first rank that is too expensive, less one
        rank = bisect.bisect_right(range(1, most + 1), allowed, key=lambda rank: self.work(kind, rank))
        return rank - rank % _RANK_MULTIPLE if rank >= _RANKS_ROUNDED_FROM else rank

    def tucker_ranks(self, rank: int) -> tuple[int, int]:
        """Return the ranks of the inputs and outputs of a Tucker decomposition: in the ratio of the channels."""
        outputs, inputs = self.shape[:2]
        return max(1, min(inputs, round(rank * inputs / outputs))), min(rank, outputs)

    def work(self, kind: Kind, rank: int) -> int:
        """Return the multiply-accumulates at a rank (of a Tucker decomposition: of the outputs)."""
        outputs, inputs, *kernel = self.shape
        positions, taps = math.prod(self.output_size), math.prod(kernel)
        if kind == "channel":
            return int(positions * rank * (inputs * taps + outputs))
        if kind == "spatial":
            between = self.output_size[0] * self.input_size[1]
            return int(between * rank * inputs * kernel[0] + positions * rank * outputs * kernel[1])
        first, second = self.tucker_ranks(rank)
        return int(math.prod(self.input_size) * inputs * first + positions * (first * second * taps + second * outputs))


def factorisable_layers(editable: EditableGraph, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[FactorisableLayer]:
    """Give the layers with a constant float32 weight of their own, no groups, and a known size.

    Args:
        editable: the graph.
        shapes: of its values, for one sample.
    """
    weights, counter = constants(editable.graph), uses(editable.graph)
    for node in editable.graph.node:
        if not is_standard(node, "Conv", "Gemm", "MatMul") or attribute(node, "group", 1) != 1:
            continue
        tensor, bias = weights.get(node.input[1]), bias_name(node)
        has_plain_bias = not bias or (bias in weights and len(weights[bias].dims) == 1)
        known = node.input[0] in shapes and node.output[0] in shapes
        if tensor is None or not is_float(tensor) or not has_plain_bias or not known or counter[node.input[1]] != 1:
            continue
        shape = tuple(tensor.dims)
        if is_standard(node, "Conv"):
            input_size, output_size = shapes[node.input[0]][2:], shapes[node.output[0]][2:]
        elif len(shape) == _DENSE_RANK and is_plain(node):
            shape = shape if output_axis(node) == 0 else shape[::-1]
            input_size, output_size = (), (math.prod(shapes[node.output[0]][1:-1]),)
        else:
            continue
        if shape[0] >= _FEWEST_OUTPUTS:
            yield FactorisableLayer(node, shape, input_size, output_size)


def multiply_accumulates(editable: EditableGraph, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Return the multiply-accumulates of all layers with constant weights for one sample."""
    weights = constants(editable.graph)
    work = 0
    for node in editable.graph.node:
        if is_standard(node, "Conv", "Gemm", "MatMul") and node.input[1] in weights and node.output[0] in shapes:
            weight = weights[node.input[1]].dims
            products = math.prod(weight[1:]) if output_axis(node) == 0 else weight[-2:][0]
            work += math.prod(shapes[node.output[0]]) * products
    return work
