"""Trains selectors over features of the input, any of them and the premodel of LCTES 2018, and exports them."""

from dataclasses import dataclass
from importlib import import_module
from inspect import signature

import numpy as np
from numpy.typing import NDArray

from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.policies import SelectingPolicy
from compsel.selection.selectors.base import Selector
from compsel.selection.training.portfolio import complementary
from compsel.selection.training.trainers.base import FittedPolicy, PolicyTrainer, floor_of, penalty_of

__all__ = ["PENALTIES", "SHORTLIST", "PremodelTrainer", "SelectorTrainer"]

#: costs of a wrong answer that are tried besides the objective's, in multiples of it
PENALTIES = (3.0, 10.0)
#: variants among which selectors without stages choose
SHORTLIST = 5


class PremodelTrainer(PolicyTrainer):
    """The LCTES 2018 premodel: a chain of nearest-neighbour classifiers over the paper's seven image statistics."""

    name = "premodel"
    extractor = "lctes"

    def applies(self, dataset: SelectionDataset) -> bool:
        """Needs features."""
        return self.extractor in dataset.features and len(dataset.names) > 1

    def fit(self, dataset: SelectionDataset, objective: Objective) -> FittedPolicy:
        """Train on the optimal choice of every sample."""
        from compsel.selection.selectors.premodel import Premodel

        penalty = penalty_of(dataset, objective)
        dataset = dataset.among(complementary(dataset, penalty, SHORTLIST))
        premodel = Premodel().fit(dataset.features[self.extractor], dataset.costs(penalty), dataset.quality > 0.5)
        return _exported("selectors/premodel.onnx", premodel, self.extractor, dataset)


class SelectorTrainer(PolicyTrainer):
    """Any selector over the features of the input, trained on the cost of every variant on every sample.

    Args:
        name: the word in comparisons.
        selector: "<module>.<class>" of `compsel.selection.selectors`; made without arguments.
        extractor: which features it decides by.
    """

    def __init__(self, name: str, selector: str, extractor: str = "image") -> None:
        self.name = name
        self.selector = selector
        self.extractor = extractor

    def applies(self, dataset: SelectionDataset) -> bool:
        """Needs features."""
        return self.extractor in dataset.features and len(dataset.names) > 1

    def fit(self, dataset: SelectionDataset, objective: Objective) -> FittedPolicy:
        """Train on a shortlist of variants, at the cost of a wrong answer at which the floor is kept soonest.

        Whether it is kept, held-out selections say, of selectors that have them; others get the objective's cost.
        """
        penalty = penalty_of(dataset, objective)
        found = self._trained(dataset, objective, penalty)
        if objective.has_floor and found.held_out is not None:
            more = [self._trained(dataset, objective, penalty * factor) for factor in PENALTIES]
            found = min([found, *more], key=lambda one: (one.missing, one.latency_ms))
        file = f"selectors/{self.name.replace(' ', '-')}.onnx"
        return _exported(file, found.selector, self.extractor, found.shortlist)

    def _trained(self, dataset: SelectionDataset, objective: Objective, penalty: float) -> "_Candidate":
        shortlist = dataset.among(complementary(dataset, penalty, SHORTLIST))
        module, _, kind = self.selector.partition(".")
        selector = getattr(import_module(f"compsel.selection.selectors.{module}"), kind)()
        # those that judge themselves out of the bag must not judge a relative of what they saw
        options = {"groups": dataset.groups} if "groups" in signature(selector.fit).parameters else {}
        selector.fit(dataset.features[self.extractor], shortlist.costs(penalty), **options)
        held_out = getattr(selector, "held_out_", None)
        if held_out is None:
            return _Candidate(selector, shortlist, None)
        quality = shortlist.quality[np.arange(len(held_out)), held_out]
        latency_ms = float(shortlist.costs_ms[held_out].mean())
        return _Candidate(selector, shortlist, held_out, floor_of(dataset, objective).missing(quality), latency_ms)


@dataclass(frozen=True)
class _Candidate:
    """A selector at one cost of a wrong answer, and what its held-out selections reach."""

    selector: Selector
    shortlist: SelectionDataset
    held_out: NDArray[np.integer] | None
    missing: float = 0.0
    latency_ms: float = 0.0


def _exported(file: str, selector: Selector, extractor: str, dataset: SelectionDataset) -> FittedPolicy:
    """Export a selector, checked to decide the same on every training sample."""
    from compsel.selection.export.onnx_selector import ExportedSelector
    from compsel.selection.export.to_onnx import to_onnx

    data = to_onnx(selector, dataset.features[extractor])
    policy = SelectingPolicy(dataset.names, ExportedSelector(data), file, extractor)
    return FittedPolicy(policy, selectors={file: data})
