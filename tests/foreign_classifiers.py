"""Classifiers of pictures as others export them: without a word on how pictures are prepared."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model

SIDE = 16
#: standard deviation of the colours of pictures of one class, of 255
JITTER = 12.0
_TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


def colours(classes: int, seed: int = 0) -> np.ndarray:
    """Return colours (classes, 3) that lie apart, and apart from themselves with red and blue exchanged."""
    rng = np.random.default_rng(seed)
    found: list[np.ndarray] = []
    while len(found) < classes:
        colour = rng.integers(0, 256, 3)
        others = [one for known in found for one in (known, known[::-1])]
        if abs(colour[0] - colour[2]) > 40 and all(np.abs(colour - one).max() > 40 for one in others):
            found.append(colour)
    return np.array(found)


def nearest_colour(
    means: np.ndarray, preprocessing: ImagePreprocessing, dtype: str = "float32", first: int = 0
) -> Model:
    """Return a model that says which colour of `means` (classes, 3) a picture has, if it is prepared like that.

    Its logits are those of normal distributions around the colours (`coloured`), in the numbers of the preprocessing.
    `first`: so many classes stand before them that it never says.
    """
    pictures = [np.full((SIDE, SIDE, 3), colour, np.uint8) for colour in means]
    centres = np.stack([preprocessing.normalise(one).mean(axis=_axes(preprocessing))[0] for one in pictures])
    scale = 0.5 * (float(np.mean(preprocessing.std)) / JITTER) ** 2
    far = np.full((first, centres.shape[1]), 1e3 * np.abs(centres).max())
    kernel = np.concatenate([far, centres]).astype(np.float32)[None]
    depth = centres.shape[1]
    shape = ["n", depth, SIDE, SIDE] if preprocessing.layout == "NCHW" else ["n", SIDE, SIDE, depth]
    axes = [2, 3] if preprocessing.layout == "NCHW" else [1, 2]
    nodes = [
        helper.make_node("Cast", ["picture"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers"], ["mean"], axes=axes, keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["row"]),
        helper.make_node("Sub", ["row", "kernel"], ["difference"]),
        helper.make_node("Mul", ["difference", "difference"], ["square"]),
        helper.make_node("ReduceSum", ["square", "two"], ["distance"], keepdims=0),
        helper.make_node("Mul", ["distance", "scale"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("picture", _TYPES[dtype], shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", kernel.shape[1]])],
        [
            numpy_helper.from_array(kernel, "kernel"),
            numpy_helper.from_array(np.array(-scale, np.float32), "scale"),
            numpy_helper.from_array(np.array([1]), "one"),
            numpy_helper.from_array(np.array([2]), "two"),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(proto)
    return Model.from_proto(proto, "colours")


def coloured(means: np.ndarray, count: int, frame: int = 0, side: int = 40, seed: int = 1) -> ArraySamples:
    """Return pictures of these colours more or less, labelled; `frame`: so many pixels around them are noise alone."""
    rng = np.random.default_rng(seed)
    labels = [index % len(means) for index in range(count)]
    pictures = []
    for label in labels:
        colour = means[label] + rng.normal(0, JITTER, 3)
        picture = np.clip(colour + rng.normal(0, 5, (side, side, 3)), 0, 255).astype(np.uint8)
        if frame:
            noise = np.full_like(picture, rng.integers(0, 256, 3))
            noise[frame:-frame, frame:-frame] = picture[frame:-frame, frame:-frame]
            picture = noise
        pictures.append(picture)
    return ArraySamples(pictures, labels)


def _axes(preprocessing: ImagePreprocessing) -> tuple[int, int]:
    return (2, 3) if preprocessing.layout == "NCHW" else (1, 2)
