"""Policies that an app runs: one interface over one fixed choice, a selector on features, and the staged policy.

A policy is planned first (`plan`): the costs of its variants in the device's present state, the penalty for a wrong
answer and the limits of a call. The plan then decides for inputs. Planning is done when the state changes, not for
every input.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compsel.errors import BundleError
from compsel.features.fusion import Evidence
from compsel.selection.cascade.out_of_distribution import OutOfDistributionDetector, OutOfDistributionFallback
from compsel.selection.cascade.planned import PlannedCascade
from compsel.selection.cascade.policy import STOP, Cascade
from compsel.selection.cascade.serialization import cascade_from_json, cascade_to_json

__all__ = [
    "STOP",
    "CascadePolicy",
    "FixedPolicy",
    "PlannedCascade",
    "Policy",
    "PolicyPlan",
    "SelectingPolicy",
    "policy_from_dict",
]

Floats = NDArray[np.float64]


class PolicyPlan(Protocol):
    """A policy at given costs."""

    def first(self, features: NDArray[np.float32] | None) -> int:
        """Return the variant to run first; `features` are given when the policy asks for them."""
        ...

    def next(
        self, ran: Sequence[int], evidence: Sequence[Evidence], features: NDArray[np.float32] | None = None
    ) -> tuple[int, float | None]:
        """Return the variant to run next, or STOP, and how sure the answer so far is (None: not known).

        Args:
            ran: the variants that ran.
            evidence: what each of them said.
            features: those that `first` was given.
        """
        ...

    def weights(self, ran: Sequence[int]) -> Floats:
        """Return the powers (n_ran,) with which the answers of the variants that ran are fused."""
        ...


class Policy(ABC):
    """Decides which variants run.

    Attributes:
        kind: the word in bundles.
        variants: names of the variants that it may run.
        processor: where all of them run; None: each where it is fastest now.
        extractor: name of the features of the input that it decides by; empty when it needs none.
        uses_evidence: whether `next` needs the evidence of the stages.
        least_sure: an answer that is right with less than this probability is flagged as abstained; 0: never.
    """

    kind: str
    variants: tuple[str, ...]
    processor: str | None = None
    extractor: str = ""
    uses_evidence: bool = False
    least_sure: float = 0.0

    @abstractmethod
    def plan(self, costs: Floats, durations: Floats, limit: float) -> PolicyPlan:
        """Plan for given costs.

        Args:
            costs: (n_variants,), of running each variant now; infinite where it must not run.
            durations: (n_variants,), how long each may take (ms).
            limit: how long one input may take in all (ms).

        Raises:
            ValueError: no variant may run within the limit.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""


@dataclass(frozen=True)
class _Fixed:
    variant: int

    def first(self, features: NDArray[np.float32] | None) -> int:
        return self.variant

    def next(
        self, ran: Sequence[int], evidence: Sequence[Evidence], features: NDArray[np.float32] | None = None
    ) -> tuple[int, float | None]:
        return STOP, None

    def weights(self, ran: Sequence[int]) -> Floats:
        return np.ones(1)


class FixedPolicy(Policy):
    """Always the same variant.

    Args:
        variant: its name.
        processor: always there; None: wherever it is fastest in the device's present state.

    >>> policy = FixedPolicy("net/int8-static")
    >>> policy.plan(np.ones(1), np.ones(1), np.inf).first(None)
    0
    """

    kind = "fixed"

    def __init__(self, variant: str, processor: str | None = None) -> None:
        self.variants = (variant,)
        self.processor = processor

    def plan(self, costs: Floats, durations: Floats, limit: float) -> PolicyPlan:
        """Return the only plan there is; it is refused when the variant takes longer than the limit."""
        if durations[0] > limit or not np.isfinite(costs[0]):
            raise ValueError("the only variant takes longer than the limit")
        return _Fixed(0)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"kind": self.kind, "variants": list(self.variants), "processor": self.processor}


class RowSelector(Protocol):
    """What an exported selector offers."""

    def select(self, features: NDArray[np.float32]) -> int:
        """Return the choice for one input."""
        ...


@dataclass(frozen=True)
class _Selecting:
    selector: RowSelector
    allowed: NDArray[np.bool_]
    fallback: int

    def first(self, features: NDArray[np.float32] | None) -> int:
        assert features is not None
        variant = self.selector.select(features)
        return variant if self.allowed[variant] else self.fallback

    def next(
        self, ran: Sequence[int], evidence: Sequence[Evidence], features: NDArray[np.float32] | None = None
    ) -> tuple[int, float | None]:
        return STOP, None

    def weights(self, ran: Sequence[int]) -> Floats:
        return np.ones(1)


