"""Feeds of the graph that an app runs: pixels for an image model, else the model's own tensors."""

from collections.abc import Sequence

import numpy as np

from compsel.inputs.feeds import synthetic_feeds
from compsel.inputs.tensor_specs import TensorSpec
from compsel.models.pixel_input import PIXELS
from compsel.variants.variant import Value, Variant

__all__ = ["graph_feeds", "synthetic_graph_feeds"]


def graph_feeds(variant: Variant, value: Value) -> dict[str, np.ndarray]:
    """Return what the graph is fed for an input."""
    if not isinstance(value, np.ndarray):
        return dict(value)
    assert variant.preprocessing is not None
    return {PIXELS: variant.preprocessing.pixels(value)[None]}


def synthetic_graph_feeds(variant: Variant) -> dict[str, np.ndarray]:
    """Return generated numbers in the shapes of the graph's inputs; the same ones each time."""
    inputs: Sequence[TensorSpec] = variant.inputs
    if variant.pixels_file is not None and variant.preprocessing is not None:
        inputs = [TensorSpec(PIXELS, "uint8", (1, *variant.preprocessing.resolution, 3))]
    return synthetic_feeds(inputs, seed=0)
