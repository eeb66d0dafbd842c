"""Costs of some choices, and of more of them, as one model."""

from dataclasses import replace

import numpy as np

from compsel.selection.costs.model import CostModel

__all__ = ["joined"]


def joined(costs: CostModel, more: CostModel) -> CostModel:
    """Return the model of the choices of both, which were measured in the same states."""
    power_w = None
    if costs.power_w is not None and more.power_w is not None:
        power_w = np.concatenate((costs.power_w, more.power_w))
    return replace(
        costs,
        choices=(*costs.choices, *more.choices),
        latency_ms=np.concatenate((costs.latency_ms, more.latency_ms), axis=1),
        p95_ms=np.concatenate((costs.p95_ms, more.p95_ms), axis=1),
        power_w=power_w,
        by_size=None if costs.by_size is None or more.by_size is None else costs.by_size.joined(more.by_size),
    )
