"""The policy of a selector: one variant per input, selected by features of the input."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from compsel.errors import BundleError
from compsel.features import EXTRACTORS
from compsel.selection.export.onnx_selector import ExportedSelector
from compsel.selection.policies.base import Policy, PolicyPlan, RowSelector, SingleStagePlan
from compsel.values import dataclass

if TYPE_CHECKING:
    from compsel.selection.dataset import Outcome, SelectionDataset

__all__ = ["SelectingPolicy"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _SelectingPlan(SingleStagePlan):
    selector: RowSelector
    allowed: NDArray[np.bool_]
    fallback: int

    def first(self, features: NDArray[np.float32] | None) -> int:
        assert features is not None
        variant = self.selector.select(features)
        return variant if self.allowed[variant] else self.fallback


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
        return _SelectingPlan(self.selector, allowed, fallback)

    def outcome(self, dataset: "SelectionDataset") -> "Outcome":
        """Return what the selected variants give; the features' cost is paid for every sample."""
        from compsel.selection.dataset import Outcome

        columns = [dataset.names.index(name) for name in self.variants]
        table = dataset.features[self.extractor]
        chosen = np.array([columns[self.selector.select(row)] for row in table], np.intp)
        latency = dataset.costs_ms[chosen] + dataset.features_ms.get(self.extractor, 0.0)
        return Outcome(dataset.quality[np.arange(len(chosen)), chosen], latency, np.array(dataset.names)[chosen])

    def check(self) -> None:
        """Check that the selector takes the features that the policy names, and selects from its variants."""
        extractor, selector = EXTRACTORS.get(self.extractor), self.selector
        if (
            extractor is None
            or not isinstance(selector, ExportedSelector)
            or selector.n_features != len(extractor().names)
            or selector.n_choices != len(self.variants)
        ):
            raise ValueError("the selector does not fit its policy")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; the selector itself is a file of its own."""
        return {
            "kind": self.kind,
            "variants": list(self.variants),
            "selector": self.selector_file,
            "extractor": self.extractor,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], selectors: Mapping[str, RowSelector]) -> Self:
        """Read the JSON form."""
        file = content["selector"]
        if file not in selectors:
            raise BundleError(f"policy: names the selector {file!r}, which is not there: build the bundle again")
        return cls(content["variants"], selectors[file], file, content["extractor"])
