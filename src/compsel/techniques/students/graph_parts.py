"""Parts that the graphs of students share: collected nodes and constants, inputs, ids without padding."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from compsel.inputs.tensor_specs import TensorSpec
from compsel.inputs.text import ids_input, mask_input

__all__ = ["PREFIX", "GraphParts"]

PREFIX = "compsel_student"
_OPSET, _IR_VERSION = 17, 8


class GraphParts:
    """Collects the nodes and constants of a graph of texts.

    >>> parts = GraphParts()
    >>> parts.add("Neg", [parts.constant("one", np.float32(1))], "minus_one")
    'compsel_student.minus_one'
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, values: Any) -> str:
        """Add a constant; return its name in the graph."""
        if not name.startswith(PREFIX):
            name = f"{PREFIX}.{name}"
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def add(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Add a node of one output; return the name of that."""
        name = f"{PREFIX}.{name}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def tokens(self, inputs: Sequence[TensorSpec], nothing: int) -> tuple[str, str | None]:
        """Add the ids, those of padding replaced by the id of nothing; return their name and that of the mask."""
        ids, mask = ids_input(inputs), mask_input(inputs)
        assert ids is not None
        if {spec.name: spec.dtype for spec in inputs}[ids] != "int64":
            ids = self.add("Cast", [ids], "ids", to=TensorProto.INT64)
        if mask is None:
            return ids, None
        counts = self.add("Cast", [mask], "counts", to=TensorProto.BOOL)
        return self.add("Where", [counts, ids, self.constant("nothing", np.int64(nothing))], "tokens"), counts

    def sum_of_rows(self, table: str, ids: str, axis: str) -> str:
        """Add the sum of the float16 rows of a table (rows, width) by id: float32 (n, width)."""
        half = self.add("Gather", [table, ids], "half")
        rows = self.add("Cast", [half], "token_vectors", to=TensorProto.FLOAT)
        return self.add("ReduceSum", [rows, axis], "vector_sum", keepdims=0)

    def model(self, inputs: Sequence[TensorSpec], output: str, width: int) -> onnx.ModelProto:
        """Return the graph with its output, float32 (n, width)."""
        return helper.make_model(
            helper.make_graph(
                self.nodes,
                "student",
                [_value(spec) for spec in inputs],
                [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", width])],
                list(self._constants.values()),
            ),
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
            producer_name="compsel",
        )


def _value(spec: TensorSpec) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(spec.dtype))
    names: NDArray[Any] = np.array(["n", "tokens"])
    axes = (
        ["n", "tokens"]
        if spec.shape is None
        else [str(names[place]) if length is None else length for place, length in enumerate(spec.shape)]
    )
    return helper.make_tensor_value_info(spec.name, kind, axes)
