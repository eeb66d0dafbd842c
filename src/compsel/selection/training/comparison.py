"""Train every kind of policy, compare them by cross-validation on the objective itself, and ship the winner.

The folds are nested: whatever a kind of policy tunes (portfolio, operating point, learner), it tunes inside the
training part of an outer fold. What is judged is the whole procedure, then, that choice included. One rule holds for
every kind: what loses more quality than the objective allows on held-out samples is not shipped. The winner must beat
the single best choice with 95 % confidence, or the single best is shipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError
from compsel.progress import SILENT, Reporter
from compsel.selection.dataset import Outcome, SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.training.folds import assign_folds
from compsel.selection.training.promise import Promise, Score, promise_of, score_of
from compsel.selection.training.trainers import FittedPolicy, PolicyTrainer, default_trainers
from compsel.selection.training.trainers.base import floor_of, penalty_of

__all__ = ["Comparison", "Trained", "compare", "train"]

_LEAST_SAMPLES = 20
SINGLE_BEST = "single best"


@dataclass(frozen=True)
class Comparison:
    """Every kind on the same held-out samples.

    Attributes:
        scores: by kind; with "single best", "most accurate" and "oracle" among them.
        winner: the kind that is shipped.
        reason: why.
        penalty: cost of a wrong answer in the costs.
        promises: of the winner and of the single best: what is promised of it on other samples.
        unit: of the costs: "ms", or "mJ" where energy is minimised, which then stands in place of latencies.
    """

    scores: dict[str, Score]
    winner: str
    reason: str
    penalty: float
    promises: dict[str, Promise]
    unit: str = "ms"

    @property
    def promise(self) -> Promise:
        """What is promised of what is shipped."""
        return self.promises[self.winner]


@dataclass(frozen=True)
class Trained:
    """The winner, trained on all samples, and the baselines.

    Attributes:
        fitted: by kind; the winner is `fitted[comparison.winner]`.
        comparison: how the winner was found.
        shipped: the winner, trained on all samples, on these samples: how it differs from what was judged.
    """

    fitted: dict[str, FittedPolicy]
    comparison: Comparison
    shipped: Score


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
        ProfileError: fewer than 20 samples.
        ObjectiveError: a quantity to minimise that was not measured.
    """
    objective = objective or Objective()
    objective.check_measured(energy=dataset.unit == "mJ")
    trainers = [trainer for trainer in trainers or default_trainers() if trainer.applies(dataset)]
    comparison = compare(dataset, objective, trainers, folds, seed, reporter)
    fitted = {}
    for trainer in trainers:
        reporter.say(f"training {trainer.name} on all samples")
        fitted[trainer.name] = trainer.fit(dataset, objective)
    outcomes = {name: one.policy.outcome(dataset) for name, one in fitted.items()} | _baselines(dataset)
    comparison = _without_what_changed(comparison, dataset, objective, outcomes)
    return Trained(fitted, comparison, score_of(comparison.winner, outcomes, comparison.penalty, seed, dataset.groups))


def _without_what_changed(
    comparison: Comparison, dataset: SelectionDataset, objective: Objective, outcomes: dict[str, Outcome]
) -> Comparison:
    """Name the single best instead of a winner that, trained on all samples, is not what was judged.

    On the samples that it was trained on it should be better than in the folds: where it breaks the floor even there,
    it is another policy.
    """
    why = floor_of(dataset, objective).violated(outcomes[comparison.winner].quality)
    if comparison.winner == SINGLE_BEST or not why:
        return comparison
    reason = f"{comparison.winner}, trained on all samples, is {why}, so the single best is shipped"
    return replace(comparison, winner=SINGLE_BEST, reason=reason)


