"""Models whose first axis is no batch of independent rows, and one where it is."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from compsel.models.model import Model

Feeds = dict[str, np.ndarray]
_WIDTH = 16


def numbers(*shape: int) -> np.ndarray:
    """Return seeded noise."""
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def _model(name: str, nodes: list, inputs: dict, outputs: dict, weights: Feeds) -> Model:
    def values(specs: dict) -> list:
        return [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in specs.items()]

    tensors = [numpy_helper.from_array(np.asarray(array), key) for key, array in weights.items()]
    graph = helper.make_graph(nodes, name, values(inputs), values(outputs), tensors)
    return Model.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), name)


def time_first() -> Model:
    """A recurrent network in the layout of the LSTM operator: (time, batch, features)."""
    nodes = [
        helper.make_node("LSTM", ["x", "w", "r"], ["sequence", "h"], hidden_size=_WIDTH),
        helper.make_node("Squeeze", ["sequence", "one"], ["y"]),
    ]
    weights = {"w": 3 * numbers(1, 4 * _WIDTH, 8), "r": 3 * numbers(1, 4 * _WIDTH, _WIDTH), "one": np.array([1])}
    outputs = {"y": ["time", 1, _WIDTH], "h": ["layers", 1, _WIDTH]}
    return _model("time-first", nodes, {"x": ["time", 1, 8]}, outputs, weights)


def state_output() -> Model:
    """A recurrent network with the batch first, whose state comes as (layers, batch, features)."""
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        helper.make_node("GRU", ["t", "w", "r"], ["sequence", "h"], hidden_size=_WIDTH),
        helper.make_node("Squeeze", ["sequence", "one"], ["s"]),
        helper.make_node("Transpose", ["s"], ["y"], perm=[1, 0, 2]),
    ]
    weights = {"w": numbers(1, 3 * _WIDTH, 8), "r": numbers(1, 3 * _WIDTH, _WIDTH), "one": np.array([1])}
    return _model(
        "state", nodes, {"x": ["n", "t", 8]}, {"y": ["n", "t", _WIDTH], "h": ["layers", "n", _WIDTH]}, weights
    )


def scalar_output() -> Model:
    """A dense layer, and the mean over the batch."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("ReduceMean", ["y"], ["mean"], keepdims=0),
    ]
    return _model("scalar", nodes, {"x": ["n", _WIDTH]}, {"y": ["n", 10], "mean": []}, {"w": numbers(_WIDTH, 10)})


def pairs() -> Model:
    """All pairs of two sets."""
    nodes = [
        helper.make_node("MatMul", ["a", "w"], ["p"]),
        helper.make_node("Transpose", ["b"], ["q"], perm=[1, 0]),
        helper.make_node("MatMul", ["p", "q"], ["y"]),
    ]
    return _model("pairs", nodes, {"a": ["n", _WIDTH], "b": ["m", 10]}, {"y": ["n", "m"]}, {"w": numbers(_WIDTH, 10)})


def rows() -> Model:
    """A dense layer: rows do not know of each other."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    return _model("rows", nodes, {"x": ["n", _WIDTH]}, {"y": ["n", 10]}, {"w": numbers(_WIDTH, 10)})


# by name: the model, the feeds of a sample, the feeds of a batch
CASES: dict[str, tuple[Model, Feeds, Feeds]] = {
    "time-first": (time_first(), {"x": numbers(7, 1, 8)}, {"x": numbers(5, 1, 8)}),
    "state": (state_output(), {"x": numbers(1, 7, 8)}, {"x": numbers(4, 7, 8)}),
    "scalar": (scalar_output(), {"x": numbers(1, _WIDTH)}, {"x": numbers(3, _WIDTH)}),
    "pairs": (pairs(), {"a": numbers(1, _WIDTH), "b": numbers(1, 10)}, {"a": numbers(3, _WIDTH), "b": numbers(3, 10)}),
    "rows": (rows(), {"x": numbers(1, _WIDTH)}, {"x": numbers(3, _WIDTH)}),
}
