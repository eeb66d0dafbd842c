"""How each kind of policy is trained on a problem, and what it would have given: all behind one interface."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.errors import SelectorError
from compsel.selection.cascade.out_of_distribution import OutOfDistributionDetector, OutOfDistributionFallback
from compsel.selection.cascade.policy import Walk
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.cascade.training import fit_cascade
from compsel.selection.dataset import Outcome, SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.policies import STOP, CascadePolicy, FixedPolicy, Policy, SelectingPolicy
from compsel.selection.training.cross_validation import assign_folds
from compsel.selection.training.portfolio import Addition, OutOfFold, choose_portfolio, complementary, contenders, rank

__all__ = [
    "CascadeTrainer",
    "Fitted",
    "PolicyTrainer",
    "PremodelTrainer",
    "SelectorTrainer",
    "SingleBestTrainer",
    "penalty_of",
]

Floats = NDArray[np.float64]
# a wrong answer costs as much as so many inferences of the most accurate network, unless the objective says otherwise
_PENALTY_IN_INFERENCES = 10.0
# costs of a wrong answer that portfolios are chosen at, as multiples of the objective's, when a floor must be met
_PORTFOLIO_PRICES = (0.3, 1.0, 3.0, 10.0)
_SHORTLIST = 5  # variants among which selectors without stages choose
_CONFIDENCE = 1.645  # standard errors: 95 %, one-sided
_GUARD_FOLDS = 10
# penalties that are tried, as multiples of the objective's
_PENALTIES = tuple(float(factor) for factor in np.geomspace(0.05, 20.0, 16))


def penalty_of(problem: SelectionDataset, objective: Objective) -> float:
    """Return the cost of a wrong answer (ms)."""
    return objective.penalty or _PENALTY_IN_INFERENCES * float(problem.costs_ms[problem.most_accurate])


def floor_of(problem: SelectionDataset, objective: Objective) -> float:
    """Return the least quality that the objective allows on these samples."""
    return objective.floor(float(problem.quality[:, problem.most_accurate].mean()))


@dataclass(frozen=True)
class Fitted:
    """A trained policy.

    Attributes:
        policy: what an app runs.
        portfolio: how its variants were chosen, for policies that choose them.
        selectors: exported selectors (ONNX bytes) by file name.
    """

    policy: Policy
    portfolio: tuple[Addition, ...] = ()
    selectors: dict[str, bytes] = field(default_factory=dict)

    def outcome(self, problem: SelectionDataset) -> Outcome:
        """Return what it gives for the samples of a problem, at the problem's costs."""
        columns = [problem.names.index(name) for name in self.policy.variants]
        if isinstance(self.policy, CascadePolicy):
            return _staged_outcome(self.policy, columns, problem)
        if isinstance(self.policy, SelectingPolicy):
            table = problem.features[self.policy.extractor]
            chosen = np.array([columns[self.policy.selector.select(row)] for row in table], np.intp)
            rows = np.arange(len(chosen))
            latency = problem.costs_ms[chosen] + problem.features_ms.get(self.policy.extractor, 0.0)
            return Outcome(problem.quality[rows, chosen], latency, np.array(problem.names)[chosen])
        return problem.fixed(columns[0])


class PolicyTrainer(ABC):
    """Trains one kind of policy.

    Attributes:
        name: the word in comparisons.
        honours_floor: whether `fit` looks for a policy that meets the objective's floor of quality; those that do
            not are compared, but shipped only for objectives without a floor.
    """

    name: str
    honours_floor: bool = False

    @abstractmethod
    def fit(self, problem: SelectionDataset, objective: Objective) -> Fitted:
        """Train on all samples of the problem."""

    def applies(self, problem: SelectionDataset) -> bool:
        """Whether the problem has what this kind needs."""
        return True


class SingleBestTrainer(PolicyTrainer):
    """The choice that never changes: least cost among those that meet the floor."""

    name = "single best"
    honours_floor = True

    def fit(self, problem: SelectionDataset, objective: Objective) -> Fitted:
        """Choose on the means."""
        penalty, floor = penalty_of(problem, objective), floor_of(problem, objective)
        quality = problem.quality.mean(axis=0)
        cost = problem.costs_ms + penalty * (1.0 - quality)
        good = quality >= floor - 1e-9
        best = int(np.argmin(np.where(good, cost, np.inf))) if good.any() else int(np.argmax(quality))
        return Fitted(FixedPolicy(problem.names[best]))