def compare(
    dataset: SelectionDataset,
    objective: Objective,
    trainers: Sequence[PolicyTrainer],
    folds: int = 5,
    seed: int = 0,
    reporter: Reporter = SILENT,
    repeats: int = 1,
) -> Comparison:
    """Cross-validate every kind, several times with other folds, and name the winner."""
    n = len(dataset.quality)
    if n < _LEAST_SAMPLES:
        raise ProfileError(f"got {n} samples, needed are at least {_LEAST_SAMPLES}: measure more")
    rounds = []
    for number in range(repeats):
        reporter.say(f"cross-validation {number + 1} of {repeats}")
        fold_of = assign_folds(n, folds, dataset.groups, seed + number)
        rounds.append(_round(dataset, objective, trainers, fold_of, reporter))
    outcomes = {name: Outcome.average([found[name] for found in rounds]) for name in rounds[0]}
    penalty = penalty_of(dataset, objective)
    scores = {name: score_of(name, outcomes, penalty, seed, dataset.groups) for name in outcomes}
    floor = floor_of(dataset, objective)
    missing = {trainer.name: floor.missing(outcomes[trainer.name].quality) for trainer in trainers}
    barred = {name: floor.violated(outcomes[name].quality) for name in missing}
    winner, reason = _winner(scores, objective, missing, barred)
    promises = {name: promise_of(dataset, outcomes, name, penalty, seed) for name in {winner, SINGLE_BEST}}
    return Comparison(scores, winner, reason, penalty, promises, dataset.unit)


def _baselines(dataset: SelectionDataset) -> dict[str, Outcome]:
    return {"most accurate": dataset.fixed(dataset.most_accurate), "oracle": dataset.oracle()}


def _round(
    dataset: SelectionDataset,
    objective: Objective,
    trainers: Sequence[PolicyTrainer],
    fold_of: NDArray[np.integer],
    reporter: Reporter,
) -> dict[str, Outcome]:
    """Train every kind without each fold and return what it gives for every sample, in the order of the samples."""
    parts: dict[str, list[Outcome]] = {
        name: [] for name in (*(trainer.name for trainer in trainers), "most accurate", "oracle")
    }
    order = []
    folds = int(fold_of.max()) + 1
    for fold in range(folds):
        order.append(np.flatnonzero(fold_of == fold))
        training, test = dataset.take(np.flatnonzero(fold_of != fold)), dataset.take(order[-1])
        for trainer in trainers:
            reporter.say(f"fold {fold + 1} of {folds}, {trainer.name}")
            parts[trainer.name].append(trainer.fit(training, objective).policy.outcome(test))
        parts["most accurate"].append(test.fixed(training.most_accurate))
        parts["oracle"].append(test.oracle())
    back = np.argsort(np.concatenate(order))
    return {name: Outcome.concatenate(found).take(back) for name, found in parts.items()}


def _winner(
    scores: dict[str, Score], objective: Objective, missing: dict[str, float], barred: dict[str, str]
) -> tuple[str, str]:
    """Return the kind to ship, and why.

    Under a floor it is the fastest one that keeps it, or lacks least; else the one that costs least, wrong answers
    included. Either way it is better than the single best for certain.

    Args:
        scores: by kind, baselines among them.
        objective: what is wanted.
        missing: how much quality each kind lacks for the floor.
        barred: how held-out answers of each kind contradict the floor; "" where they do not.
    """
    rivals = [scores[name] for name in missing if name != SINGLE_BEST]
    better = [score for score in rivals if (score.faster_low > 1 if objective.has_floor else score.gap_low > 0)]
    allowed = [score for score in better if not barred[score.name]]
    if not allowed:
        reason = "no learned selector beats the single best choice with 95 % confidence"
        if better:
            reason = "; ".join(f"{score.name} is {barred[score.name]}" for score in better)
        return SINGLE_BEST, f"{reason}, so the single best is shipped"
    best = min(allowed, key=lambda one: (missing[one.name], one.latency_ms if objective.has_floor else one.cost))
    return best.name, (
        f"{best.name} is {best.faster:.2f} times as fast as the single best choice ({best.faster_low:.2f} to "
        f"{best.faster_high:.2f}) and closes {best.gap_closed:.0%} of the gap between it and the oracle (95 % "
        f"confidence: {best.gap_low:.0%} to {best.gap_high:.0%}), on samples that it was not trained on"
    )
