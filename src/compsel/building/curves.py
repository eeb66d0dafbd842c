"""Curves of a build, for its report: the policy over the cost of an error, its calibration, what more samples bring."""

from typing import Any

import numpy as np

from compsel.evaluation.reliability import reliability
from compsel.selection.costs.model import CostModel
from compsel.selection.dataset import SelectionDataset
from compsel.selection.policies import CascadePolicy
from compsel.selection.training.held_out_cascades import HeldOut, HeldOutCascades
from compsel.selection.training.trained import Trained

__all__ = ["curves"]

# multiples of the policy's own cost of a wrong answer
_FACTORS = tuple(float(factor) for factor in np.geomspace(0.02, 50.0, 18))
# a sample of all shows the same curves in a bounded time
_MOST_SAMPLES = 4000
_TOLERANCE = 1e-4


def curves(trained: Trained, dataset: SelectionDataset, costs: CostModel) -> dict[str, Any]:
    """Return the curves of the cascade as JSON; {} where none was trained, or costs are energies.

    All is out of fold: samples that a cascade was not trained on.

    Args:
        trained: the policies; where another one ships, the curves show what a cascade would do.
        dataset: that they were trained on; at most 4,000 samples of it are taken.
        costs: in every state of the device.

    Returns:
        `shipped`, whether it is the cascade that ships; `states`: by state of the device, `points` of the curve
        (`penalty_ms`, `latency_ms`, `accuracy`), and the `point` where the policy lies; `calibration`, see
        `compsel.evaluation.reliability`; `learning`: for so many training samples `n`, `accuracy`, `latency_ms` and
        `cost_ms`, wrong answers included, with `cost_ms_folds`, that of each fold.
    """
    kind = trained.comparison.winner
    cascades_of = {name: one.policy for name, one in trained.fitted.items() if isinstance(one.policy, CascadePolicy)}
    if not cascades_of or dataset.unit != "ms":
        return {}
    policy = cascades_of.get(kind) or next(iter(cascades_of.values()))
    if len(dataset.targets) > _MOST_SAMPLES:
        dataset = dataset.take(np.sort(np.random.default_rng(0).permutation(len(dataset.targets))[:_MOST_SAMPLES]))
    stages = max(len(node.members) for node in policy.policy.nodes)
    extractor = policy.extractor if policy.policy.difficulty is not None else ""
    cascades = HeldOutCascades(dataset, policy.variants, stages, extractor)
    here = cascades.at(policy.penalty, cascades.dataset.costs_ms)
    learning = [_learned(n, parts, policy.penalty) for n, parts in cascades.trained_on_fewer(policy.penalty)]
    return {
        "shipped": kind in cascades_of,
        "states": {name: _curve(cascades, policy, costs, place) for place, name in enumerate(costs.names)},
        "calibration": reliability(here.score, here.right),
        "learning": learning[::-1],
    }


def _curve(cascades: HeldOutCascades, policy: CascadePolicy, costs: CostModel, place: int) -> dict[str, Any]:
    """Return the curve in one state, and where the policy lies there: it keeps its accuracy when the device is busy."""
    idle = float(cascades.at(policy.penalty, cascades.dataset.costs_ms).right.mean())
    now, _, _ = costs.cheapest(cascades.dataset.names, costs.states[place])
    points = [_point(cascades.at(policy.penalty * factor, now), policy.penalty * factor) for factor in _FACTORS]
    # a runtime whose device is busy pays more for computing, and so counts a wrong answer as more: see `CascadePolicy`
    own = _point(cascades.at(policy.penalty, now), policy.penalty)
    keeping = (one for one in points if one["penalty_ms"] > policy.penalty and one["accuracy"] >= idle - _TOLERANCE)
    return {"points": points, "point": own if own["accuracy"] >= idle - _TOLERANCE else next(keeping, points[-1])}


def _point(found: HeldOut, penalty: float) -> dict[str, float]:
    return {
        "penalty_ms": penalty,
        "latency_ms": float(found.cost.mean()),
        "accuracy": float(found.right.mean()),
    }


def _learned(n: int, parts: list[HeldOut], penalty: float) -> dict[str, Any]:
    costs = [float((one.cost + penalty * (1 - one.right)).mean()) for one in parts]
    return {
        "n": n,
        "accuracy": float(np.concatenate([one.right for one in parts]).mean()),
        "latency_ms": float(np.concatenate([one.cost for one in parts]).mean()),
        "cost_ms": float(np.mean(costs)),
        "cost_ms_folds": costs,
    }
