"""How many samples does a build need? What ships, trained on more and more of them, judged on the rest.

    python benchmarks/learning_curve.py PROFILE --sizes 60 200 600 1200 --draws 5 --json curve.json

- labels: the samples have labels. none: they have none, and agreement with the dearest network is what counts.
- both: all samples that do not judge are there, and so many of them have labels.
- prior: with what calibrations of other models have in common, from a file made without this profile's models or inputs
  (`benchmarks/calibration_prior.py`); "off": without.

Answers are the measured ones, latencies the mean costs of an idle device: simulated from measured outcomes.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from compsel.building.train import as_objective
from compsel.building.training_tables import selection_dataset
from compsel.cli.tables import plain_table
from compsel.profiling.profile import Profile
from compsel.selection.cascade import calibration_prior
from compsel.selection.dataset import SelectionDataset
from compsel.selection.judging.hindsight import hindsight_static
from compsel.selection.objective import Objective
from compsel.selection.training.comparison import train

FEWEST_TO_JUDGE = 150


def use_prior(prior: str | None) -> None:
    """Calibrate with another prior than the one that ships, or without."""
    if prior is not None:
        calibration_prior.FILE = Path(prior)  # one that is not there: none
        calibration_prior.shipped_prior.cache_clear()


def training_part(dataset: SelectionDataset, rows: np.ndarray, size: int, labels: str) -> SelectionDataset:
    """Return what a build is given: so many samples, with labels or without, or with others beside them."""
    part = dataset.take(np.sort(rows[:size]))
    if labels == "none":
        return part.without_labels()
    if labels == "both":
        others = np.sort(rows[size:])
        return replace(part, unlabelled=tuple(evidence.take(others) for evidence in dataset.evidence))
    return part


def judged(training: SelectionDataset, test: SelectionDataset, objective: Objective, accurate: int) -> dict[str, float]:
    """Build, and return what ships reaches on samples with labels."""
    trained = train(training, objective)
    mine = trained.fitted[trained.comparison.winner].policy.outcome(test)
    reference, statics = test.fixed(accurate), test.static()
    rival = statics[hindsight_static(statics, float(mine.quality.mean())).variant]
    latency = float(mine.latency_ms.mean())
    return {
        "accuracy_difference": float((mine.quality - reference.quality).mean()),
        "speedup_vs_most_accurate": float(reference.latency_ms.mean()) / latency,
        "speedup_vs_hindsight_static": float(rival.latency_ms.mean()) / latency,
        "single_best": float(trained.comparison.winner == "single best"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profile", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[60, 200, 600, 1200])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--labels", choices=("labels", "none", "both"), default="labels")
    parser.add_argument("--prior", metavar="FILE", help="instead of the one that ships; a file that is not there: none")
    parser.add_argument("--goal")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    use_prior(arguments.prior)
    dataset, _ = selection_dataset(Profile.load(arguments.profile))
    rows, found = [], {}
    for size in arguments.sizes:
        results = []
        for draw in range(arguments.draws):
            order = np.random.default_rng(1000 + draw).permutation(len(dataset.targets))
            test = order[: max(FEWEST_TO_JUDGE, min(len(order) // 3, len(order) - size))]
            training = training_part(dataset, order[len(test) :], size, arguments.labels)
            objective = as_objective(arguments.goal)
            results.append(judged(training, dataset.take(np.sort(test)), objective, dataset.most_accurate))
            print(size, draw, json.dumps(results[-1]), flush=True)
        found[size] = {name: [result[name] for result in results] for name in results[0]}
        rows.append((str(size), *(f"{np.mean(v):.3f} ({np.std(v):.3f})" for v in found[size].values())))
    print(plain_table(rows, ("samples", *next(iter(found.values())))))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
