"""Which file an app opens first: written into a bundle, so that loading begins with it before anything is planned."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from compsel.selection.costs.model import CostModel
from compsel.selection.policies import Policy
from compsel.variants.variant import Variant

__all__ = ["opens_first"]


def opens_first(policy: Policy | None, costs: CostModel, variants: Sequence[Variant]) -> dict[str, Any]:
    """Return graph, weights and processor of what a policy runs first on an idle device; {} where the input decides.

    Args:
        policy: of the bundle; None: it has none.
        costs: of its choices.
        variants: that ship.
    """
    if policy is None or policy.extractor:
        return {}
    size = None if costs.by_size is None else costs.by_size.usual
    means, p95, processors = costs.cheapest(policy.variants, costs.states[0], policy.processor, size)
    if not np.isfinite(means).any():
        return {}
    first = policy.plan(means, p95, np.inf).first(None)
    variant = next(one for one in variants if one.name == policy.variants[first])
    return {"graph": variant.graph_file, "weights": variant.weights_file, "processor": processors[first]}
