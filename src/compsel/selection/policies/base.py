"""The interface of policies: what an app runs to decide which variants answer an input."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from compsel.features.fusion import Evidence
    from compsel.selection.dataset import Outcome, SelectionDataset

__all__ = ["STOP", "Policy", "PolicyPlan", "RowSelector", "SingleStagePlan"]

Floats = NDArray[np.float64]
STOP = -1  # instead of the variant to run next: the answer is good enough


class PolicyPlan(Protocol):
    """What a policy does at given costs."""

    def first(self, features: NDArray[np.float32] | None) -> int:
        """Return the variant to run first; `features` are given when the policy asks for them."""
        ...

    def next(
        self, ran: Sequence[int], evidence: "Sequence[Evidence]", features: NDArray[np.float32] | None = None
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

    def prepare(self) -> None:
        """Get ready what the first decisions need, before an input waits for them."""
        ...

    def stops_from(self, ran: Sequence[int]) -> float | None:
        """Return from where on an answer of these variants is sure enough to be given; None: that does not decide.

        It may also be given far below, where no other variant would help.
        """
        ...


class SingleStagePlan:
    """Base of plans that run one variant for an input."""

    def next(
        self, ran: Sequence[int], evidence: "Sequence[Evidence]", features: NDArray[np.float32] | None = None
    ) -> tuple[int, float | None]:
        """Stop after the first variant."""
        return STOP, None

    def weights(self, ran: Sequence[int]) -> Floats:
        """Return the weight of the only answer."""
        return np.ones(1)

    def prepare(self) -> None:
        """Nothing has to be got ready."""

    def stops_from(self, ran: Sequence[int]) -> float | None:
        """Return None: the answer is given however sure it is."""
        return None


class RowSelector(Protocol):
    """What an exported selector offers."""

    def select(self, features: NDArray[np.float32]) -> int:
        """Return the choice for one input."""
        ...


class Policy(ABC):
    """Decides which variants run.

    A policy is planned first: for the costs of its variants in the device's present state, the penalty for a wrong
    answer and the limits of a call. The plan then decides for inputs. Planning is done when the state changes, not for
    every input.

    Attributes:
        kind: the word in bundles.
        variants: names of the variants that it may run.
        processor: where all of them run; None: each where it is cheapest now.
        extractor: name of the features of the input that it decides by; empty when it needs none.
        uses_evidence: whether `next` needs the evidence of the stages.
        least_sure: an answer that is right with less than this probability is flagged as abstained; 0: never.
        confidence: name of what gives the confidence of answers without class scores; "": none is needed.
        n_confidence: how many numbers that are.
    """

    kind: str
    variants: tuple[str, ...]
    processor: str | None = None
    extractor: str = ""
    uses_evidence: bool = False
    least_sure: float = 0.0
    confidence: str = ""
    n_confidence: int = 0

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

    def limits(self, durations: Floats) -> list[float]:
        """Return all that `plan` compares its limit with: between two of these neighbours it plans the same.

        Args:
            durations: see `plan`.
        """
        numbers: list[float] = durations.tolist()
        return numbers

    def plan_for_quality(
        self,
        costs: Floats,
        durations: Floats,
        limit: float,
        min_quality: float | None,
        pause: Callable[[], None] | None = None,
    ) -> tuple[PolicyPlan, float | None]:
        """Plan for given costs and a quality that a call asks for, where the policy can trade cost for quality.

        Args:
            costs, durations, limit: see `plan`.
            min_quality: expected share of right answers; None: the policy's own.
            pause: called between steps of a fraction of a millisecond.

        Returns:
            The plan, and the quality that it is expected to reach; None: that of its variants.

        Raises:
            ValueError: no variant may run within the limit.
        """
        return self.plan(costs, durations, limit), None

    @abstractmethod
    def outcome(self, dataset: "SelectionDataset") -> "Outcome":
        """Return what the policy gives for the samples of a dataset, at the dataset's costs."""

    def check(self) -> None:
        """Check that the parts of a policy that was read from a bundle fit together.

        Raises:
            ValueError: they do not; the message says which.
        """
        return

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""

    @classmethod
    @abstractmethod
    def from_dict(cls, content: Mapping[str, Any], selectors: Mapping[str, RowSelector]) -> Self:
        """Read the JSON form; `selectors` are the bundle's, by file.

        Raises:
            ValueError, LookupError, TypeError: content that does not fit together.
        """
