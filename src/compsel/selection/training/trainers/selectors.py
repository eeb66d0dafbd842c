"""Trains selectors over features of the input, any of them and the premodel of LCTES 2018, and exports them."""

from importlib import import_module

from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.policies import SelectingPolicy
from compsel.selection.selectors.base import Selector
from compsel.selection.training.portfolio import complementary
from compsel.selection.training.trainers.base import FittedPolicy, PolicyTrainer, penalty_of

__all__ = ["PremodelTrainer", "SelectorTrainer"]

_SHORTLIST = 5  # variants among which selectors without stages choose


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
        dataset = dataset.among(complementary(dataset, penalty, _SHORTLIST))
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
        """Train on a shortlist of variants."""
        penalty = penalty_of(dataset, objective)
        dataset = dataset.among(complementary(dataset, penalty, _SHORTLIST))
        module, _, kind = self.selector.partition(".")
        selector = getattr(import_module(f"compsel.selection.selectors.{module}"), kind)()
        selector.fit(dataset.features[self.extractor], dataset.costs(penalty))
        file = f"selectors/{self.name.replace(' ', '-')}.onnx"
        return _exported(file, selector, self.extractor, dataset)


def _exported(file: str, selector: Selector, extractor: str, dataset: SelectionDataset) -> FittedPolicy:
    """Export a selector, checked to decide the same on every training sample."""
    from compsel.selection.export.onnx_selector import ExportedSelector
    from compsel.selection.export.to_onnx import to_onnx

    data = to_onnx(selector, dataset.features[extractor])
    policy = SelectingPolicy(dataset.names, ExportedSelector(data), file, extractor)
    return FittedPolicy(policy, selectors={file: data})
