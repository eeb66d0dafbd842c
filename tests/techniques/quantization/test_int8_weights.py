"""The 8-bit grid of weights: no overflow, no worse than 7 bits, and the real kernels agree."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from onnx import helper

from compsel.techniques.quantization.int8_weights import WeightRange, quantise_weight

CONV = helper.make_node("Conv", ["x", "w"], ["y"])
DEPTHWISE = helper.make_node("Conv", ["x", "w"], ["y"], group=6)
TRANSPOSED = helper.make_node("ConvTranspose", ["x", "w"], ["y"])
MATMUL = helper.make_node("MatMul", ["x", "w"], ["y"])
GEMM = helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)
WEIGHTS = npst.arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.integers(1, 7), st.integers(1, 3), st.integers(1, 3)),
    elements=st.floats(-4, 4, width=32, allow_subnormal=False),
)


def grid(weight: np.ndarray, node: onnx.NodeProto, bounds: WeightRange) -> np.ndarray:
    """The whole numbers, output channels first, in the order in which kernels add: input channels fastest."""
    rounded = quantise_weight(weight, node, bounds)
    assert rounded is not None and rounded.codes.shape == weight.shape and rounded.codes.dtype == np.int8
    rows = np.moveaxis(rounded.codes.astype(int), rounded.axis, 0)
    return np.moveaxis(rows, 1, -1).reshape(len(rows), -1)


@given(WEIGHTS)
@settings(deadline=None)
def test_neighbours_never_overflow(weight: np.ndarray) -> None:
    whole = grid(weight, CONV, "safe")
    assert np.abs(whole).max() <= 127
    pairs = whole[:, : whole.shape[1] // 2 * 2].reshape(len(whole), -1, 2)
    for activations in ([255, 255], [255, 0], [0, 255]):
        sums = (pairs * activations).sum(axis=2)
        assert sums.size == 0 or (sums.min() >= -(2**15) and sums.max() < 2**15)


@given(WEIGHTS)
@settings(deadline=None)
def test_error_lies_between_8_and_7_bits(weight: np.ndarray) -> None:
    error = {}
    ranges: tuple[WeightRange, ...] = ("full", "safe", "reduced")
    for bounds in ranges:
        rounded = quantise_weight(weight, CONV, bounds)
        assert rounded is not None
        error[bounds] = float(((rounded.values.astype(np.float64) - weight) ** 2).sum())
    # half a step of 7 bits is the most that any number can be off
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    per_channel = weight[0].size
    assert error["safe"] <= float((per_channel * (largest / 63 / 2) ** 2).sum()) * 1.01 + 1e-12
    assert error["full"] <= float((per_channel * (largest / 127 / 2) ** 2).sum()) * 1.01 + 1e-12


def test_safe_keeps_more_than_7_bits_of_real_distributions() -> None:
    weight = np.random.default_rng(0).laplace(size=(64, 96, 1, 1)).astype(np.float32)

    def error(bounds: WeightRange) -> float:
        rounded = quantise_weight(weight, CONV, bounds)
        assert rounded is not None
        return float(((rounded.values - weight) ** 2).mean())

    assert error("full") <= error("safe") < error("reduced") / 2


def test_depthwise_weights_use_the_full_range() -> None:
    weight = np.full((6, 1, 3, 3), 0.5, np.float32)
    assert np.abs(grid(weight, DEPTHWISE, "safe")).max() == 127
    assert np.abs(grid(weight, CONV, "safe")).max() <= 127


@pytest.mark.parametrize(("node", "axis"), [(MATMUL, 1), (GEMM, 0), (CONV, 0), (TRANSPOSED, 1)])
def test_axis_of_the_output_channels(node: onnx.NodeProto, axis: int) -> None:
    weight = np.array([[1.0, 0.5, 0.25], [0.125, 1.0, -1.0]], np.float32)
    rounded = quantise_weight(weight[:, :, None, None] if "Conv" in node.op_type else weight, node, "full")
    assert rounded is not None and rounded.axis == axis
    assert rounded.scales.shape == (weight.shape[axis],)


def test_other_layers_are_left_alone() -> None:
    grouped = helper.make_node("ConvTranspose", [], [], group=2)
    assert quantise_weight(np.ones((2, 3, 1, 1), np.float32), grouped, "safe") is None
    assert quantise_weight(np.ones((2, 3, 4), np.float32), MATMUL, "safe") is None


def test_zero_channels_stay_zero() -> None:
    weight = np.zeros((2, 4, 1, 1), np.float32)
    assert not grid(weight, CONV, "safe").any()
