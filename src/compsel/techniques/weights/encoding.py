"""Packed weights, and the standard operators that decode them when the model is loaded.

The operators read constants only, so a runtime computes them once, while it loads the model, and then has plain
float32 weights: the file is small, latency and memory are those of the uncompressed model. (DequantizeLinear is the
usual form, but ONNX Runtime keeps it out of that folding and computes it in every inference: EfficientNet-Lite0 with
8-bit weights takes 3.2 times as long as in float32, ResNet-50 1.3 times; with 4-bit weights 3.7 and 1.7 times.)
"""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper

from compsel.models.channel_axes import ChannelAxes
from compsel.models.editable_graph import EditableGraph, add_constant, replace_nodes
from compsel.models.packed_weights import PREFIX, STEPS
from compsel.techniques.quantization.uniform_quantizer import QuantizedBlocks
from compsel.techniques.weights.bit_packing import pack, plane_widths

__all__ = ["MINIMUM_OPSET", "PackedWeightWriter"]

MINIMUM_OPSET = 14  # Add and Sub of 8-bit numbers
_PIECE = 1 << 24  # numbers


class PackedWeightWriter:
    """Replaces weights of a graph by compact constants and the operators that unpack them.

    Attributes:
        written: names of the weights that are replaced.

    The result of the last operator has the name of the weight: its readers, sub-graphs included, do not change.

    >>> from onnx import numpy_helper
    >>> weight = numpy_helper.from_array(np.eye(8, dtype=np.float32), "w")
    >>> node = helper.make_node("MatMul", ["x", "w"], ["y"])
    >>> editable = EditableGraph(onnx.ModelProto(graph=onnx.GraphProto(node=[node], initializer=[weight])), {})
    >>> writer = PackedWeightWriter(editable)
    >>> writer.sparse("w", np.eye(8, dtype=np.float32), np.eye(8) > 0)
    >>> writer.write()
    >>> [node.op_type for node in editable.graph.node][-5:]
    ['CumSum', 'Mul', 'Gather', 'Reshape', 'MatMul']
    """

    def __init__(self, editable: EditableGraph) -> None:
        self.graph = editable.graph
        self._names = {tensor.name for tensor in editable.graph.initializer}
        self._nodes: list[onnx.NodeProto] = []
        self._weight = ""
        self.written: set[str] = set()

    def write(self) -> None:
        """Put the operators of all weights in front of the graph's own; call it when all are stored."""
        replace_nodes(self.graph, [*self._nodes, *self.graph.node])
        self._nodes = []

    def uniform(self, name: str, blocks: QuantizedBlocks, bits: int, layout: ChannelAxes) -> None:
        """Store a weight as whole numbers of so many bits, and a step for each block.

        Args:
            name: of the weight, an initializer of the graph.
            blocks: its rows, one for each output channel, cut into blocks.
            bits: 16, or up to 8.
            layout: of the weight.
        """
        self._weight = name
        middle = 2 ** (bits - 1)
        symmetric = bool((blocks.zeros == middle).all())
        # reshaped as whole numbers: every float32 step in between costs memory while the model is loaded
        shape = _row_shape(layout)
        inner = shape if len(blocks.steps) == shape[0] else blocks.codes.shape
        column = (-1, *[1] * (len(inner) - 1))
        zeros = (blocks.zeros[:1] if symmetric else blocks.zeros).reshape(column)
        if bits >= 8 and symmetric:
            signed = np.int16 if bits > 8 else np.int8
            codes = self._constant(
                "codes", (blocks.codes ^ blocks.codes.dtype.type(middle)).view(signed).reshape(inner)
            )
            value = self._op("Cast", codes, to=onnx.TensorProto.FLOAT)
        elif bits >= 8:
            value = self._op("Cast", self._constant("codes", blocks.codes.reshape(inner)), to=onnx.TensorProto.FLOAT)
            value = self._op("Sub", value, self._constant("zeros", zeros.astype(np.float32)))
        else:
            codes = self._reshaped(self._codes(blocks.codes.ravel(), bits), inner)
            signs = self._op("Cast", codes, to=onnx.TensorProto.INT8)
            whole = self._op("Sub", signs, self._constant("zeros", zeros.astype(np.int8)))
            value = self._op("Cast", whole, to=onnx.TensorProto.FLOAT)
        value = self._scaled(value, blocks.steps.reshape(column))
        self._finish(value if inner == shape else self._reshaped(value, shape), layout)

    def codebook(
        self,
        name: str,
        codes: np.ndarray,
        bits: int,
        centres: np.ndarray,
        steps: np.ndarray,
        layout: ChannelAxes,
    ) -> None:
        """Store a weight as indices of so many bits into a table of values, and a factor for each row.

        Args:
            name: of the weight.
            codes: uint8 (n,). Where many are 0, these take one bit.
            bits: up to 8.
            centres: float32 (levels,).
            steps: float32 (rows,).
            layout: of the weight; rows are its output channels.
        """
        self._weight = name
        if bits * np.count_nonzero(codes) + len(codes) < bits * len(codes):
            stored = self._scattered(codes, self._codes(np.append(np.uint8(0), codes[codes > 0]), bits))
        else:
            stored = self._codes(codes, bits)
        shape = _row_shape(layout)
        indices = self._op("Cast", self._reshaped(stored, shape), to=onnx.TensorProto.INT32)
        looked_up = self._op("Gather", self._constant("centres", centres), indices)
        self._finish(self._scaled(looked_up, steps.reshape(-1, *[1] * (len(shape) - 1))), layout)

    def sparse(self, name: str, weight: np.ndarray, kept: np.ndarray) -> None:
        """Store a weight as a bit for each number and the numbers that are kept; the others become zero.

        Args:
            name: of the weight.
            weight: float32, any shape.
            kept: bool, the same shape.
        """
        self._weight = name
        flat, numbers, pieces = kept.ravel(), weight.ravel(), []
        # a piece takes three times its size while it is unpacked
        for start in range(0, len(flat), _PIECE):
            piece = slice(start, start + _PIECE)
            values = np.append(weight.dtype.type(0), numbers[piece][flat[piece]])
            pieces.append(self._scattered(flat[piece], self._constant(f"values{start or ''}", values)))
        whole = pieces[0] if len(pieces) == 1 else self._op("Concat", *pieces, axis=0)
        self._finish(self._reshaped(whole, weight.shape), None)

    def _scaled(self, rows: str, steps: np.ndarray) -> str:
        """Multiply rows by a factor each, which is stored in 16 bits where nothing is lost by that."""
        with np.errstate(over="ignore"):  # steps beyond 65504 stay in 32 bits
            halves = steps.astype(np.float16)
        exact = bool((halves == steps).all())
        stored = self._constant(STEPS, halves if exact else steps)
        return self._op("Mul", rows, self._op("Cast", stored, to=onnx.TensorProto.FLOAT) if exact else stored)

    def _reshaped(self, value: str, shape: Sequence[int]) -> str:
        return self._op("Reshape", value, self._shared("shape", np.array(shape, np.int64)))

    def _codes(self, codes: np.ndarray, bits: int) -> str:
        """Write numbers of so many bits; return the name of the uint8 (n,) that they unpack to."""
        total, shift = "", 0
        for width, plane in zip(plane_widths(bits), pack(codes, bits), strict=True):
            part = self._plane(plane, width, len(codes))
            if shift:
                part = self._op("BitShift", part, self._shared("shift", np.uint8(shift)), direction="LEFT")
            total = self._op("Add", total, part) if total else part
            shift += width
        return total

    def _plane(self, plane: np.ndarray, width: int, count: int) -> str:
        if width == 8:
            return self._constant("bytes", plane)
        shifts = self._shared("shifts", np.arange(0, 8, width, dtype=np.uint8))
        role = f"{len(self._nodes)}-bits{width}"
        stored = self._constant(role, plane[:, None])
        shifted = self._op("BitShift", stored, shifts, direction="RIGHT")
        parts = self._op("Mod", shifted, self._shared("modulus", np.uint8(2**width)))
        flat = self._op("Reshape", parts, self._shared("flat", np.array([-1])))
        if len(plane) * (8 // width) == count:
            return flat
        return self._op("Slice", flat, self._shared("start", np.array([0])), self._shared("count", np.array([count])))

    def _scattered(self, flat: np.ndarray, values: str) -> str:
        """Write where `flat` is not zero; return the name of the values put there, one by one, zeros elsewhere.

        Args:
            flat: (n,).
            values: name of a zero and those values.
        """
        bits = self._plane(np.packbits(flat != 0 if flat.dtype != np.bool_ else flat, bitorder="little"), 1, len(flat))
        # NonZero and ScatterND would take fewer operators, but ONNX Runtime folds only what has a known shape
        mask = self._op("Cast", bits, to=onnx.TensorProto.INT32)
        counted = self._op("CumSum", mask, self._shared("axis", np.int64(0)))
        return self._op("Gather", values, self._op("Mul", counted, mask))

    def _finish(self, value: str, layout: ChannelAxes | None) -> None:
        """Put rows back in the places of the weight's numbers; give the result the name of the weight."""
        shape = None if layout is None else _row_shape(layout)
        if layout is not None and not layout.is_leading:
            value = value if shape == layout.moved else self._reshaped(value, layout.moved)
            value = self._op("Transpose", value, perm=np.argsort(layout.order).tolist())
            shape = layout.split
        if layout is not None and shape != layout.shape:
            self._reshaped(value, layout.shape)
        self._nodes[-1].output[0] = self._weight
        self.written.add(self._weight)
        old = next(tensor for tensor in self.graph.initializer if tensor.name == self._weight)
        self.graph.initializer.remove(old)

    def _op(self, op_type: str, *inputs: str, **attributes: object) -> str:
        output = f"{PREFIX}{self._weight}/{len(self._nodes)}"
        self._nodes.append(helper.make_node(op_type, inputs, [output], output, **attributes))
        return output

    def _constant(self, role: str, values: np.ndarray) -> str:
        return self._store(f"{PREFIX}{self._weight}/{role}", values)

    def _shared(self, role: str, values: np.ndarray | np.generic) -> str:
        """Store a small constant once for all weights."""
        array = np.asarray(values)
        return self._store(f"{PREFIX}{role}-{'-'.join(map(str, array.ravel()))}", array)

    def _store(self, name: str, values: np.ndarray) -> str:
        if name not in self._names:
            self._names.add(name)
            add_constant(self.graph, name, values)
        return name


def _row_shape(layout: ChannelAxes) -> tuple[int, ...]:
    """Return the shape that rows have before their numbers are put in their places: the first axis is one of rows."""
    if layout.is_leading:
        leading = layout.shape[:1] == (layout.count,)
        return layout.shape if leading else (layout.count, layout.products)
    return layout.moved if len(layout.channels) == 1 else (layout.count, layout.products)