class CascadeTrainer(PolicyTrainer):
    """The staged policy over a portfolio, with the least penalty under which the floor is met out of fold.

    Args:
        size: of the portfolio, at most.
        max_stages: the most variants that may run for one input.
        seed: of the folds.
        features: whether features of the input are used: True, False, or None, where they pay: where they make the
            policy cheaper out of fold, their own cost paid, with 95 % confidence.
        extractor: which features.
        caution: which inputs it does not choose for, which answers it withholds; None: it does for all, and none.
    """

    name = "staged"
    honours_floor = True

    def __init__(
        self,
        size: int = 4,
        max_stages: int = 3,
        seed: int = 0,
        features: bool | None = None,
        extractor: str = "image",
        caution: RejectOption | None = None,
    ) -> None:
        self.size = size
        self.max_stages = max_stages
        self.seed = seed
        self.features = features
        self.extractor = extractor
        self.caution = caution or RejectOption()

    def applies(self, problem: SelectionDataset) -> bool:
        """Needs what each variant said."""
        return bool(problem.evidence) and len(problem.names) > 1

    def fit(self, problem: SelectionDataset, objective: Objective) -> Fitted:
        """Choose the portfolio, then the penalty, both out of fold; then train on everything."""
        cost = penalty_of(problem, objective)
        penalties = [cost * factor for factor in _PENALTIES]
        floor = floor_of(problem, objective) if objective.has_floor else None
        candidates = OutOfFold(problem, contenders(problem), min(2, self.max_stages), self.seed)
        found = {}
        for factor in _PORTFOLIO_PRICES if floor is not None else (1.0,):
            portfolio = choose_portfolio(candidates, cost * factor, self.size)
            if portfolio in found:
                continue
            columns = [problem.names.index(addition.variant) for addition in portfolio]
            # on other folds than the portfolio: what was lucky there is judged anew
            trials = OutOfFold(problem, columns, self.max_stages, self.seed + 1)
            found[portfolio] = (trials.best(penalties, floor, cost), trials)
        portfolio, (best, trials) = min(found.items(), key=lambda item: rank(item[1][0], floor, cost))
        columns = [problem.names.index(addition.variant) for addition in portfolio]
        looking = self._looking(problem, columns, trials, best.penalty)
        if looking is not None:
            best = looking.best(penalties, floor, cost)
        guard = self._guard(problem, columns)
        chosen = problem.among(columns)
        policy = fit_cascade(
            chosen.names,
            chosen.evidence,
            chosen.targets,
            max_stages=self.max_stages,
            seed=self.seed,
            groups=chosen.groups,
            features=None if looking is None else (self.extractor, chosen.features[self.extractor]),
        )
        reached = policy.plan(chosen.costs_ms, best.penalty).expected_quality
        staged = CascadePolicy(policy, best.penalty, reached, guard, self.caution.abstain_below)
        _check_same(staged, chosen)
        return Fitted(staged, portfolio)

    def _looking(
        self, problem: SelectionDataset, columns: Sequence[int], blind: OutOfFold, penalty: float
    ) -> OutOfFold | None:
        """Return policies that look at the input first, where that pays."""
        if self.features is False or self.extractor not in problem.features:
            return None
        looking = OutOfFold(problem, columns, self.max_stages, self.seed + 1, self.extractor)
        # at the cost of a wrong answer at which the objective is met, whatever its floor
        gain, error = looking.gain(blind, penalty)
        return looking if self.features or gain > _CONFIDENCE * error else None

    def _guard(self, problem: SelectionDataset, columns: list[int]) -> OutOfDistributionFallback | None:
        """Return the guard, if one is asked for; what it falls back to is added to the columns."""
        if not self.caution.credibility or self.extractor not in problem.features:
            return None
        if problem.most_accurate not in columns:
            columns.append(problem.most_accurate)
        features = problem.features[self.extractor]
        folds = assign_folds(len(features), _GUARD_FOLDS, problem.groups, self.seed)
        credibility = OutOfDistributionDetector.fit(self.extractor, features, self.caution.credibility, folds)
        return OutOfDistributionFallback(credibility, columns.index(problem.most_accurate))


class PremodelTrainer(PolicyTrainer):
    """The LCTES 2018 premodel: a chain of nearest-neighbour classifiers over the paper's seven image statistics."""

    name = "premodel"
    extractor = "lctes"

    def applies(self, problem: SelectionDataset) -> bool:
        """Needs features."""
        return self.extractor in problem.features and len(problem.names) > 1

    def fit(self, problem: SelectionDataset, objective: Objective) -> Fitted:
        """Train on the optimal choice of every sample."""
        from compsel.selection.classifiers.premodel import Premodel

        penalty = penalty_of(problem, objective)
        problem = problem.among(complementary(problem, penalty, _SHORTLIST))
        premodel = Premodel().fit(problem.features[self.extractor], problem.costs(penalty), problem.quality > 0.5)
        return _exported("selectors/premodel.onnx", premodel, self.extractor, problem)


