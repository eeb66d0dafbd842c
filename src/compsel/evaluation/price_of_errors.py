"""The adaptive policy at other costs of a wrong answer: what it would do with the samples that judge."""

from collections.abc import Mapping, Sequence

import numpy as np

from compsel.evaluation.results import PolicyResult
from compsel.features.fusion import Evidence
from compsel.selection.costs.model import CostModel
from compsel.selection.policies import CascadePolicy, Policy

__all__ = ["price_curve"]

# multiples of the policy's own cost of a wrong answer
_FACTORS = tuple(float(factor) for factor in np.geomspace(0.02, 50.0, 18))


def price_curve(
    policy: Policy,
    evidence: Mapping[str, Evidence],
    targets: Sequence[int] | None,
    ours: PolicyResult,
    costs: CostModel,
) -> list[dict[str, float]]:
    """Return the curve as JSON: `penalty_ms`, `latency_ms` and `accuracy` of each point; empty where there is none.

    Computed, not run: what variants said about the samples is read as the policy reads it, and it plans with the costs
    of an idle device; one factor, the same for all latencies, makes the policy's own point take what was measured.

    Args:
        policy: the adaptive one; only a cascade that decides by what variants said has a curve.
        evidence: by variant, of the n samples.
        targets: (n,), the right classes; None where answers are not classes.
        ours: what the policy did.
        costs: of the bundle.

    >>> from compsel.selection.policies import FixedPolicy
    >>> costs = CostModel((("net/none", "cpu:1"),), np.array([[0.0]]), np.array([[2.0]]), np.array([[2.0]]))
    >>> price_curve(FixedPolicy("net/none"), {}, [1], PolicyResult("a", np.ones(1), np.ones(1)), costs)
    []
    """
    if not isinstance(policy, CascadePolicy) or targets is None or policy.policy.difficulty is not None:
        return []
    if not evidence.keys() >= {*policy.variants}:
        return []
    said = [evidence[name] for name in policy.variants]
    idle, _, _ = costs.cheapest(policy.variants, costs.idle)
    right = np.asarray(targets)

    def point(penalty: float) -> dict[str, float]:
        walk = policy.policy.walk(policy.policy.plan(idle, penalty), said)
        good = (walk.classes == right) & (walk.score >= policy.least_sure)
        return {
            "penalty_ms": penalty,
            "latency_ms": float((walk.ran @ idle).mean()),
            "accuracy": float(good.mean()),
        }

    scale = float(ours.latency_ms.mean()) / point(policy.penalty)["latency_ms"]
    points = [point(policy.penalty * factor) for factor in _FACTORS]
    return [{**one, "latency_ms": one["latency_ms"] * scale} for one in points]
