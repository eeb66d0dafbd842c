"""Train every kind of policy, compare them by cross-validation on the objective itself, and ship the winner.

The folds are nested: whatever a kind of policy tunes (portfolio, penalty, learner), it tunes inside the training part
of an outer fold. The winner must beat the single best choice with 95 % confidence, or the single best is shipped.
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
from compsel.selection.training.gap_closed import gap_of_costs
from compsel.selection.training.trainers import FittedPolicy, PolicyTrainer, default_trainers
from compsel.selection.training.trainers.base import penalty_of

__all__ = ["Comparison", "Score", "Trained", "compare", "train"]

_LEAST_SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Score:
    """What one kind of policy reaches on held-out samples.

    Attributes:
        name: of the kind.
        quality: mean.
        latency_ms: mean.
        cost: mean, wrong answers included at the objective's penalty.
        gap_closed: share of the distance between single best and oracle, a ratio of sums over all samples.
        gap_low, gap_high: its 95 % confidence interval, by bootstrap over samples (groups of them).
        quality_loss: how much quality it loses to the most accurate uncompressed network.
    """

    name: str
    quality: float
    latency_ms: float
    cost: float
    gap_closed: float
    gap_low: float
    gap_high: float
    quality_loss: float


@dataclass(frozen=True)
class Comparison:
    """Every kind on the same held-out samples.

    Attributes:
        scores: by kind; with "single best", "most accurate" and "oracle" among them.
        winner: the kind that is shipped.
        reason: why.
        penalty: cost of a wrong answer in the costs.
        unit: of the costs: "ms", or "mJ" where energy is minimised, which then stands in place of latencies.
    """

    scores: dict[str, Score]
    winner: str
    reason: str
    penalty: float
    unit: str = "ms"


@dataclass(frozen=True)
class Trained:
    """The winner, trained on all samples, and the baselines.

    Attributes:
        fitted: by kind; the winner is `fitted[comparison.winner]`.
        comparison: how the winner was found.
    """

    fitted: dict[str, FittedPolicy]
    comparison: Comparison


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
    return Trained(fitted, comparison)


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
    scores = {name: _score(name, outcomes, penalty, seed, dataset.groups) for name in outcomes}
    winner, reason = _winner(scores, trainers, objective)
    return Comparison(scores, winner, reason, penalty, dataset.unit)


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


def _score(
    name: str, outcomes: dict[str, Outcome], penalty: float, seed: int, groups: NDArray[np.intp] | None
) -> Score:
    mine, single_best, oracle = (outcomes[key].cost(penalty) for key in (name, "single best", "oracle"))
    value, low, high = gap_of_costs(mine, single_best, oracle, seed, groups)
    return Score(
        name,
        float(outcomes[name].quality.mean()),
        float(outcomes[name].latency_ms.mean()),
        float(mine.mean()),
        value,
        low,
        high,
        float((outcomes["most accurate"].quality - outcomes[name].quality).mean()),
    )


def _winner(scores: dict[str, Score], trainers: Sequence[PolicyTrainer], objective: Objective) -> tuple[str, str]:
    """Return the kind that costs least among those that honour the floor and beat the single best for certain."""
    shippable = [
        scores[trainer.name]
        for trainer in trainers
        if trainer.name != "single best" and (trainer.honours_floor or not objective.has_floor)
    ]
    better = [score for score in shippable if score.gap_low > 0]
    if not better:
        return "single best", (
            "no learned selector that honours the objective beats the single best choice with 95 % confidence, "
            "so the single best is shipped"
        )
    best = min(better, key=lambda score: score.cost)
    return best.name, (
        f"{best.name} closes {best.gap_closed:.0%} of the gap between the single best choice and the oracle "
        f"(95 % confidence: {best.gap_low:.0%} to {best.gap_high:.0%}), on samples that it was not trained on"
    )
