"""Empty, constant, huge and masked values inside a graph: what 8 bits cannot hold stays in float32, and only that."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from compsel import Model
from compsel.inputs.samples import ArraySamples
from compsel.techniques import parse
from compsel.variants.verification import Verification, verify
from tests.techniques.foreign import FLOAT, make, value, weight

SIDE = 6
MASK = np.triu(np.ones((SIDE, SIDE), bool), 1)
METHODS = ("minmax", "percentile", "entropy", "mse")


def samples(count: int = 12) -> ArraySamples:
    rng = np.random.default_rng(0)
    return ArraySamples([{"x": rng.standard_normal((1, 4, SIDE, SIDE)).astype(np.float32)} for _ in range(count)])


def between(nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray]) -> Model:
    """Return a model with `nodes` between two convolutions: they read "h" and give "m"."""
    first = helper.make_node("Conv", ["x", "w1", "b1"], ["h"], kernel_shape=[1, 1])
    last = [
        helper.make_node("Conv", ["m", "w2"], ["o"], kernel_shape=[1, 1]),
        helper.make_node("GlobalAveragePool", ["o"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w3"], ["y"]),
    ]
    weights = [weight("w1", 4, 4, 1, 1, scale=1.0), weight("b1", 4), weight("w2", 8, 4, 1, 1), weight("w3", 8, 5)]
    weights += [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()]
    shape = [1, 4, SIDE, SIDE]
    return make([first, *nodes, *last], [value("x", FLOAT, shape)], [value("y", FLOAT, [1, 5])], weights)


def node(op_type: str, read: str, made: str, **attributes: int) -> onnx.NodeProto:
    return helper.make_node(op_type, read.split(), made.split(), **attributes)


def compressed(model: Model, spec: str = "int8-static") -> tuple[Model, Verification]:
    made = parse(spec).apply(model, samples())
    return made, verify(made, model, samples())


def quantised(model: Model) -> int:
    return sum(node.op_type == "QuantizeLinear" for node in model.proto.graph.node)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("number", [0.0, -1e3, -1e4, -1e9, float(np.finfo(np.float32).min), -np.inf])
def test_a_mask_that_is_added(number: float, method: str) -> None:
    mask = np.where(MASK, np.float32(number), np.float32(0))
    nodes = [node("Add", "h mask", "s"), node("Softmax", "s", "m", axis=-1)]
    made, found = compressed(between(nodes, {"mask": mask}), f"int8-static:{method}")
    assert found.ok and found.relative_error is not None and found.relative_error < 0.06
    assert quantised(made) >= 2


@pytest.mark.parametrize("number", [-1e4, -1e9, -np.inf])
def test_a_mask_that_is_chosen(number: float) -> None:
    constants = {"masked": MASK, "least": np.float32(number)}
    nodes = [node("Where", "masked least h", "s"), node("Softmax", "s", "m", axis=-1)]
    _, found = compressed(between(nodes, constants))
    assert found.ok and found.relative_error is not None and found.relative_error < 0.06


def test_not_a_number_that_the_model_reads_again() -> None:
    nodes = [
        node("Where", "masked nan h", "s"),
        node("Relu", "s", "r"),
        node("IsNaN", "r", "missing"),
        node("Where", "missing zero r", "m"),
    ]
    constants = {"masked": MASK, "nan": np.float32("nan"), "zero": np.float32(0)}
    made, found = compressed(between(nodes, constants))
    assert found.ok and found.relative_error is not None and found.relative_error < 0.06
    assert quantised(made) >= 2


def _slice(first: int, last: int) -> dict[str, np.ndarray]:
    return {"starts": np.array([first]), "ends": np.array([last]), "axes": np.array([1])}


@pytest.mark.parametrize("method", METHODS)
def test_empty_values_constrain_nothing(method: str) -> None:
    plain, with_empty = (
        compressed(between(nodes, constants), f"int8-static:{method}")
        for nodes, constants in (
            ([node("Relu", "h", "m")], {}),
            (
                [node("Slice", "h starts ends axes", "e"), node("Relu", "h", "r"), node("Concat", "r e", "m", axis=1)],
                _slice(2, 2),
            ),
        )
    )
    assert plain[1].relative_error is not None and with_empty[1].relative_error is not None
    assert with_empty[1].ok and with_empty[1].relative_error < 1.5 * plain[1].relative_error
    assert quantised(with_empty[0]) >= quantised(plain[0])


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ([node("Mul", "h zero", "z"), node("Add", "z h", "m")], {"zero": np.float32(0)}),
        (
            [node("Mul", "h zero", "z"), node("Add", "z five", "c"), node("Add", "c h", "m")],
            {"zero": np.float32(0), "five": np.full((1, 4, 1, 1), 5, np.float32)},
        ),
        (
            [node("GlobalAveragePool", "h", "g"), node("ReduceMax", "g", "one", keepdims=1), node("Add", "one h", "m")],
            {"unused": np.zeros(1, np.float32)},
        ),
        (
            [node("Mul", "h huge", "a"), node("Mul", "a tiny", "m")],
            {"huge": np.float32(1e30), "tiny": np.float32(1e-30)},
        ),
        (
            [node("Mul", "h tiny", "a"), node("Mul", "a huge", "m")],
            {"huge": np.float32(1e38), "tiny": np.float32(1e-38)},
        ),
    ],
    ids=["zeros", "constant", "single", "huge", "tiny"],
)
@pytest.mark.parametrize("method", METHODS)
def test_constant_huge_and_tiny_values(
    nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], method: str
) -> None:
    _, found = compressed(between(nodes, constants), f"int8-static:{method}")
    assert found.ok and found.relative_error is not None and found.relative_error < 0.08


@pytest.mark.parametrize("spec", ["int8-weight", "int6-weight", "int8-dynamic"])
@pytest.mark.parametrize("number", [-1e9, -np.inf])
def test_other_techniques_that_measure(spec: str, number: float) -> None:
    mask = np.where(MASK, np.float32(number), np.float32(0))
    nodes = [node("Add", "h mask", "s"), node("Softmax", "s", "m", axis=-1)]
    _, found = compressed(between(nodes, {"mask": mask}), spec)
    assert found.ok


def test_layers_that_read_what_is_infinite() -> None:
    """Biases are corrected by the means of what layers read: what has none stays as it is."""
    nodes = [node("Where", "masked infinity h", "s"), node("Clip", "s low high", "m")]
    constants = {"masked": MASK, "infinity": np.float32("inf"), "low": np.float32(-1), "high": np.float32(1)}
    for spec in ("int8-static", "int8-weight", "int4-weight"):
        _, found = compressed(between(nodes, constants), spec)
        assert found.ok and found.relative_error is not None and found.relative_error < 0.3
