"""An image student: whitened random patches as filters, pooled over the quarters of a small image, and a linear head.

Coates and Ng, The importance of encoding versus training with sparse coding and vector quantization, ICML 2011: patches
of the images themselves, whitened, are nearly as good as filters that were learned; what counts is to keep the positive
and the negative part of what they give.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.techniques.heads.fitting import FittedModel, fit_on_tensor

__all__ = ["fit_image_student", "patch_features"]

_SIDE, _PATCH, _FILTERS, _POOL = 32, 6, 128, 14
_IMAGES, _PATCHES_EACH = 500, 40
_WHITENING = 0.1  # added to the variances
_THRESHOLD = 0.25


def fit_image_student(samples: Samples, targets: NDArray[np.float32], labels: tuple[str, ...] = ()) -> FittedModel:
    """Fit a student on images.

    Args:
        samples: images.
        targets: float32 (n, classes), what is learned.
        labels: names of the classes.

    Raises:
        SamplesError: too few samples of a class.
    """
    features = patch_features(samples)
    output = features.outputs[0].name
    fitted = fit_on_tensor(features, output, [output], samples, targets, kind="student", output="logits", names=labels)
    return replace(fitted, model=replace(fitted.model, labels=labels))


def patch_features(samples: Samples) -> Model:
    """Return a model of features, float32 (n, 4 * 2 * filters) of images of 32 x 32 pixels, from samples of them."""
    preprocessing = ImagePreprocessing((_SIDE, _SIDE), interpolation="area", mean=(127.5,) * 3, std=(64.0,) * 3)
    filters, bias = _filters(samples, preprocessing)
    node = helper.make_node
    nodes = [
        node("Conv", ["input", "filters", "bias"], ["responses"], "responses"),
        node("Relu", ["responses"], ["active"], "active"),
        node("AveragePool", ["active"], ["quarters"], "quarters", kernel_shape=[_POOL] * 2, strides=[_POOL - 1] * 2),
        node("Flatten", ["quarters"], ["features"], "features"),
    ]
    width = 4 * len(bias)
    graph = helper.make_graph(
        nodes,
        "student",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, _SIDE, _SIDE])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", width])],
        [numpy_helper.from_array(filters, "filters"), numpy_helper.from_array(bias, "bias")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="compsel")
    return Model("student", proto, preprocessing)


def _filters(samples: Samples, preprocessing: ImagePreprocessing) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return filters (2 * count, 3, patch, patch) and their biases; the second half are the negatives of the first."""
    rng = np.random.default_rng(0)
    patches = []
    for sample in samples.spread(_IMAGES):
        image = preprocessing.tensor(sample.value)[0]
        for top, left in rng.integers(0, _SIDE - _PATCH + 1, (_PATCHES_EACH, 2)):
            patches.append(image[:, top : top + _PATCH, left : left + _PATCH].ravel())
    seen = np.array(patches, np.float64)
    centre = seen.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(seen.T))
    whitening = (vectors / np.sqrt(values + _WHITENING)) @ vectors.T
    whitened = (seen - centre) @ whitening
    chosen = whitened[rng.choice(len(whitened), min(_FILTERS, len(whitened)), replace=False)]
    chosen /= np.linalg.norm(chosen, axis=1, keepdims=True) + 1e-9
    filters = chosen @ whitening
    offset = filters @ centre
    both = np.concatenate([filters, -filters]).reshape(-1, 3, _PATCH, _PATCH)
    return both.astype(np.float32), np.concatenate([-offset, offset]).astype(np.float32) - np.float32(_THRESHOLD)
