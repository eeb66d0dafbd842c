"""Trains cascades: the portfolio and the penalty are chosen out of fold."""

from collections.abc import Sequence

import numpy as np

from compsel.errors import SelectorError
from compsel.selection.cascade.fitting import fit_cascade
from compsel.selection.cascade.out_of_distribution import OutOfDistributionDetector, OutOfDistributionFallback
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import CONFIDENCE_95, Objective
from compsel.selection.policies import STOP, CascadePolicy
from compsel.selection.training.folds import assign_folds
from compsel.selection.training.operating_points import OutOfFoldCascades
from compsel.selection.training.portfolio import choose_portfolio, contenders
from compsel.selection.training.trainers.base import FittedPolicy, PolicyTrainer, floor_of, penalty_of

__all__ = ["CascadeTrainer"]

# penalties that portfolios are chosen at, as multiples of the objective's, when a floor must be met
_PORTFOLIO_PENALTIES = (0.3, 1.0, 3.0, 10.0)
_DETECTOR_FOLDS = 10
# penalties that are tried, as multiples of the objective's
_PENALTIES = tuple(float(factor) for factor in np.geomspace(0.05, 20.0, 16))


class CascadeTrainer(PolicyTrainer):
    """A cascade over a portfolio, at the fastest operating point that keeps the floor out of fold.

    Args:
        size: of the portfolio, at most.
        max_stages: the most variants that may run for one input.
        seed: of the folds.
        features: whether features of the input are used: True, False, or None, where they pay: where they make the
            policy cheaper out of fold, their own cost paid, with 95 % confidence.
        extractor: which features.
        reject_option: which inputs it does not choose for, which answers it withholds; None: it does for all, and none.
    """

    name = "cascade"

    def __init__(
        self,
        size: int = 4,
        max_stages: int = 3,
        seed: int = 0,
        features: bool | None = None,
        extractor: str = "image",
        reject_option: RejectOption | None = None,
    ) -> None:
        self.size = size
        self.max_stages = max_stages
        self.seed = seed
        self.features = features
        self.extractor = extractor
        self.reject_option = reject_option or RejectOption()

    def applies(self, dataset: SelectionDataset) -> bool:
        """Needs what each variant said."""
        return bool(dataset.evidence) and len(dataset.names) > 1

    def fit(self, dataset: SelectionDataset, objective: Objective) -> FittedPolicy:
        """Choose the portfolio, then the penalty, both out of fold; then train on everything."""
        cost = penalty_of(dataset, objective)
        penalties = [cost * factor for factor in _PENALTIES]
        floor = floor_of(dataset, objective)
        candidates = OutOfFoldCascades(dataset, contenders(dataset), min(2, self.max_stages), self.seed)
        found = {}
        for factor in _PORTFOLIO_PENALTIES if objective.has_floor else (1.0,):
            portfolio = choose_portfolio(candidates, cost * factor, self.size)
            if portfolio in found:
                continue
            columns = [dataset.names.index(addition.variant) for addition in portfolio]
            # on other folds than the portfolio: what was lucky there is judged anew
            trials = OutOfFoldCascades(dataset, columns, self.max_stages, self.seed + 1)
            found[portfolio] = (trials.best(penalties, floor, cost), trials)
        portfolio, (best, trials) = min(found.items(), key=lambda item: (item[1][0].missing, item[1][0].latency_ms))
        columns = [dataset.names.index(addition.variant) for addition in portfolio]
        with_features = self._with_features(dataset, columns, trials, best.penalty)
        if with_features is not None:
            best = with_features.best(penalties, floor, cost)
        fallback = self._fallback(dataset, columns)
        chosen = dataset.among(columns)
        cascade = fit_cascade(
            chosen.names,
            chosen.evidence,
            chosen.targets,
            max_stages=self.max_stages,
            seed=self.seed,
            groups=chosen.groups,
            features=None if with_features is None else (self.extractor, chosen.features[self.extractor]),
            unlabelled=chosen.unlabelled,
        )
        reached = cascade.plan(chosen.costs_ms, best.penalty).expected_quality
        trained = CascadePolicy(cascade, best.penalty, reached, fallback, self.reject_option.abstain_below)
        _check_same(trained, chosen)
        return FittedPolicy(trained, portfolio)

    def _with_features(
        self, dataset: SelectionDataset, columns: Sequence[int], without: OutOfFoldCascades, penalty: float
    ) -> OutOfFoldCascades | None:
        """Return policies that use features of the input, where these pay for their cost."""
        if self.features is False or self.extractor not in dataset.features:
            return None
        with_features = OutOfFoldCascades(dataset, columns, self.max_stages, self.seed + 1, self.extractor)
        # at the cost of a wrong answer at which the objective is met, whatever its floor
        gain, error = with_features.gain(without, penalty)
        return with_features if self.features or gain > CONFIDENCE_95 * error else None

    def _fallback(self, dataset: SelectionDataset, columns: list[int]) -> OutOfDistributionFallback | None:
        """Return what answers out-of-distribution inputs, if asked for; its variant is added to the columns."""
        if not self.reject_option.credibility or self.extractor not in dataset.features:
            return None
        if dataset.most_accurate not in columns:
            columns.append(dataset.most_accurate)
        features = dataset.features[self.extractor]
        folds = assign_folds(len(features), _DETECTOR_FOLDS, dataset.groups, self.seed)
        detector = OutOfDistributionDetector.fit(self.extractor, features, self.reject_option.credibility, folds)
        return OutOfDistributionFallback(detector, columns.index(dataset.most_accurate))


def _check_same(policy: CascadePolicy, dataset: SelectionDataset) -> None:
    """Check that the path that apps take decides as the policy that was trained, on every training sample.

    Raises:
        SelectorError: it does not; this is a defect.
    """
    costs, table = dataset.costs_ms, policy.features_of(dataset)
    walk, plan = policy.walk(dataset), policy.plan(costs, costs, np.inf)
    for row in range(len(walk.classes)):
        features = None if table is None else table[row]
        ran: list[int] = []
        variant = plan.first(features)
        while variant != STOP:
            ran.append(variant)
            evidence = [dataset.evidence[member].take(np.array([row])) for member in ran]
            variant, _ = plan.next(ran, evidence, features)
        if sorted(ran) != np.flatnonzero(walk.ran[row]).tolist():
            raise SelectorError(f"sample {row}: training ran {np.flatnonzero(walk.ran[row])}, the app {sorted(ran)}")
