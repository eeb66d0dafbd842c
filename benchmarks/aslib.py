"""Gap closed on algorithm-selection scenarios, beside the selectors of `asf` where that is installed.

    python benchmarks/aslib.py --data DIR [--seeds 3] [--scenario NAME]... [--json FILE]

DIR holds one Parquet table a scenario: `fold`, features `f_*` (NaN where missing), costs `c_*` (lower is better). The
given folds are used, and costs are summed over all test samples before they are divided: 0 is the single best of the
training folds, 1 the oracle. Standard errors are bootstrapped over samples. A row is timed one at a time, median.
"""

import argparse
import importlib.util
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow.parquet as pq

from compsel.selection.selectors.classification import CostSensitiveClassifier
from compsel.selection.selectors.cost_sensitive import CostSensitiveSelector
from compsel.selection.selectors.neighbours import NeighbourSelector
from compsel.selection.selectors.pairwise import PairwiseSelector
from compsel.selection.selectors.premodel import Premodel
from compsel.selection.selectors.regression import CostRegression
from compsel.selection.training.gap_closed import measure_gap

TIMED_ROWS = 200


class Fits(Protocol):
    """What both libraries' selectors are wrapped in."""

    def fit(self, X: np.ndarray, costs: np.ndarray) -> Any:
        """Learn from X (n, n_features) and costs (n, n_choices)."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Columns (n,) of costs."""


class AsfSelector:
    """A selector of `asf` behind the same two methods; it takes data frames without gaps, so medians fill in."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def fit(self, X: np.ndarray, costs: np.ndarray) -> "AsfSelector":
        """Learn the medians, then the selector."""
        import pandas as pd

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the median of a column without values
            self.fill = np.nan_to_num(np.nanmedian(X, axis=0))
        self.columns = [f"f{index}" for index in range(X.shape[1])]
        self.selector = self.make()
        table = pd.DataFrame(costs, columns=[str(column) for column in range(costs.shape[1])])
        self.selector.fit(self._frame(X), table)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Columns (n,), read from the first entry of every schedule."""
        answer = self.selector.predict(self._frame(X))
        return np.array([int(answer[str(row)][0][0]) for row in range(len(X))])

    def _frame(self, X: np.ndarray) -> Any:
        import pandas as pd

        filled = np.where(np.isnan(X), self.fill, X)
        return pd.DataFrame(filled, columns=self.columns, index=[str(row) for row in range(len(X))])


def our_selectors() -> dict[str, Callable[[int], Fits]]:
    return {
        "CostSensitiveSelector": lambda seed: CostSensitiveSelector(random_state=seed),
        "CostRegression": lambda seed: CostRegression(random_state=seed),
        "PairwiseSelector": lambda seed: PairwiseSelector(random_state=seed),
        "CostSensitiveClassifier": lambda seed: CostSensitiveClassifier(random_state=seed),
        "NeighbourSelector": lambda seed: NeighbourSelector(),
        "Premodel": lambda seed: Premodel(),
    }


def asf_selectors() -> dict[str, Callable[[int], Fits]]:
    from asf.selectors import SUNNY, PairwiseClassifier, PerformanceModel
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    return {
        "asf PairwiseClassifier": lambda seed: AsfSelector(
            lambda: PairwiseClassifier(estimator=RandomForestClassifier(random_state=seed), random_state=seed)
        ),
        "asf PerformanceModel": lambda seed: AsfSelector(
            lambda: PerformanceModel(estimator=RandomForestRegressor(random_state=seed), random_state=seed)
        ),
        "asf SUNNY": lambda seed: AsfSelector(lambda: SUNNY(random_state=seed)),
    }


def read_scenario(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (n, n_features), costs (n, n_choices), folds (n,)."""
    table = pq.read_table(path)
    parts = [
        np.column_stack([table[name].to_numpy() for name in table.schema.names if name.startswith(prefix)])
        for prefix in ("f_", "c_")
    ]
    return parts[0].astype(np.float64), parts[1].astype(np.float64), table["fold"].to_numpy()


def measure(make: Callable[[int], Fits], X: np.ndarray, costs: np.ndarray, fold: np.ndarray, seeds: int) -> dict:
    """Gap closed, seconds of a fit and microseconds of one row for one selector on one scenario."""
    single_best = np.empty(len(costs), dtype=np.int64)
    gaps, fit_s, row_us = [], [], []
    for seed in range(seeds):
        chosen = np.empty(len(costs), dtype=np.int64)
        for number in np.unique(fold):
            test = fold == number
            single_best[test] = costs[~test].mean(axis=0).argmin()
            start = time.perf_counter_ns()
            selector = make(seed).fit(X[~test], costs[~test])
            fit_s.append((time.perf_counter_ns() - start) / 1e9)
            chosen[test] = selector.predict(X[test])
        row_us.append(one_row_us(selector, X))
        gaps.append(measure_gap(costs, chosen, single_best))
    return {
        "gap_closed": float(np.mean([gap.value for gap in gaps])),
        "standard_error": float(np.mean([gap.standard_error for gap in gaps])),
        "by_seed": [gap.value for gap in gaps],
        "fit_s": float(np.mean(fit_s)),
        "row_us": float(np.median(row_us)),
    }


def one_row_us(selector: Fits, X: np.ndarray) -> float:
    rows = [X[index : index + 1] for index in range(min(len(X), TIMED_ROWS))]
    durations = []
    deadline = time.perf_counter_ns() + 2_000_000_000
    for row in rows:
        start = time.perf_counter_ns()
        selector.predict(row)
        durations.append(time.perf_counter_ns() - start)
        if time.perf_counter_ns() > deadline:
            break
    return float(np.median(durations)) / 1e3


def show(scenario: str, name: str, result: dict) -> None:
    print(
        f"{scenario:20s} {name:26s} gap {result['gap_closed']:6.3f} +- {result['standard_error']:.3f}"
        f"  fit {result['fit_s']:7.2f} s  one row {result['row_us']:10.1f} us",
        flush=True,
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with one Parquet file a scenario")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scenario", action="append", help="only this one (again for more)")
    parser.add_argument("--selector", action="append", help="only this one (again for more)")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    with_asf = importlib.util.find_spec("asf") is not None
    if not with_asf:
        print("asf is not installed: its selectors are left out (pip install asf==0.1.8, in an environment of its own)")
    paths = sorted(arguments.data.glob("*.parquet"))
    if arguments.scenario:
        paths = [path for path in paths if path.stem in arguments.scenario]
    if not paths:
        raise SystemExit(f"no scenario to run in {arguments.data}: one Parquet file each is needed")
    scenarios: dict[str, dict[str, dict]] = {}
    for path in paths:
        X, costs, fold = read_scenario(path)
        selectors = our_selectors() | (asf_selectors() if with_asf else {})
        for name, make in selectors.items():
            if arguments.selector and name not in arguments.selector:
                continue
            result = measure(make, X, costs, fold, arguments.seeds)
            scenarios.setdefault(path.stem, {})[name] = result
            show(path.stem, name, result)
    means = {
        name: float(np.mean([results[name]["gap_closed"] for results in scenarios.values()]))
        for name in next(iter(scenarios.values()))
    }
    for name, mean in sorted(means.items(), key=lambda item: -item[1]):
        print(f"{'mean':20s} {name:26s} gap {mean:6.3f}")
    if arguments.json:
        report = {"seeds": arguments.seeds, "asf": with_asf, "scenarios": scenarios, "mean_gap_closed": means}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