class SelectingPolicy(Policy):
    """One variant per input, selected from the features of the input before anything has run.

    Args:
        variants: names, in the order of the selector's answers.
        selector: maps features to the index of a variant.
        selector_file: where the bundle keeps it.
        extractor: which features it wants, see `compsel.features.EXTRACTORS`.
    """

    kind = "selecting"

    def __init__(
        self, variants: Sequence[str], selector: RowSelector, selector_file: str = "", extractor: str = "image"
    ) -> None:
        self.extractor = extractor
        self.variants = tuple(variants)
        self.selector = selector
        self.selector_file = selector_file

    def plan(self, costs: Floats, durations: Floats, limit: float) -> PolicyPlan:
        """Allow what the limit allows; a selection that it forbids becomes the slowest one that it allows."""
        allowed = (durations <= limit) & np.isfinite(costs)
        if not allowed.any():
            raise ValueError("every variant takes longer than the limit")
        fallback = int(np.argmax(np.where(allowed, durations, -np.inf)))
        return _Selecting(self.selector, allowed, fallback)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; the selector itself is a file of its own."""
        return {
            "kind": self.kind,
            "variants": list(self.variants),
            "selector": self.selector_file,
            "extractor": self.extractor,
        }


class CascadePolicy(Policy):
    """The staged policy: run, look at the answer, stop or go on.

    Args:
        policy: what was learned.
        penalty: cost of a wrong answer, in the unit of the costs, unless a call asks for another quality.
        expected_quality: that the policy reaches on an idle device, as its plan sees it. Where load makes computation
            dearer, the penalty rises with it until the plan reaches this quality again. None: the penalty stays.
        guard: against inputs that are unlike those that it learned from; None: it chooses for all.
        least_sure: see `Policy`.
    """

    kind = "staged"
    uses_evidence = True

    def __init__(
        self,
        policy: Cascade,
        penalty: float,
        expected_quality: float | None = None,
        guard: OutOfDistributionFallback | None = None,
        least_sure: float = 0.0,
    ) -> None:
        self.policy = policy
        self.guard = guard
        self.least_sure = least_sure
        if guard is not None:
            self.extractor = guard.credibility.extractor
        if policy.easiness is not None:
            self.extractor = policy.easiness.extractor
        self.variants = policy.variants
        self.penalty = penalty
        self.expected_quality = expected_quality

    def plan(self, costs: Floats, durations: Floats, limit: float) -> "PlannedCascade":
        """Find what to do at these costs."""
        return self.plan_at(self.penalty, costs, durations, limit)

    def plan_at(self, penalty: float, costs: Floats, durations: Floats, limit: float) -> "PlannedCascade":
        """Find what to do at these costs, with another penalty."""
        fallback = None if self.guard is None else self.guard.fallback
        may_fall_back = fallback is not None and np.isfinite(costs[fallback]) and durations[fallback] <= limit
        return PlannedCascade(self.policy.plan(costs, penalty, limit, durations), self.guard if may_fall_back else None)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "kind": self.kind,
            "penalty": self.penalty,
            "expected_quality": self.expected_quality,
            **cascade_to_json(self.policy),
            "guard": None if self.guard is None else _guard_to_json(self.guard, self.variants),
            "least_sure": self.least_sure,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "CascadePolicy":
        """Read the JSON form; before there were a "guard" and a "least_sure", they were absent.

        Raises:
            ValueError: content that does not fit together.
        """
        penalty = float(content["penalty"])
        if not 0 < penalty < math.inf:
            raise ValueError(f"staged policy: got penalty {penalty}, allowed is a cost above 0")
        least_sure = float(content.get("least_sure", 0.0))
        if not 0 <= least_sure < 1:
            raise ValueError(f"staged policy: got least_sure {least_sure}, allowed is 0 to below 1")
        policy, guard = cascade_from_json(content), content.get("guard")
        return cls(
            policy,
            penalty,
            content["expected_quality"],
            None if guard is None else _guard_from_json(guard, policy),
            least_sure,
        )


def _guard_to_json(guard: OutOfDistributionFallback, variants: Sequence[str]) -> dict[str, Any]:
    return {"fallback": variants[guard.fallback], **guard.credibility.to_dict()}


def _guard_from_json(content: Mapping[str, Any], policy: Cascade) -> OutOfDistributionFallback:
    credibility = OutOfDistributionDetector.from_dict(content)
    if content["fallback"] not in policy.variants:
        raise ValueError(f"staged policy: falls back to {content['fallback']!r}, which is none of its variants")
    if policy.easiness is not None and policy.easiness.extractor != credibility.extractor:
        raise ValueError("staged policy: got two kinds of features, allowed is one")
    return OutOfDistributionFallback(credibility, policy.variants.index(content["fallback"]))


def policy_from_dict(content: Mapping[str, Any], selectors: Mapping[str, RowSelector]) -> Policy:
    """Read the JSON form of any policy; `selectors` are the bundle's, by file.

    Raises:
        BundleError: a kind that this compsel does not know, or a selector that is not there.
    """
    kind = content.get("kind")
    if kind == FixedPolicy.kind:
        return FixedPolicy(content["variants"][0], content.get("processor"))
    if kind == CascadePolicy.kind:
        return CascadePolicy.from_dict(content)
    if kind == SelectingPolicy.kind and content["selector"] in selectors:
        return SelectingPolicy(
            content["variants"], selectors[content["selector"]], content["selector"], content["extractor"]
        )
    raise BundleError(f"policy: got kind {kind!r}, allowed are fixed, selecting and staged: build the bundle again")
