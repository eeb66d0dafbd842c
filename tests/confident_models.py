"""Two regressions without class scores: one fast, in doubt where it is wrong, one slow and right; functions of both."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model

_WIDTH = 512
HARD = 0.7  # inputs whose first number is above it are answered wrongly by the fast one


def _model(name: str, nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray]) -> Model:
    def value(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        name,
        [value("x", 1, 8)],
        [value("value", 1, 1), value("doubt", 1, 1)],
        [numpy_helper.from_array(array, key) for key, array in weights.items()],
    )
    return Model.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), name)


def fast(name: str = "fast") -> Model:
    """Sum of the inputs, plus 3 where the first one is above `HARD`; the doubt rises with it."""
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=1),
        helper.make_node("MatMul", ["x", "first"], ["doubt"]),
        helper.make_node("Greater", ["doubt", "hard"], ["is_hard"]),
        helper.make_node("Cast", ["is_hard"], ["wrong"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["wrong", "three"], ["error"]),
        helper.make_node("Reshape", ["sum", "shape"], ["flat"]),
        helper.make_node("Add", ["flat", "error"], ["value"]),
    ]
    return _model(name, nodes, _constants())


def slow(name: str = "slow") -> Model:
    """Sum of the inputs, after several large products that come to nothing; never any doubt."""
    width = np.zeros((_WIDTH, _WIDTH), np.float32)
    width[0, 1] = 1e-6
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=1),
        helper.make_node("Reshape", ["sum", "shape"], ["flat"]),
        helper.make_node("MatMul", ["x", "first"], ["one"]),
        helper.make_node("Expand", ["one", "wide"], ["wide0"]),
        *(
            helper.make_node("MatMul", [f"wide{number}", f"large{number}"], [f"wide{number + 1}"])
            for number in range(6)
        ),
        helper.make_node("ReduceMean", ["wide6"], ["nothing"], keepdims=1),
        helper.make_node("Mul", ["nothing", "zero"], ["doubt"]),
        helper.make_node("Add", ["flat", "doubt"], ["value"]),
    ]
    large = {f"large{number}": width + np.float32(number) * 1e-9 for number in range(6)}
    return _model(name, nodes, {**_constants(), **large, "wide": np.array([8, _WIDTH], np.int64)})


def _constants() -> dict[str, np.ndarray]:
    return {
        "first": np.eye(8, 1, dtype=np.float32),
        "hard": np.array([[HARD]], np.float32),
        "three": np.array([[3.0]], np.float32),
        "zero": np.array([[0.0]], np.float32),
        "shape": np.array([1, 1], np.int64),
    }


def inputs(count: int = 80) -> ArraySamples:
    """Inputs from 0 to 1, with their sums as targets."""
    values = np.random.default_rng(5).random((count, 1, 8), np.float32)
    return ArraySamples([{"x": value} for value in values], targets=[float(value.sum()) for value in values])


def closeness(outputs: list[np.ndarray], target: float) -> float:
    """Return 1 for the sum itself, 0 where it is missed by one or more."""
    return max(0.0, 1.0 - abs(float(outputs[0].item()) - target))


def sureness(outputs: list[np.ndarray]) -> float:
    """Return how little the model doubts."""
    return -float(outputs[1].item())


def nothing(outputs: list[np.ndarray]) -> float:
    """Return no number."""
    return float("nan")


def table(outputs: list[np.ndarray]) -> np.ndarray:
    """Return a table."""
    return np.zeros((2, 2))


def broken(outputs: list[np.ndarray], target: object = None) -> float:
    """Fail."""
    raise KeyError("no such thing")


def boundless(outputs: list[np.ndarray], target: object) -> float:
    """Return something that is no share."""
    return 7.0
