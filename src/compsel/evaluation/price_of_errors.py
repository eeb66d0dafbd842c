"""The adaptive policy at other costs of a wrong answer: what it would do with the samples that judge."""

from collections.abc import Mapping, Sequence

import numpy as np

from compsel.evaluation.results import PolicyResult
from compsel.features.fusion import Evidence
from compsel.selection.policies import CascadePolicy, Policy

__all__ = ["price_curve"]

# multiples of the policy's own cost of a wrong answer
_FACTORS = tuple(float(factor) for factor in np.geomspace(0.02, 50.0, 18))


def price_curve(
    policy: Policy,
    evidence: Mapping[str, Evidence],
    targets: Sequence[int] | None,
    ours: PolicyResult,
    static_ms: Mapping[str, float],
) -> list[dict[str, float]]:
    """Return the curve as JSON: `penalty_ms`, `latency_ms` and `accuracy` of each point; empty where there is none.

    Computed, not run: what variants said about the samples is read as the policy reads it, and the times of the stages
    are those that were measured; one factor, the same for all points, makes the policy's own point take what it took.

    Args:
        policy: the adaptive one; only a cascade that decides by what variants said has a curve.
        evidence: by variant, of the n samples.
        targets: (n,), the right classes; None where answers are not classes.
        ours: what the policy did.
        static_ms: by variant, what it takes alone.

    >>> from compsel.selection.policies import FixedPolicy
    >>> price_curve(FixedPolicy("net/none"), {}, [1], PolicyResult("a", np.ones(1), np.ones(1)), {"net/none": 1.0})
    []
    """
    if not isinstance(policy, CascadePolicy) or targets is None or policy.policy.difficulty is not None:
        return []
    if not evidence.keys() >= {*policy.variants}:
        return []
    said = [evidence[name] for name in policy.variants]
    costs = np.array([static_ms[name] for name in policy.variants])
    right = np.asarray(targets)

    def point(penalty: float) -> dict[str, float]:
        walk = policy.policy.walk(policy.policy.plan(costs, penalty), said)
        good = (walk.classes == right) & (walk.score >= policy.least_sure)
        return {
            "penalty_ms": penalty,
            "latency_ms": float((walk.ran @ costs).mean()),
            "accuracy": float(good.mean()),
        }

    scale = float(ours.latency_ms.mean()) / point(policy.penalty)["latency_ms"]
    points = [point(policy.penalty * factor) for factor in _FACTORS]
    return [{**one, "latency_ms": one["latency_ms"] * scale} for one in points]
