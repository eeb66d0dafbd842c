"""Train every kind of policy, compare them by cross-validation on the objective itself, and ship the winner.

The folds are nested: whatever a kind of policy tunes (portfolio, operating point, learner), it tunes inside the
training part of an outer fold. What is judged is the whole procedure, then, that choice included; where variants
learned from the samples too, the outer folds are theirs, and a fold is answered by variants that never saw it. One rule
holds for every kind: what loses more quality than the objective allows on held-out samples is not shipped. The winner
must beat the single best choice with 95 % confidence, or the single best is shipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compsel.errors import TooFewSamplesError
from compsel.progress import SILENT, Reporter
from compsel.selection.dataset import Outcome, SelectionDataset
from compsel.selection.judging.single_choices import AgainstSingle, SingleChoices
from compsel.selection.objective import Objective
from compsel.selection.training.expectation import Expectation, Optimism, Score, expectation_of, score_of
from compsel.selection.training.folds import assign_folds
from compsel.selection.training.trainers import FittedPolicy, PolicyTrainer, default_trainers
from compsel.selection.training.trainers.base import floor_of, penalty_of

__all__ = ["Comparison", "Trained", "check_enough_to_train", "compare", "single_choices", "train"]

_LEAST_SAMPLES, _LEAST_GROUPS = 20, 5
SINGLE_BEST = "single best"
_ACCURATE = "most accurate"


@dataclass(frozen=True)
class Comparison:
    """Every kind on the same held-out samples.

    Attributes:
        scores: by kind; with "single best", "most accurate" and "oracle" among them.
        winner: the kind that is shipped.
        reason: why.
        penalty: cost of a wrong answer in the costs.
        outcomes: by kind, what it gave for each held-out sample.
        optimism: by kind, how much better it was on the samples of the folds that it was trained on.
        missing: by kind that may ship, how much quality it lacks for the floor.
        barred: by such kind, why it may not ship; "" where it may.
        against: by such kind, its held-out answers against the best single choice: what does not beat it is not
            shipped.
        unit: of the costs: "ms", or "mJ" where energy is minimised, which then stands in place of latencies.
    """

    scores: dict[str, Score]
    winner: str
    reason: str
    penalty: float
    outcomes: dict[str, Outcome]
    optimism: dict[str, Optimism]
    missing: dict[str, float]
    barred: dict[str, str]
    against: dict[str, AgainstSingle]
    unit: str = "ms"


@dataclass(frozen=True)
class Trained:
    """The winner, trained on all samples, and the baselines.

    Attributes:
        fitted: by kind; the winner is `fitted[comparison.winner]`.
        comparison: how the winner was found.
        shipped: the winner, trained on all samples, as it should be on others: how it differs from what was judged.
        expectation: what is expected of it on as many other samples.
        static: by variant, what always running it gives for the samples.
        most_accurate: name of the most accurate uncompressed network on all samples.
        margin: how far below the objective's floor the quality may lie, with 95 % confidence.
        singles: the single choices again, as the rule for what ships compares with them.
        groups: (n,), of the samples; None: each is by itself.
    """

    fitted: dict[str, FittedPolicy]
    comparison: Comparison
    shipped: Score
    expectation: Expectation
    static: dict[str, Outcome]
    most_accurate: str
    margin: float
    singles: SingleChoices
    groups: NDArray[np.intp] | None = None

    def __repr__(self) -> str:
        unit = self.comparison.unit
        return (
            f"{type(self).__name__}({self.comparison.winner}: {100 * self.shipped.quality:.1f} % at "
            f"{self.shipped.latency_ms:.2f} {unit} expected; {len(self.static)} variants)"
        )

    def _repr_html_(self) -> str:
        from compsel.markup.card import Table, card

        rows = [
            (name, f"{100 * score.quality:.2f} %", f"{score.latency_ms:.2f}", f"{score.faster:.2f}")
            for name, score in self.comparison.scores.items()
        ]
        header = ("selector", "quality", f"mean {self.comparison.unit}", "times as fast as single best")
        facts = [
            ("ships", self.comparison.winner),
            ("why", self.comparison.reason),
            ("ways", ", ".join(f"{share:.0%} {way}" for way, share in self.shipped.ways.items())),
        ]
        return card("Trained", facts, [Table(header, rows, "cross-validated, on samples that were not trained on")])


def train(
    dataset: SelectionDataset,
    objective: Objective | None = None,
    trainers: Sequence[PolicyTrainer] | None = None,
    folds: int = 5,
    seed: int = 0,
    reporter: Reporter = SILENT,
) -> Trained:
    """Compare the kinds that apply and train each on all samples.

    Raises:
        TooFewSamplesError: fewer than 20 samples, or than 5 groups of them.
        ObjectiveError: a quantity to minimise that was not measured.
    """
    objective = objective or Objective()
    objective.check_measured(energy=dataset.unit == "mJ")
    trainers = [trainer for trainer in trainers or default_trainers() if trainer.applies(dataset)]
    comparison = compare(dataset, objective, trainers, folds, seed, reporter)
    fitted = {}
    for trainer in reporter.track(trainers, "training on all samples"):
        reporter.detail(f"training {trainer.name} on all samples")
        fitted[trainer.name] = trainer.fit(dataset, objective)
    outcomes = {name: dataset.outcome_of(one.policy) for name, one in fitted.items()} | _baselines(dataset)
    comparison = _without_what_changed(comparison, dataset, objective, outcomes)
    expected = {name: comparison.optimism[name].removed(one) for name, one in outcomes.items()}
    if outcomes[comparison.winner].choices == outcomes[_ACCURATE].choices:  # it is that network
        expected[comparison.winner] = expected[_ACCURATE]
    winner, penalty = comparison.winner, comparison.penalty
    shipped = score_of(winner, expected, penalty, seed, dataset.groups)
    expectation = expectation_of(dataset, expected, winner, penalty, seed)
    margin, singles = floor_of(dataset, objective).margin, single_choices(dataset, objective)
    name = dataset.names[dataset.most_accurate]
    return Trained(fitted, comparison, shipped, expectation, dataset.static(), name, margin, singles, dataset.groups)


def single_choices(dataset: SelectionDataset, objective: Objective) -> SingleChoices:
    """Return what a policy has to beat on these samples under an objective."""
    static, floor = dataset.static(), floor_of(dataset, objective)
    missing = {name: floor.missing(one.quality) for name, one in static.items()}
    least = min(missing.values())
    return SingleChoices(
        static,
        dataset.groups,
        dataset.cost_errors,
        None if objective.has_floor else penalty_of(dataset, objective),
        {name: lacks for name, lacks in missing.items() if lacks > least},
    )


def _without_what_changed(
    comparison: Comparison, dataset: SelectionDataset, objective: Objective, outcomes: dict[str, Outcome]
) -> Comparison:
    """Name the next best instead of a winner that, trained on all samples, is not what was judged.

    On the samples that it was trained on it should be better than in the folds: where it breaks the floor even there,
    it is another policy; and so it is where it always runs one variant.
    """
    floor = floor_of(dataset, objective)
    while comparison.winner != SINGLE_BEST:
        why = floor.violated(outcomes[comparison.winner].quality)
        if len(outcomes[comparison.winner].choices) == 1:
            why = "one variant for every input"
        if not why:
            break
        barred = {**comparison.barred, comparison.winner: f"{why}, when trained on all samples"}
        winner, reason = _winner(comparison, objective, floor.margin, barred)
        comparison = replace(comparison, winner=winner, reason=reason, barred=barred)
    return comparison


def check_enough_to_train(count: int, groups: int | None = None) -> None:
    """Raise TooFewSamplesError unless so many samples, of so many groups, can train a policy and judge it.

    >>> check_enough_to_train(20)
    >>> check_enough_to_train(60, groups=3)
    Traceback (most recent call last):
    compsel.errors.TooFewSamplesError: got 60 samples of 3 groups, needed are at least 5 groups: ...
    """
    if count < _LEAST_SAMPLES:
        raise TooFewSamplesError(
            f"got {count} sample{'s' * (count != 1)}, needed are at least {_LEAST_SAMPLES}: "
            "what ships is trained on four fifths of them "
            "and judged on the others, five times; some hundred make a difference: see "
            "docs/explanation/how-many-samples.md"
        )
    if groups is not None and groups < _LEAST_GROUPS:
        raise TooFewSamplesError(
            f"got {count} samples of {groups} group{'s' * (groups != 1)}, needed are at least {_LEAST_GROUPS} groups: "
            "what ships is judged on groups that it was not trained on, five times; give samples of more groups, or "
            "leave the groups away where samples are independent of each other"
        )


def compare(
    dataset: SelectionDataset,
    objective: Objective,
    trainers: Sequence[PolicyTrainer],
    folds: int = 5,
    seed: int = 0,
    reporter: Reporter = SILENT,
) -> Comparison:
    """Cross-validate every kind, and name the winner.

    Raises:
        TooFewSamplesError: see `check_enough_to_train`.
    """
    n = len(dataset.quality)
    check_enough_to_train(n, None if dataset.groups is None else len(np.unique(dataset.groups)))
    fold_of = dataset.folds if dataset.folds is not None else assign_folds(n, folds, dataset.groups, seed)
    outcomes, optimism = _round(dataset, objective, trainers, fold_of, reporter)
    penalty = penalty_of(dataset, objective)
    scores = {name: score_of(name, outcomes, penalty, seed, dataset.groups) for name in outcomes}
    floor = floor_of(dataset, objective)
    missing = {trainer.name: floor.missing(outcomes[trainer.name].quality) for trainer in trainers}
    barred = {name: floor.violated(outcomes[name].quality) for name in missing}
    singles = single_choices(dataset, objective)
    against = {name: singles.against(outcomes[name]) for name in missing}
    found = Comparison(
        scores, SINGLE_BEST, "", penalty, outcomes, optimism, missing, barred, against, unit=dataset.unit
    )
    winner, reason = _winner(found, objective, floor.margin, barred)
    return replace(found, winner=winner, reason=reason)


def _baselines(dataset: SelectionDataset) -> dict[str, Outcome]:
    return {_ACCURATE: dataset.fixed(dataset.most_accurate), "oracle": dataset.oracle()}


def _round(
    dataset: SelectionDataset,
    objective: Objective,
    trainers: Sequence[PolicyTrainer],
    fold_of: NDArray[np.integer],
    reporter: Reporter,
) -> tuple[dict[str, Outcome], dict[str, Optimism]]:
    """Train every kind without each fold.

    Returns:
        What each kind gives for every sample that it was not trained on; and how much better it is on others.
    """
    names = (*(trainer.name for trainer in trainers), *_baselines(dataset))
    given: dict[str, list[Outcome]] = {name: [] for name in names}
    folds = int(fold_of.max()) + 1
    for fold in reporter.track(range(folds), "cross-validation"):
        training = dataset.take(np.flatnonzero(fold_of != fold))
        for trainer in trainers:
            reporter.detail(f"fold {fold + 1} of {folds}, {trainer.name}")
            given[trainer.name].append(dataset.outcome_of(trainer.fit(training, objective).policy))
        given[_ACCURATE].append(dataset.fixed(training.most_accurate))
        given["oracle"].append(dataset.oracle())
    outcomes = {name: Outcome.each_from(found, fold_of) for name, found in given.items()}
    seen = {name: [one.without(fold_of == fold) for fold, one in enumerate(found)] for name, found in given.items()}
    return outcomes, {name: Optimism.of(seen[name], outcomes[name]) for name in names}


def _winner(comparison: Comparison, objective: Objective, margin: float, barred: dict[str, str]) -> tuple[str, str]:
    """Return the kind to ship, and why.

    Under a floor it is the fastest one that keeps it, give or take half the margin, or lacks least; else the one that
    costs least, wrong answers included. Either way it beats the best single choice: what is said of it later is said
    by the same comparison.

    Args:
        comparison: every kind on the held-out samples.
        objective: what is wanted.
        margin: how far below the floor the quality may lie, with 95 % confidence.
        barred: how answers of each kind contradict the floor; "" where they do not.
    """
    scores, missing, against = comparison.scores, comparison.missing, comparison.against
    better = [scores[name] for name in missing if name != SINGLE_BEST and against[name].beats]
    allowed = [score for score in better if not barred[score.name]]
    if not allowed:
        reason = "no learned selector beats the best single choice with 95 % confidence"
        if better:
            reason = "; ".join(f"{score.name} is {barred[score.name]}" for score in better)
        return SINGLE_BEST, f"{reason}, so the single best is shipped"

    def rank(one: Score) -> tuple[float, float]:
        lacks = missing[one.name] if missing[one.name] > margin / 2 else 0.0
        return lacks, one.latency_ms if objective.has_floor else one.cost

    best = min(allowed, key=rank)
    rival = against[best.name]
    return best.name, (
        f"{best.name} beats {rival.choice.described}: {rival.found.words(comparison.unit)}; it closes "
        f"{best.gap_closed:.0%} of the gap between the single best choice and the oracle (95 % confidence: "
        f"{best.gap_low:.0%} to {best.gap_high:.0%}), on samples that it was not trained on"
    )
