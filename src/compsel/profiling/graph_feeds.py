"""Generated feeds of the graph that an app runs."""

import numpy as np

from compsel.inputs.modalities import modality_of
from compsel.inputs.synthetic_feeds import synthetic_feeds
from compsel.variants.variant import Variant

__all__ = ["synthetic_graph_feeds"]


def synthetic_graph_feeds(variant: Variant) -> dict[str, np.ndarray]:
    """Return generated numbers in the shapes of the graph's inputs; the same ones each time."""
    return synthetic_feeds(modality_of(variant).graph_inputs(variant), seed=0)
