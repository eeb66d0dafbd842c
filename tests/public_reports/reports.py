"""What a public report stands for: a small model with its property, and what must come out of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = [
    "ALL",
    "REPORTS",
    "WEIGHTS",
    "Feed",
    "Report",
    "array",
    "graph_of",
    "model_of",
    "node",
    "report",
    "tensor",
    "weight",
]

Feed = Mapping[str, np.ndarray]
MakeFeed = Callable[[np.random.Generator], Feed]
node = helper.make_node

#: techniques that must make a variant of every plain layer: those of weights alone, and these with quantisation
WEIGHTS = "float16 int16-weight int8-weight"
ALL = f"{WEIGHTS} int8-static int8-dynamic int4-weight"


@dataclass(frozen=True)
class Report:
    """A public report.

    Attributes:
        address: of the report, `owner/name#number`.
        build: makes the model.
        feed: makes one input.
        made: techniques that must make a variant; what others leave out has a reason.
    """

    address: str
    build: Callable[[], onnx.ModelProto]
    feed: MakeFeed
    made: Sequence[str]


REPORTS: dict[str, Report] = {}


def report(
    address: str, feed: MakeFeed, made: str = ""
) -> Callable[[Callable[[], onnx.ModelProto]], Callable[[], onnx.ModelProto]]:
    """Register a function that makes the model of a report; `made`: techniques that must make a variant."""

    def register(build: Callable[[], onnx.ModelProto]) -> Callable[[], onnx.ModelProto]:
        REPORTS[build.__name__] = Report(address, build, feed, made.split())
        return build

    return register


def array(*shape: int) -> np.ndarray:
    """Return float32 noise, the same for the same shape."""
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def weight(*shape: int, axis: int = 0, spread: float = 1.0) -> np.ndarray:
    """Return float32 noise of the size that keeps activations alike; channels along `axis` differ up to `spread`."""
    fan = np.prod(shape) / shape[axis] if shape else 1
    sizes = np.geomspace(1, spread, shape[axis]).reshape([-1 if n == axis else 1 for n in range(len(shape))])
    return (array(*shape) * 1.4 / np.sqrt(max(fan, 1)) * sizes).astype(np.float32)


def tensor(name: str, shape: Sequence[int | str] | None, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """Return an input or an output."""
    return helper.make_tensor_value_info(name, kind, shape)


def graph_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: Mapping[str, np.ndarray] | None = None,
    name: str = "g",
) -> onnx.GraphProto:
    """Return a graph."""
    held = [numpy_helper.from_array(np.asarray(values), key) for key, values in (weights or {}).items()]
    return helper.make_graph(list(nodes), name, list(inputs), list(outputs), held)


def model_of(graph: onnx.GraphProto, opset: int = 17, ir: int = 8, **domains: int) -> onnx.ModelProto:
    """Return a model; `domains`: versions of further operator sets, dots written as underscores."""
    sets = [helper.make_opsetid("", opset)]
    sets += [helper.make_opsetid(name.replace("_", "."), version) for name, version in domains.items()]
    return helper.make_model(graph, opset_imports=sets, ir_version=ir)
