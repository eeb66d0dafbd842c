"""What all builders of networks share: nodes, constants and named parameters, which become an ONNX graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compsel.errors import ModelError

__all__ = ["GraphBuilder", "Parameter", "Role", "Tensor"]

OPSET, IR_VERSION = 17, 8

Role = Literal["weight", "bias", "scale", "shift", "mean", "variance"]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor in the graph.

    Attributes:
        name: its name in the graph.
        shape: without the batch: (channels, height, width) or (features,).

    >>> Tensor("input", (3, 224, 224)).channels
    3
    """

    name: str
    shape: tuple[int, ...]

    @property
    def channels(self) -> int:
        """Length of the first axis after the batch."""
        return self.shape[0]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that the graph needs.

    Attributes:
        name: its name in the checkpoint.
        shape: its shape there.
        role: what it is: decides how it is initialised.
        gain: of a weight: its standard deviation is gain / sqrt(fan-in); of a shift: its value.
        transposed: whether the graph holds it with its two axes exchanged.

    >>> Parameter("fc.weight", (10, 64), "weight").gain
    1.0
    """

    name: str
    shape: tuple[int, ...]
    role: Role
    gain: float = 1.0
    transposed: bool = False


class GraphBuilder:
    """Collects the nodes and the parameters of one network. Subclasses add its layers.

    Args:
        inputs: of the graph.

    >>> GraphBuilder([helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3])]).parameters
    []
    """

    def __init__(self, inputs: Sequence[onnx.ValueInfoProto]) -> None:
        self.parameters: list[Parameter] = []
        self._inputs = list(inputs)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def graph(
        self, name: str, output: onnx.ValueInfoProto, values: Mapping[str, np.ndarray] | None = None
    ) -> onnx.ModelProto:
        """Return the graph whose last layer becomes the `output`; without `values` its parameters have no data."""
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in self._nodes]
        nodes[-1].output[0] = output.name
        graph = helper.make_graph(nodes, name, self._inputs, [output], list(self._constants.values()))
        opsets = [helper.make_opsetid("", OPSET)]
        proto = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="compsel")
        # in place, one by one: the helpers copy what they are given, and weights are large
        for parameter in self.parameters:
            dims = parameter.shape[::-1] if parameter.transposed else parameter.shape
            tensor = proto.graph.initializer.add(name=parameter.name, dims=dims, data_type=TensorProto.FLOAT)
            if values is not None:
                value = values[parameter.name]
                value = value.T if parameter.transposed else value
                tensor.raw_data = value.astype("<f4", copy=False).tobytes()
        return proto

    def _check_last(self, name: str, output: Tensor) -> None:
        if self._nodes[-1].output[0] != output.name:
            raise ModelError(f"{name}: the output {output.name!r} is not the last layer: this is a defect")

    def _parameter(
        self, name: str, shape: tuple[int, ...], role: Role = "weight", gain: float = 1.0, *, transposed: bool = False
    ) -> str:
        self.parameters.append(Parameter(name, shape, role, gain, transposed))
        return name

    def _constant(self, name: str, value: np.ndarray | np.generic) -> str:
        self._constants.setdefault(name, numpy_helper.from_array(np.asarray(value), name))
        return name
