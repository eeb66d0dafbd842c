"""Train every kind of policy, compare them by cross-validation on the objective itself, and ship the winner.

The folds are nested: whatever a kind of policy tunes (portfolio, operating point, learner), it tunes inside the
training part of an outer fold. What is judged is the whole procedure, then, that choice included. One rule holds for
every kind: what loses more quality than the objective allows on held-out samples is not shipped. The winner must beat
the single best choice with 95 % confidence, or the single best is shipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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
        promise: what is promised of the winner on other samples.
        unit: of the costs: "ms", or "mJ" where energy is minimised, which then stands in place of latencies.
    """

    scores: dict[str, Score]
    winner: str
    reason: str
    penalty: float
    promise: Promise
    unit: str = "ms"


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
    outcomes = _baselines(dataset) | {
        name: fitted[name].policy.outcome(dataset) for name in {comparison.winner, SINGLE_BEST}
    }
    return Trained(fitted, comparison, score_of(comparison.winner, outcomes, comparison.penalty, seed, dataset.groups))


def compare(
    dataset: SelectionDataset,
    objective: Objective,
    trainers: Sequence[PolicyTrainer],
    folds: int = 5,
    seed: int = 0,
    reporter: Reporter = SILENT,
    repeats: int = 2,
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
    barred = _barred(dataset, objective, outcomes)
    winner, reason = _winner(scores, objective, [trainer.name for trainer in trainers], barred)
    promise = promise_of(dataset, outcomes, winner, penalty, seed)
    return Comparison(scores, winner, f"{promise.verdict}\n{reason}", penalty, promise, dataset.unit)


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


def _barred(dataset: SelectionDataset, objective: Objective, outcomes: dict[str, Outcome]) -> dict[str, str]:
    """Return the kinds whose held-out answers contradict the floor, with how."""
    floor = floor_of(dataset, objective)
    found = {name: floor.violated(outcome.quality) for name, outcome in outcomes.items() if name != SINGLE_BEST}
    return {name: why for name, why in found.items() if why}


def _winner(
    scores: dict[str, Score], objective: Objective, kinds: Sequence[str], barred: dict[str, str]
) -> tuple[str, str]:
    """Return the kind to ship, and why.

    Under a floor it is the fastest one that keeps it, else the one that costs least, wrong answers included; either way
    it is better than the single best for certain.
    """
    rivals = [scores[name] for name in kinds if name != SINGLE_BEST]
    better = [score for score in rivals if (score.faster_low > 1 if objective.has_floor else score.gap_low > 0)]
    allowed = [score for score in better if score.name not in barred]
    if not allowed:
        reason = "no learned selector beats the single best choice with 95 % confidence"
        if better:
            reason = "; ".join(f"{score.name} loses too much: {barred[score.name]}" for score in better)
        return SINGLE_BEST, f"{reason}, so the single best is shipped"
    best = min(allowed, key=lambda score: score.latency_ms if objective.has_floor else score.cost)
    return best.name, (
        f"{best.name} is {best.faster:.2f} times as fast as the single best choice ({best.faster_low:.2f} to "
        f"{best.faster_high:.2f}) and closes {best.gap_closed:.0%} of the gap between it and the oracle (95 % "
        f"confidence: {best.gap_low:.0%} to {best.gap_high:.0%}), on samples that it was not trained on"
    )
