import math

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compsel.errors import ModelError
from compsel.networks.graph_builder import Tensor
from compsel.networks.network_builder import NetworkBuilder


def run(net: NetworkBuilder, output: Tensor, image: np.ndarray, **values: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        net.proto("x", output, values).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    got = np.asarray(session.run(None, {"input": image[None]})[0][0])
    assert got.shape == output.shape
    return got


def image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((3, height, width), np.float32)


WINDOWS = st.tuples(st.integers(7, 20), st.integers(7, 20), st.integers(1, 5), st.integers(1, 3))


@settings(max_examples=40, deadline=None)
@given(window=WINDOWS)
def test_same_padding_keeps_what_tensorflow_keeps(window: tuple[int, int, int, int]) -> None:
    height, width, kernel, stride = window
    net = NetworkBuilder((height, width))
    weight = np.random.default_rng(1).standard_normal((2, 3, kernel, kernel), np.float32)
    x = image(height, width)
    got = run(net, net.conv(net.input, "c", 2, kernel, stride=stride), x, **{"c.weight": weight})
    rows, columns = math.ceil(height / stride), math.ceil(width / stride)
    missing = [max((n - 1) * stride + kernel - m, 0) for n, m in ((rows, height), (columns, width))]
    padded = np.pad(x, ((0, 0), *((total // 2, total - total // 2) for total in missing)))
    want = [
        [
            (padded[:, r : r + kernel, c : c + kernel] * weight).sum((1, 2, 3))
            for c in range(0, columns * stride, stride)
        ]
        for r in range(0, rows * stride, stride)
    ]
    np.testing.assert_allclose(got, np.array(want).transpose(2, 0, 1), rtol=1e-3, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(window=WINDOWS, padding=st.integers(0, 1), ceil=st.booleans())
def test_maximum_pool(window: tuple[int, int, int, int], padding: int, ceil: bool) -> None:
    height, width, kernel, stride = window
    padding = padding if kernel > 2 else 0
    net = NetworkBuilder((height, width))
    x = image(height, width)
    got = run(net, net.max_pool(net.input, "p", kernel, stride=stride, padding=padding, ceil=ceil), x)
    # every window that begins inside the image or its left padding, and for `ceil` also those that hang over the end
    starts = [
        [s for s in range(-padding, length, stride) if ceil or s + kernel <= length + padding]
        for length in (height, width)
    ]
    if ceil:
        starts = [
            [s for s in line if s == line[0] or s - stride + kernel < length + padding]
            for line, length in zip(starts, (height, width), strict=True)
        ]
    want = [[x[:, max(r, 0) : r + kernel, max(c, 0) : c + kernel].max((1, 2)) for c in starts[1]] for r in starts[0]]
    np.testing.assert_array_equal(got, np.array(want).transpose(2, 0, 1))


@pytest.mark.parametrize("side", [1, 4, 7, 10, 14])
def test_adaptive_average(side: int) -> None:
    net = NetworkBuilder((side, side + 3))
    x = image(side, side + 3)
    # something must stand before: an input that is the output is no graph
    got = run(net, net.adaptive_average(net.relu(net.input), "p", 7), x)
    for row in range(7):
        for column in range(7):
            area = np.maximum(x, 0)[
                :,
                row * side // 7 : math.ceil((row + 1) * side / 7),
                column * (side + 3) // 7 : math.ceil((column + 1) * (side + 3) / 7),
            ]
            np.testing.assert_allclose(got[:, row, column], area.mean((1, 2)), rtol=1e-5, atol=1e-6)


def test_a_resolution_that_is_too_small_names_the_layer() -> None:
    net = NetworkBuilder((4, 4))
    with pytest.raises(ModelError, match="stem: a window of 7 pixels does not fit into 4"):
        net.conv(net.input, "stem", 8, 7, padding="valid")
