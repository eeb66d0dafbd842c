"""Values and weights whose names are those that ONNX Runtime's quantiser would make of others."""

import numpy as np
import pytest
from onnx import helper

from compsel import Model
from compsel.techniques import parse
from compsel.variants.verification import verify
from tests.techniques.foreign import FLOAT, make, value, weight
from tests.techniques.inputs import SeededTensors


def two_convolutions(first: str, second: str, bias: str = "bias") -> Model:
    """Two convolutions that share a bias, the values between them called as told."""
    nodes = [
        helper.make_node("Conv", ["x", "w", bias], [first], "a", kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node("LeakyRelu", [first], ["positive"], "b"),
        helper.make_node("Conv", ["positive", "v", bias], [second], "c", kernel_shape=[1, 1]),
        helper.make_node("LeakyRelu", [second], ["active"], "d"),
        helper.make_node("Conv", ["active", "u", bias], ["y"], "e", kernel_shape=[1, 1]),
    ]
    weights = [weight("w", 4, 3, 3, 3), weight("v", 4, 4, 1, 1), weight("u", 4, 4, 1, 1), weight(bias, 4)]
    return make(nodes, [value("x", FLOAT, (1, 3, 8, 8))], [value("y", FLOAT, (1, 4, 8, 8))], weights)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("bias1", "bias2"),
        ("positive_scale", "positive_zero_point"),
        ("x_QuantizeLinear_Output", "x_DequantizeLinear_Output"),
        ("w_quantized", "active_scale"),
        ("bias_quantized", "bias_quantized_scale"),
    ],
)
def test_int8_static_takes_any_names(first: str, second: str) -> None:
    model = two_convolutions(first, second)
    samples = SeededTensors(model, 8)
    variant = parse("int8-static").apply(model, samples)
    plain = parse("int8-static").apply(two_convolutions("first", "second"), samples)
    found = verify(variant, model, samples)
    assert found.ok, found.reason
    assert len(variant.proto.graph.node) == len(plain.proto.graph.node)
    error = verify(plain, model, samples).relative_error
    assert found.relative_error is not None and error is not None and np.isclose(found.relative_error, error)
