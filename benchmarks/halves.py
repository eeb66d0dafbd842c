"""Does what ships keep what its build promised? Random halves of the samples: one to build with, the other to judge.

On one half everything that a build does after measuring: every kind of policy compared in outer folds, the winner
trained. The other half is answered by what would ship. Answers are the measured ones, latencies the mean costs of an
idle device: simulated from measured outcomes, with no inference in between.

    python benchmarks/halves.py PROFILE [--splits 20] [--train N] [--goal GOAL] --json halves.json
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from compsel.building.train import as_objective
from compsel.building.training_tables import selection_dataset
from compsel.cli.tables import plain_table
from compsel.profiling.profile import Profile
from compsel.selection.dataset import SelectionDataset
from compsel.selection.judging.hindsight import hindsight_static
from compsel.selection.objective import Objective
from compsel.selection.training.comparison import train
from compsel.selection.training.folds import assign_folds
from compsel.selection.training.gap_closed import gap_of_costs
from compsel.selection.training.trained import SINGLE_BEST

FIGURES = ("accuracy_difference", "speedup_vs_most_accurate", "speedup_vs_best_static", "gap_closed")


@dataclass(frozen=True)
class Split:
    """One build and its judgement; `kept` says of each promise whether the other half lies in its interval."""

    shipped: str
    ways: int
    accuracy_difference: float
    speedup_vs_most_accurate: float
    speedup_vs_best_static: float
    speedup_vs_hindsight_static: float
    gap_closed: float
    kept: dict[str, bool]
    floor_kept: bool
    seconds: float


def judge(built: SelectionDataset, other: SelectionDataset, objective: Objective) -> Split:
    """Build on one half and compare its promises with the other half."""
    start = time.perf_counter()
    trained = train(built, objective)
    seconds = time.perf_counter() - start
    comparison = trained.comparison
    policy, expected = trained.fitted[comparison.winner].policy, trained.expectation
    mine = policy.outcome(other)
    accurate = other.fixed(built.most_accurate)
    static = trained.fitted[SINGLE_BEST].policy.outcome(other)
    statics = other.static()
    rival = statics[hindsight_static(statics, float(mine.quality.mean())).variant]
    costs = [one.cost(comparison.penalty) for one in (mine, static, other.oracle())]
    latency = mine.latency_ms.mean()
    found = {
        "accuracy_difference": float((mine.quality - accurate.quality).mean()),
        "speedup_vs_most_accurate": float(accurate.latency_ms.mean() / latency),
        "speedup_vs_best_static": float(static.latency_ms.mean() / latency),
        "gap_closed": gap_of_costs(*costs)[0],
    }
    kept = {name: promise_holds(getattr(expected, name), found[name]) for name in FIGURES}
    # the floor, with the noise of the judging half: does it contradict the margin with 95 % confidence?
    difference = mine.quality - accurate.quality + (objective.max_loss or 0.0) + objective.margin_with(expected.n)
    floor_kept = bool(difference.mean() + 1.645 * difference.std() / len(difference) ** 0.5 >= 0)
    return Split(
        comparison.winner,
        len(set(mine.variants.tolist())),
        speedup_vs_hindsight_static=float(rival.latency_ms.mean() / latency),
        kept=kept,
        floor_kept=floor_kept,
        seconds=seconds,
        **found,
    )


def promise_holds(interval: tuple[float, float, float], found: float) -> bool:
    """Whether a figure of the other half lies in the interval that was promised."""
    _, low, high = interval
    return bool(low - 1e-12 <= found <= high + 1e-12) or bool(np.isnan(found) or np.isnan(low))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profile", type=Path)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="number of the first split: to share them among processes")
    parser.add_argument("--train", type=int, help="so many of the building half only")
    parser.add_argument("--goal")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    dataset, _ = selection_dataset(Profile.load(arguments.profile))
    objective = as_objective(arguments.goal)
    splits = []
    for number in range(arguments.first, arguments.first + arguments.splits):
        half = assign_folds(len(dataset.targets), 2, dataset.groups, 100 + number)
        building = np.flatnonzero(half == 0)
        if arguments.train:
            building = np.sort(np.random.default_rng(number).choice(building, arguments.train, replace=False))
        splits.append(judge(dataset.take(building), dataset.take(np.flatnonzero(half == 1)), objective))
        print(number, json.dumps(asdict(splits[-1])), flush=True)
    show(splits)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(split) for split in splits], indent=1) + "\n")


def show(splits: list[Split]) -> None:
    """Print means, spread, and how often promises were kept."""
    rows = []
    for name in (*FIGURES, "speedup_vs_hindsight_static"):
        values = np.array([getattr(split, name) for split in splits])
        kept = f"{np.mean([split.kept[name] for split in splits]):.0%}" if name in FIGURES else ""
        rows.append((name, f"{np.nanmean(values):.3f}", f"{np.nanstd(values):.3f}", kept))
    print(plain_table(rows, ("figure on the other half", "mean", "spread", "promise kept")))
    print(f"floor kept: {np.mean([split.floor_kept for split in splits]):.0%}")
    print(f"one way for every input: {np.mean([split.ways == 1 for split in splits]):.0%}")
    print(f"shipped: { {kind: sum(s.shipped == kind for s in splits) for kind in {s.shipped for s in splits}} }")


if __name__ == "__main__":
    main()
