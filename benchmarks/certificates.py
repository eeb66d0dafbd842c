"""How often certificates are broken, what speed they leave, and what a threshold picked by eye does instead.

A measured profile is split in two at random, many times. On one half a bundle is certified, as `compsel build
--certify` does; the other half judges. "By eye" is the cheapest operating point of the same cascade, on the same
samples, that disagrees no more often than may be: no bound. A promise is broken where the other half disagrees more
often than promised; "beyond noise" where so often that the half itself speaks against it with 95 % confidence. The
other half is a sample too: a promise that is just kept is broken on every second half.

    python benchmarks/certificates.py --profile training_data/efficientnet-lite --json certificates.json
    python benchmarks/certificates.py --profile PROFILE --trained 0.2 --trained 0.4 --trained 0.6
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import joblib
import numpy as np

from compsel.building.training_tables import selection_dataset
from compsel.cli.tables import plain_table
from compsel.cli.terminal import TERMINAL
from compsel.device.cgroup import usable_cores
from compsel.errors import ObjectiveError
from compsel.profiling.profile import Profile
from compsel.selection.certificate.bounds import binomial_p_value
from compsel.selection.certificate.certify import TRAINED, JudgedOnOthers, train_and_judge
from compsel.selection.certificate.family import agreement_with, reference_of
from compsel.selection.certificate.fixed_sequence import n_certified
from compsel.selection.certificate.judging import judge
from compsel.selection.certificate.promise import Promise
from compsel.selection.dataset import SelectionDataset
from compsel.selection.training.folds import assign_folds

LEVELS = (0.99, 0.95)
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Trial:
    """What one way to pick an operating point did on one split; the speed is NaN where it was refused."""

    level: float
    trained: float
    way: str
    speedup: float = float("nan")
    disagreement: float = float("nan")
    broken: bool = False
    beyond_noise: bool = False

    @property
    def refused(self) -> bool:
        """Whether nothing was promised."""
        return not np.isfinite(self.speedup)


def certified(found: JudgedOnOthers, level: float) -> int | None:
    """Return the operating point that a certificate is for."""
    return cheapest(found, n_certified(found.judged.p_values(level), CONFIDENCE))


def by_eye(found: JudgedOnOthers, level: float) -> int | None:
    """Return the cheapest operating point that disagrees no more often than may be on the samples at hand."""
    good = found.judged.disagrees.mean(axis=1) <= 1.0 - level
    costs = np.where(good, found.judged.costs.mean(axis=1), np.inf)
    return int(costs.argmin()) if costs.size and costs.min() < found.reference_cost else None


def cheapest(found: JudgedOnOthers, passed: int) -> int | None:
    """Return the cheapest of the first points, if it is faster than the reference."""
    costs = found.judged.costs.mean(axis=1)[:passed]
    return int(costs.argmin()) if passed and costs.min() < found.reference_cost else None


WAYS: dict[str, Callable[[JudgedOnOthers, float], int | None]] = {"certified": certified, "by eye": by_eye}


def split_once(dataset: SelectionDataset, level: float, trained: float, seed: int) -> list[Trial]:
    """Split in two, certify on one half, and judge on the other."""
    half = assign_folds(len(dataset.targets), 2, dataset.groups, 1000 + seed)
    building, judging = (dataset.take(np.flatnonzero(half == part)) for part in (0, 1))
    try:
        found = train_and_judge(building, Promise(level, CONFIDENCE), seed, trained)
    except ObjectiveError:
        return [Trial(level, trained, way) for way in WAYS]
    judged = judge(found.family, agreement_with(judging, reference_of(building)))
    trials = []
    for way, pick in WAYS.items():
        point = pick(found, level)
        if point is None:
            trials.append(Trial(level, trained, way))
            continue
        wrong, n = int(judged.disagrees[point].sum()), judged.disagrees.shape[1]
        doubt = float(binomial_p_value(n - wrong, n, level))
        speedup = found.reference_cost / float(judged.costs[point].mean())
        trials.append(Trial(level, trained, way, speedup, wrong / n, wrong > (1 - level) * n, doubt <= 1 - CONFIDENCE))
    return trials


def summarise(trials: list[Trial]) -> dict[str, float]:
    """Return the figures of trials of one kind; the speed of a refusal is that of the reference, 1."""
    given = [trial for trial in trials if not trial.refused]
    n = len(trials)
    return {
        "splits": n,
        "refused": 1.0 - len(given) / n,
        "broken": sum(trial.broken for trial in given) / n,
        "broken_beyond_noise": sum(trial.beyond_noise for trial in given) / n,
        "speedup": float(np.mean([1.0 if trial.refused else trial.speedup for trial in trials])),
        "speedup_where_given": float(np.mean([trial.speedup for trial in given])) if given else float("nan"),
        "disagreement": float(np.mean([trial.disagreement for trial in given])) if given else float("nan"),
    }


def main() -> None:
    """Run all splits and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=100)
    parser.add_argument("--level", type=float, action="append", help=f"to promise (default: {LEVELS})")
    parser.add_argument("--trained", type=float, action="append", help=f"share that trains (default: {TRAINED})")
    parser.add_argument("--jobs", type=int, default=usable_cores())
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    dataset, _ = selection_dataset(Profile.load(arguments.profile))
    kinds = [(level, share) for level in arguments.level or LEVELS for share in arguments.trained or (TRAINED,)]
    work = [
        joblib.delayed(split_once)(dataset, level, trained, seed)
        for level, trained in kinds
        for seed in range(arguments.splits)
    ]
    parallel = joblib.Parallel(arguments.jobs, return_as="generator")
    trials = [trial for part in TERMINAL.track(parallel(work), "splits", len(work)) for trial in part]
    rows = [
        {"level": level, "trained": trained, "way": way}
        | summarise([one for one in trials if (one.level, one.trained, one.way) == (level, trained, way)])
        for level, trained in kinds
        for way in WAYS
    ]
    print(f"{len(dataset.targets)} samples, {len(dataset.names)} variants; half of them build, half judge")
    print(
        plain_table(
            [
                (
                    f"{row['level']:.1%}",
                    f"{row['trained']:.0%}",
                    row["way"],
                    *(f"{row[key]:.0%}" for key in ("refused", "broken", "broken_beyond_noise")),
                    *(f"{row[key]:.2f}x" for key in ("speedup", "speedup_where_given")),
                    f"{row['disagreement']:.2%}",
                )
                for row in rows
            ],
            ("agreement", "trains", "point", "refused", "broken", "beyond noise", "speed", "where given", "disagree"),
        )
    )
    if arguments.json:
        content = {"profile": arguments.profile.name, "rows": rows, "trials": [asdict(trial) for trial in trials]}
        arguments.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