class SelectorTrainer(PolicyTrainer):
    """Any selector over the features of the input, trained on the cost of every variant on every sample.

    Args:
        name: the word in comparisons.
        selector: "<module>.<class>" of `compsel.selection`; made without arguments.
        extractor: which features it decides by.
    """

    def __init__(self, name: str, selector: str, extractor: str = "image") -> None:
        self.name = name
        self.selector = selector
        self.extractor = extractor

    def applies(self, problem: SelectionDataset) -> bool:
        """Needs features."""
        return self.extractor in problem.features and len(problem.names) > 1

    def fit(self, problem: SelectionDataset, objective: Objective) -> Fitted:
        """Train on a shortlist of variants."""
        penalty = penalty_of(problem, objective)
        problem = problem.among(complementary(problem, penalty, _SHORTLIST))
        module, _, kind = self.selector.partition(".")
        selector = getattr(import_module(f"compsel.selection.classifiers.{module}"), kind)()
        selector.fit(problem.features[self.extractor], problem.costs(penalty))
        file = f"selectors/{self.name.replace(' ', '-')}.onnx"
        return _exported(file, selector, self.extractor, problem)


def _exported(file: str, selector: Any, extractor: str, problem: SelectionDataset) -> Fitted:
    """Export a selector, checked to decide the same on every training sample."""
    from compsel.selection.export.exported import ExportedSelector
    from compsel.selection.export.to_onnx import to_onnx

    data = to_onnx(selector, problem.features[extractor])
    policy = SelectingPolicy(problem.names, ExportedSelector(data), file, extractor)
    return Fitted(policy, selectors={file: data})


def _check_same(staged: CascadePolicy, problem: SelectionDataset) -> None:
    """Check that the path that apps take decides as the policy that was trained, on every training sample.

    Raises:
        SelectorError: it does not; this is a defect.
    """
    costs, table = problem.costs_ms, _features(staged, problem)
    walk, stages = _walk(staged, costs, problem), staged.plan(costs, costs, np.inf)
    for row in range(len(walk.classes)):
        features = None if table is None else table[row]
        ran: list[int] = []
        variant = stages.first(features)
        while variant != STOP:
            ran.append(variant)
            evidence = [problem.evidence[member].take(np.array([row])) for member in ran]
            variant, _ = stages.next(ran, evidence, features)
        if sorted(ran) != np.flatnonzero(walk.ran[row]).tolist():
            raise SelectorError(f"sample {row}: training ran {np.flatnonzero(walk.ran[row])}, the app {sorted(ran)}")


def _features(staged: CascadePolicy, problem: SelectionDataset) -> NDArray[np.float32] | None:
    return problem.features[staged.extractor] if staged.extractor else None


def _walk(staged: CascadePolicy, costs: Floats, problem: SelectionDataset) -> Walk:
    """Return what a staged policy does with the samples of a problem of its variants."""
    policy, features = staged.policy, _features(staged, problem)
    walk = policy.walk(policy.plan(costs, staged.penalty), problem.evidence, features)
    if staged.guard is None or features is None:
        return walk
    doubted, fallback = staged.guard.credibility.doubts(features), staged.guard.fallback
    easiness = None if policy.easiness is None else policy.easiness.of(features)
    classes, score = policy.nodes[policy.index[(fallback,)]].score([problem.evidence[fallback]], easiness)
    alone = np.arange(len(policy.variants)) == fallback
    return Walk(
        np.where(doubted, classes, walk.classes),
        np.where(doubted[:, None], alone, walk.ran),
        np.where(doubted, score, walk.score),
    )


def _staged_outcome(staged: CascadePolicy, columns: Sequence[int], problem: SelectionDataset) -> Outcome:
    chosen = problem.among(columns)
    walk = _walk(staged, chosen.costs_ms, chosen)
    names = [" > ".join(staged.variants[member] for member in np.flatnonzero(row)) for row in walk.ran]
    # an answer that is withheld is no right answer
    right = (walk.classes == chosen.targets) & (walk.score >= staged.least_sure)
    latency = walk.ran @ chosen.costs_ms + (problem.features_ms.get(staged.extractor, 0.0) if staged.extractor else 0)
    return Outcome(right.astype(np.float64), latency, np.array(names))
