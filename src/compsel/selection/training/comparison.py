"""Train every kind of policy, compare them by cross-validation on the objective itself, and ship the winner.

The folds are nested: whatever a kind of policy tunes (portfolio, operating point, learner), it tunes inside the
training part of an outer fold. What is judged is the whole procedure, then, that choice included; where variants
learned from the samples too, the outer folds are theirs, and a fold is answered by variants that never saw it. One rule
holds for every kind: what loses more quality than the objective allows on held-out samples is not shipped. The winner
must beat the single best choice with 95 % confidence, or the single best is shipped.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from compsel.parallel.backend import Backend
from compsel.progress import SILENT, Reporter
from compsel.selection.dataset import Outcome, SelectionDataset
from compsel.selection.judging.single_choices import SingleChoices
from compsel.selection.objective import Objective
from compsel.selection.training.enough_samples import check_enough_to_train
from compsel.selection.training.expectation import Optimism, Score, expectation_of, score_of
from compsel.selection.training.folds import assign_folds
from compsel.selection.training.kept_fits import KEPT_NOWHERE, KeptFits
from compsel.selection.training.spread_fitting import fit_all, out_of_fold
from compsel.selection.training.trained import SINGLE_BEST, Comparison, Trained
from compsel.selection.training.trainers import FittedPolicy, PolicyTrainer, default_trainers
from compsel.selection.training.trainers.base import floor_of, penalty_of

__all__ = ["baselines", "compare", "concluded", "judged", "single_choices", "train"]

_DEFAULT = Backend()
_ACCURATE, _ORACLE = "most accurate", "oracle"
_BASELINES = (_ACCURATE, _ORACLE)


# many parameters: samples and an objective are what everybody gives; the others are rarely set, and independent
def train(
    dataset: SelectionDataset,
    objective: Objective | None = None,
    trainers: Sequence[PolicyTrainer] | None = None,
    folds: int = 5,
    seed: int = 0,
    reporter: Reporter = SILENT,
    backend: Backend = _DEFAULT,
    kept: KeptFits = KEPT_NOWHERE,
) -> Trained:
    """Compare the kinds that apply and train each on all samples, where a backend says: the result is the same.

    What is kept of an interrupted training is not trained again.

    Raises:
        TooFewSamplesError: fewer than 20 samples, or than 5 groups of them.
        ObjectiveError: a quantity to minimise that was not measured.
    """
    objective = objective or Objective()
    objective.check_measured(energy=dataset.unit == "mJ")
    trainers = [trainer for trainer in trainers or default_trainers() if trainer.applies(dataset)]
    comparison = compare(dataset, objective, trainers, folds, seed, reporter, backend, kept)
    fitted = fit_all(dataset, objective, trainers, backend, reporter, kept)
    outcomes = {name: dataset.outcome_of(one.policy) for name, one in fitted.items()} | baselines(dataset)
    return concluded(dataset, objective, fitted, comparison, outcomes, seed)


# many parameters: the samples, what is wanted, and what was found
def concluded(
    dataset: SelectionDataset,
    objective: Objective,
    fitted: dict[str, FittedPolicy],
    comparison: Comparison,
    outcomes: dict[str, Outcome],
    seed: int = 0,
) -> Trained:
    """Name what ships, and say what is expected of it.

    Args:
        dataset: samples.
        objective: what is wanted.
        fitted: by kind, what would ship.
        comparison: of the kinds, on samples that they were not trained on.
        outcomes: by kind, what those that would ship give for the samples, and what they are compared with.
        seed: of the intervals.
    """
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


# many parameters: those of `train`
def compare(
    dataset: SelectionDataset,
    objective: Objective,
    trainers: Sequence[PolicyTrainer],
    folds: int = 5,
    seed: int = 0,
    reporter: Reporter = SILENT,
    backend: Backend = _DEFAULT,
    kept: KeptFits = KEPT_NOWHERE,
) -> Comparison:
    """Cross-validate every kind, and name the winner.

    Raises:
        TooFewSamplesError: see `check_enough_to_train`.
    """
    n = len(dataset.quality)
    check_enough_to_train(n, None if dataset.groups is None else len(np.unique(dataset.groups)))
    fold_of = dataset.folds if dataset.folds is not None else assign_folds(n, folds, dataset.groups, seed)
    given = out_of_fold(dataset, objective, trainers, fold_of, backend, reporter, kept)
    outcomes, optimism = _round(dataset, given, fold_of)
    return judged(dataset, objective, outcomes, optimism, seed)


def judged(
    dataset: SelectionDataset,
    objective: Objective,
    outcomes: dict[str, Outcome],
    optimism: dict[str, Optimism],
    seed: int = 0,
) -> Comparison:
    """Name the winner, by what each kind gave for samples that it was not trained on.

    Args:
        dataset: the samples.
        objective: what is wanted.
        outcomes: by kind, with "single best", "most accurate" and "oracle" among them.
        optimism: see `Comparison`.
        seed: of the intervals.
    """
    penalty = penalty_of(dataset, objective)
    scores = {name: score_of(name, outcomes, penalty, seed, dataset.groups) for name in outcomes}
    floor = floor_of(dataset, objective)
    missing = {name: floor.missing(one.quality) for name, one in outcomes.items() if name not in _BASELINES}
    barred = {name: floor.violated(outcomes[name].quality) for name in missing}
    singles = single_choices(dataset, objective)
    against = {name: singles.against(outcomes[name]) for name in missing}
    found = Comparison(
        scores, SINGLE_BEST, "", penalty, outcomes, optimism, missing, barred, against, unit=dataset.unit
    )
    winner, reason = _winner(found, objective, floor.margin, barred)
    return replace(found, winner=winner, reason=reason)


def baselines(dataset: SelectionDataset) -> dict[str, Outcome]:
    """Return what policies are compared with: the most accurate network, and an oracle."""
    return {_ACCURATE: dataset.fixed(dataset.most_accurate), _ORACLE: dataset.oracle()}


def _round(
    dataset: SelectionDataset, given: dict[str, list[Outcome]], fold_of: NDArray[np.integer]
) -> tuple[dict[str, Outcome], dict[str, Optimism]]:
    """Return what each kind gives for every sample that it was not trained on; and how much better it is on others.

    Args:
        dataset: all samples.
        given: by kind, what it gives for all samples when it was trained without each fold.
        fold_of: (n,) fold of each sample.
    """
    compared: dict[str, list[Outcome]] = {_ACCURATE: [], _ORACLE: []}
    for fold in range(int(fold_of.max()) + 1):
        training = dataset.take(np.flatnonzero(fold_of != fold))
        compared[_ACCURATE].append(dataset.fixed(training.most_accurate))
        compared[_ORACLE].append(dataset.oracle())
    found = given | compared
    outcomes = {name: Outcome.each_from(one, fold_of) for name, one in found.items()}
    seen = {name: [one.without(fold_of == fold) for fold, one in enumerate(many)] for name, many in found.items()}
    return outcomes, {name: Optimism.of(seen[name], outcomes[name]) for name in found}


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
