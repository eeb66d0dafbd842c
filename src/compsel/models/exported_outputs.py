"""The outputs of a model as its file has them, where reading it put class scores first and made maps tensors.

Policies read the first output; an app that gives its model to `Runtime.run` expects the outputs of its file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from compsel.inputs.tensor_specs import TensorSpec
from compsel.values import dataclass

if TYPE_CHECKING:
    import onnx  # the runtime does not need it

__all__ = ["ExportedOutput", "exported_outputs", "is_map_of_scores", "read_as_graph"]

_KEYS = ("classlabels_strings", "classlabels_int64s")


@dataclass(frozen=True, slots=True)
class ExportedOutput:
    """An output of the file, and how it is made of one of the graph that runs.

    Attributes:
        name: in the file.
        source: name of the output that it is made of.
        keys: of the map that it is for each row; () where it is a tensor.
        ones: how many axes of length 1 stand at its end that the graph leaves out.

    >>> import numpy as np
    >>> ExportedOutput("probability", "scores", ("cat", "dog")).value(np.array([[0.25, 0.75]], np.float32))
    [{'cat': 0.25, 'dog': 0.75}]
    """

    name: str
    source: str
    keys: tuple[str | int, ...] = ()
    ones: int = 0

    def value(self, output: Any) -> Any:
        """Return the output of the file, made of that of the graph."""
        if self.keys:
            return [dict(zip(self.keys, row, strict=True)) for row in output.tolist()]
        return output.reshape(output.shape + (1,) * self.ones) if self.ones else output

    def source_value(self, value: Any) -> Any:
        """Return the output of the graph, made of that of the file: the reverse of `value`."""
        if self.keys:
            rows = [[row[key] for key in self.keys] for row in value]
            return np.array(rows, np.float32).reshape(-1, len(self.keys))
        return value.reshape(value.shape[: -self.ones]) if self.ones else value

    def spec(self, source: TensorSpec) -> TensorSpec:
        """Return what is known of the output of the file."""
        if self.keys:
            return TensorSpec(self.name, "other", None)
        shape = None if source.shape is None else source.shape + (1,) * self.ones
        return TensorSpec(self.name, source.dtype, shape)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "ExportedOutput":
        """Read the JSON form."""
        return cls(**{**content, "keys": tuple(content.get("keys", ()))})

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


def read_as_graph(exported: Sequence[ExportedOutput], names: Sequence[str], outputs: Sequence[Any]) -> Sequence[Any]:
    """Return the outputs of a graph that runs, made of all those of the model's file.

    Args:
        exported: the outputs of the file; () where these are those of the graph.
        names: of the outputs of the graph.
        outputs: of the file.

    >>> read_as_graph([ExportedOutput("label", "label"), ExportedOutput("p", "scores")], ["scores", "label"], [1, 2])
    [2, 1]
    """
    if not exported:
        return outputs
    found = {one.source: one.source_value(output) for one, output in zip(exported, outputs, strict=True)}
    return [found[name] for name in names]


def exported_outputs(file: "onnx.GraphProto", graph: "onnx.GraphProto") -> tuple[ExportedOutput, ...]:
    """Return the outputs of a file's graph, as they are made of those of the graph that runs; () where these are they.

    Args:
        file: the graph as read.
        graph: the same, changed for the policies.
    """
    outputs = {output.name: output for output in graph.output}
    maps = {node.output[0]: node for node in file.node if is_map_of_scores(node)}
    found = []
    for output in file.output:
        source = output.name
        keys: Sequence[str | int] = ()
        if source not in outputs and source in maps:
            source, keys = maps[source].input[0], _keys(maps[source])
        if source not in outputs:
            return ()
        ones = 0 if keys else max(0, _rank(output) - _rank(outputs[source]))
        found.append(ExportedOutput(output.name, source, tuple(keys), ones))
    same = [(one.name, one.source) for one in found] == [(output.name, output.name) for output in graph.output]
    return () if same and not any(one.ones for one in found) else tuple(found)


def is_map_of_scores(node: "onnx.NodeProto") -> bool:
    """Whether a node makes a map of each row of class scores."""
    return node.op_type == "ZipMap" and len(node.input) == len(node.output) == 1


def _keys(node: "onnx.NodeProto") -> list[str | int]:
    for attribute in node.attribute:
        if attribute.name in _KEYS:
            return [text.decode(errors="replace") for text in attribute.strings] or list(attribute.ints)
    return []


def _rank(output: "onnx.ValueInfoProto") -> int:
    return len(output.type.tensor_type.shape.dim)
