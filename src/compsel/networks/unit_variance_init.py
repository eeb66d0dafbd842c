"""Give seeded weights statistics that fit: after every layer the signal has mean 0 and variance 1 on seeded noise.

Random deep networks answer every input alike: what all inputs have in common grows from layer to layer and drowns
what tells them apart. Batch normalisation removes it, when its statistics belong to the weights. So the network runs
once on images of noise, each layer being normalised by what it sees; layers without batch normalisation get the
same effect through their own weights and bias (Mishkin and Matas, All you need is a good init, ICLR 2016).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.models.graph_session import open_session
from compsel.networks.network_builder import INPUT

__all__ = ["calibrate", "calibration_size"]

_SHARE_OF_RESOLUTION = 4 / 7
_IMAGES = 8
# mean and standard deviation of photographs, in units of 0..255
_PHOTO_MEAN, _PHOTO_STD = 117.0, 58.0
_LEAVES, _LEAST_RADIUS = 150, 2.0
# a layer whose output hardly varies is not blown up beyond this
_LEAST_STD = 1e-3


def calibration_size(resolution: int) -> tuple[int, int]:
    """Return the (height, width) to calibrate at: small for speed, but with several pixels in the last layers."""
    side = round(resolution * _SHARE_OF_RESOLUTION)
    return side, side


@dataclass(frozen=True, slots=True)
class _Point:
    """A layer whose output is normalised: its node, and the names under which its statistics come out."""

    node: onnx.NodeProto
    mean: str
    variance: str


def calibrate(
    proto: onnx.ModelProto, values: dict[str, np.ndarray], preprocessing: ImagePreprocessing, seed: int
) -> None:
    """Change `values`, the seeded parameters by name, so that the signal keeps mean 0 and variance 1.

    Args:
        proto: the graph at `calibration_size`; its parameters need no data.
        values: float32 arrays of all parameters; statistics, weights and biases are changed in place.
        preprocessing: what the network expects.
        seed: of the noise.
    """
    graph, points = _normalising(proto, values)
    # one thread: the order of additions, and so the result, does not depend on the number of cores
    session = open_session(graph)
    wanted = [name for point in points for name in (point.mean, point.variance)]
    feeds = {INPUT: _leaves(preprocessing, seed), **values}
    # parameters are fed, not stored in the graph: no copy of them is made
    measured = session.run(wanted, {item.name: feeds[item.name] for item in session.get_inputs()})
    for point, mean, variance in zip(points, measured[::2], measured[1::2], strict=True):
        _store(point.node, values, mean.reshape(-1), variance.reshape(-1))


def _store(node: onnx.NodeProto, values: dict[str, np.ndarray], mean: np.ndarray, variance: np.ndarray) -> None:
    if node.op_type == "BatchNormalization":
        values[node.input[3]][:] = mean
        values[node.input[4]][:] = variance
        return
    std = np.maximum(np.sqrt(variance), _LEAST_STD)
    weight = values[node.input[1]]
    weight /= std.reshape(-1, *(1,) * (weight.ndim - 1))
    values[node.input[2]][:] = -mean / std


def _normalising(proto: onnx.ModelProto, values: dict[str, np.ndarray]) -> tuple[onnx.ModelProto, list[_Point]]:
    """Return the graph with every layer normalised by its own statistics, which become its outputs."""
    normalised = {node.input[0] for node in proto.graph.node if node.op_type == "BatchNormalization"}
    nodes: list[onnx.NodeProto] = []
    points = []
    for node in proto.graph.node:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        point = _Point(node, f"{node.name}.mean", f"{node.name}.variance")
        if node.op_type == "BatchNormalization":
            nodes.extend(_measure(point, node.input[0]))
            for position, name in ((3, point.mean), (4, point.variance)):
                copy.input[position] = f"{name}.flat"
                nodes.append(helper.make_node("ReduceMean", [name], [f"{name}.flat"], axes=(0, 2, 3), keepdims=0))
            nodes.append(copy)
        elif node.op_type in ("Conv", "Gemm") and len(node.input) == 3 and node.output[0] not in normalised:
            copy.output[0] = f"{node.output[0]}.raw"
            nodes.append(copy)
            nodes.extend(_measure(point, copy.output[0]))
            nodes.extend(_divide(point))
        else:
            nodes.append(copy)
            continue
        points.append(point)
    graph = helper.make_graph(
        nodes,
        "calibration",
        [
            helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, None),
            *(helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in values.items()),
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            for point in points
            for name in (point.mean, point.variance)
        ],
        [tensor for tensor in proto.graph.initializer if tensor.name not in values],
    )
    return helper.make_model(graph, opset_imports=proto.opset_import, ir_version=proto.ir_version), points


def _measure(point: _Point, source: str) -> Iterator[onnx.NodeProto]:
    """Give the nodes that compute x - mean, and the mean and the variance of every channel."""
    name, dense = point.node.name, point.node.op_type == "Gemm"
    axes: tuple[int, ...] = (0,) if dense else (0, 2, 3)
    yield helper.make_node("ReduceMean", [source], [point.mean], axes=axes, keepdims=1)
    yield helper.make_node("Sub", [source, point.mean], [f"{name}.centred"])
    yield helper.make_node("Mul", [f"{name}.centred"] * 2, [f"{name}.squared"])
    # the outputs of a dense layer share one variance: a batch is too small for one each
    axes = (0, 1) if dense else axes
    yield helper.make_node("ReduceMean", [f"{name}.squared"], [point.variance], axes=axes, keepdims=1)


def _divide(point: _Point) -> Iterator[onnx.NodeProto]:
    """Give the nodes of (x - mean) / std, ending in the output of the point's node."""
    name = point.node.name
    floor = np.array(_LEAST_STD**2, np.float32)
    yield helper.make_node("Constant", [], [f"{name}.floor"], value=onnx.numpy_helper.from_array(floor))
    yield helper.make_node("Max", [point.variance, f"{name}.floor"], [f"{name}.bounded"])
    yield helper.make_node("Sqrt", [f"{name}.bounded"], [f"{name}.std"])
    yield helper.make_node("Div", [f"{name}.centred", f"{name}.std"], [point.node.output[0]])


def _leaves(preprocessing: ImagePreprocessing, seed: int) -> np.ndarray:
    """Return float32 (images, 3, height, width): leaves that hide one another, the "dead leaves" model.

    Discs with the scale-free sizes of things in photographs give their edges, flat areas and spectrum
    (Lee, Mumford and Huang, Occlusion Models for Natural Images, IJCV 2001).
    """
    generator = np.random.default_rng(seed)
    height, width = preprocessing.resolution
    tensors = []
    for _ in range(_IMAGES):
        image = np.empty((height, width, 3), np.float32)
        image[:] = brightness = generator.normal(_PHOTO_MEAN, _PHOTO_STD / 2)
        for radius in _LEAST_RADIUS / np.sqrt(generator.uniform(1e-4, 1, _LEAVES)):
            row, column = generator.uniform(0, height), generator.uniform(0, width)
            top, left = max(0, int(row - radius)), max(0, int(column - radius))
            box = image[top : int(row + radius) + 1, left : int(column + radius) + 1]
            rows, columns = np.ogrid[top : top + box.shape[0], left : left + box.shape[1]]
            colour = generator.normal(brightness, _PHOTO_STD) + generator.normal(0, _PHOTO_STD / 3, 3)
            box[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = colour
        tensors.append(preprocessing.normalise(np.clip(image, 0, 255).astype(np.uint8)))
    return np.concatenate(tensors)
