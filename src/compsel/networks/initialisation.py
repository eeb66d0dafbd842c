"""Seeded weights for a network that has none.

Weights are drawn as He et al. 2015 (Delving Deep into Rectifiers, section 2.2): normal, with variance gain^2 / fan-in.
"""

import math
from collections.abc import Iterable

import numpy as np

from compsel.networks.graph_builder import Parameter

__all__ = ["initialise"]

_CONSTANTS = {"bias": 0.0, "scale": 1.0, "mean": 0.0, "variance": 1.0}


def initialise(parameters: Iterable[Parameter], seed: int) -> dict[str, np.ndarray]:
    """Return a float32 array for every parameter; the same seed gives the same numbers."""
    generator = np.random.default_rng(seed)
    values = {}
    for parameter in parameters:
        if parameter.role == "weight":
            value = generator.standard_normal(parameter.shape, np.float32)
            value *= np.float32(parameter.gain / math.sqrt(math.prod(parameter.shape[1:])))
        else:
            constant = parameter.gain if parameter.role == "shift" else _CONSTANTS[parameter.role]
            value = np.full(parameter.shape, constant, np.float32)
        values[parameter.name] = value
    return values
