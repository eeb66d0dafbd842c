"""The policy of a cascade: run a variant, read its answer, stop or escalate."""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from compsel.selection.cascade.decision_graph import Cascade, Walk
from compsel.selection.cascade.online import PlannedCascade
from compsel.selection.cascade.out_of_distribution import OutOfDistributionDetector, OutOfDistributionFallback
from compsel.selection.cascade.serialization import cascade_from_json, cascade_to_json
from compsel.selection.policies.base import Policy, RowSelector

if TYPE_CHECKING:
    from compsel.selection.dataset import Outcome, SelectionDataset

__all__ = ["CascadePolicy"]

Floats = NDArray[np.float64]
NO_SELECTORS: Mapping[str, RowSelector] = MappingProxyType({})

_BISECTIONS = 14
_TOLERANCE = 1e-4  # of a quality: costs measured again move it by as much
_DEAREST = 1e6  # penalty, in multiples of the dearest variant's cost, beyond which nothing changes


class CascadePolicy(Policy):
    """The cascade: run, look at the answer, stop or go on.

    Args:
        policy: what was learned.
        penalty: cost of a wrong answer, in the unit of the costs, unless a call asks for another quality.
        expected_quality: that the policy reaches on an idle device, as its plan sees it. Where load makes computation
            dearer, the penalty rises with it until the plan reaches this quality again. None: the penalty stays.
        ood_fallback: against inputs that are unlike those that it learned from; None: it chooses for all.
        least_sure: see `Policy`.
    """

    kind = "staged"
    uses_evidence = True

    def __init__(
        self,
        policy: Cascade,
        penalty: float,
        expected_quality: float | None = None,
        ood_fallback: OutOfDistributionFallback | None = None,
        least_sure: float = 0.0,
    ) -> None:
        self.policy = policy
        self.ood_fallback = ood_fallback
        self.least_sure = least_sure
        if ood_fallback is not None:
            self.extractor = ood_fallback.detector.extractor
        if policy.difficulty is not None:
            self.extractor = policy.difficulty.extractor
        self.variants = policy.variants
        self.penalty = penalty
        self.expected_quality = expected_quality
        self.confidence, self.n_confidence = policy.confidence, policy.n_confidence

    def plan(self, costs: Floats, durations: Floats, limit: float) -> "PlannedCascade":
        """Find what to do at these costs."""
        return self.plan_at(self.penalty, costs, durations, limit)

    def limits(self, durations: Floats) -> list[float]:
        """Return how long each path of the cascade takes, up to each of its stages."""
        return [*super().limits(durations), *self.policy.lasting(durations)]

    def plan_at(self, penalty: float, costs: Floats, durations: Floats, limit: float) -> "PlannedCascade":
        """Find what to do at these costs, with another penalty."""
        fallback = None if self.ood_fallback is None else self.ood_fallback.fallback
        may_fall_back = fallback is not None and np.isfinite(costs[fallback]) and durations[fallback] <= limit
        return PlannedCascade(
            self.policy.plan(costs, penalty, limit, durations), self.ood_fallback if may_fall_back else None
        )

    def plan_for_quality(
        self,
        costs: Floats,
        durations: Floats,
        limit: float,
        min_quality: float | None,
        pause: Callable[[], None] | None = None,
    ) -> tuple["PlannedCascade", float | None]:
        """Return the cheapest plan that is expected to reach a quality, and that quality; by bisection on the penalty.

        The policy's own target only raises the penalty (where load makes every computation dearer); a quality that a
        call asks for replaces it.
        """
        finite = costs[np.isfinite(costs)]
        wanted = self.expected_quality if min_quality is None else min_quality
        cheapest = self.penalty if min_quality is None else float(finite.min())
        plan = self.plan_at(cheapest, costs, durations, limit)
        if wanted is None or plan.plan.expected_quality >= wanted - _TOLERANCE:
            return plan, plan.plan.expected_quality
        low, high = np.log(cheapest), np.log(finite.max() * _DEAREST)
        best = self.plan_at(float(np.exp(high)), costs, durations, limit)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            if pause is not None:
                pause()
            plan = self.plan_at(float(np.exp(middle)), costs, durations, limit)
            if plan.plan.expected_quality >= wanted - _TOLERANCE:
                best, high = plan, middle
            else:
                low = middle
        return best, best.plan.expected_quality

    def walk(self, dataset: "SelectionDataset") -> Walk:
        """Return what the policy does with the samples of a dataset of its variants, at the dataset's costs."""
        cascade, features = self.policy, self.features_of(dataset)
        walk = cascade.walk(cascade.plan(dataset.costs_ms, self.penalty), dataset.evidence, features)
        if self.ood_fallback is None or features is None:
            return walk
        doubted, fallback = self.ood_fallback.detector.doubts(features), self.ood_fallback.fallback
        easy_log_odds = None if cascade.difficulty is None else cascade.difficulty.easy_log_odds(features)
        classes, score = cascade.nodes[cascade.index[(fallback,)]].score([dataset.evidence[fallback]], easy_log_odds)
        alone = np.arange(len(cascade.variants)) == fallback
        return Walk(
            np.where(doubted, classes, walk.classes),
            np.where(doubted[:, None], alone, walk.ran),
            np.where(doubted, score, walk.score),
        )

    def features_of(self, dataset: "SelectionDataset") -> NDArray[np.float32] | None:
        """Return the features (n, n_features) that the policy decides by; None where it needs none."""
        return dataset.features[self.extractor] if self.extractor else None

    def outcome(self, dataset: "SelectionDataset") -> "Outcome":
        """Return what the cascade gives for every sample; an answer that is withheld is no right answer."""
        from compsel.selection.dataset import Outcome

        chosen = dataset.among([dataset.names.index(name) for name in self.variants])
        walk = self.walk(chosen)
        names = [" > ".join(self.variants[member] for member in np.flatnonzero(row)) for row in walk.ran]
        right = (walk.classes == chosen.targets) & (walk.score >= self.least_sure)
        latency = walk.ran @ chosen.costs_ms + (dataset.features_ms.get(self.extractor, 0.0) if self.extractor else 0)
        return Outcome(right.astype(np.float64), latency, np.array(names))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "kind": self.kind,
            "penalty": self.penalty,
            "expected_quality": self.expected_quality,
            **cascade_to_json(self.policy),
            "guard": None if self.ood_fallback is None else _ood_fallback_to_json(self.ood_fallback, self.variants),
            "least_sure": self.least_sure,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], selectors: Mapping[str, RowSelector] = NO_SELECTORS) -> Self:
        """Read the JSON form; before there were a "guard" and a "least_sure", they were absent.

        Raises:
            ValueError: content that does not fit together.
        """
        penalty = float(content["penalty"])
        if not 0 < penalty < math.inf:
            raise ValueError(f"cascade: got penalty {penalty}, allowed is a cost above 0")
        least_sure = float(content.get("least_sure", 0.0))
        if not 0 <= least_sure < 1:
            raise ValueError(f"cascade: got least_sure {least_sure}, allowed is 0 to below 1")
        expected = content["expected_quality"]
        if expected is not None and not (type(expected) in (int, float) and 0 <= expected <= 1 + 1e-6):
            raise ValueError(f"cascade: got expected_quality {expected!r}, allowed is a fraction of right answers")
        policy, ood_fallback = cascade_from_json(content), content.get("guard")
        return cls(
            policy,
            penalty,
            expected,
            None if ood_fallback is None else _ood_fallback_from_json(ood_fallback, policy),
            least_sure,
        )


def _ood_fallback_to_json(ood_fallback: OutOfDistributionFallback, variants: Sequence[str]) -> dict[str, Any]:
    return {"fallback": variants[ood_fallback.fallback], **ood_fallback.detector.to_dict()}


def _ood_fallback_from_json(content: Mapping[str, Any], policy: Cascade) -> OutOfDistributionFallback:
    detector = OutOfDistributionDetector.from_dict(content)
    if content["fallback"] not in policy.variants:
        raise ValueError(f"cascade: falls back to {content['fallback']!r}, which is none of its variants")
    if policy.difficulty is not None and policy.difficulty.extractor != detector.extractor:
        raise ValueError("cascade: got two kinds of features, allowed is one")
    return OutOfDistributionFallback(detector, policy.variants.index(content["fallback"]))
