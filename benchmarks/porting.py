"""Few-shot porting from one environment to another, beside measuring everything there.

In the old environment, every pair of a choice and a state is measured, and a bundle that holds these costs is written;
in the new one (other cores, another provider) it is ported with a share of the pairs, and then every pair is measured
there too, in turns, to see how far off the predicted latencies are, and how much slower the choices made by them:

    python benchmarks/porting.py measure BUNDLE --out OLD
    taskset -c 1 python benchmarks/porting.py compare OLD --json one_core.json
    other/bin/python benchmarks/porting.py compare OLD --json other_provider.json

Needs a quiet machine (it looks before it starts); --noisy measures anyway, and the result says how busy it was.
"""

import argparse
import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import compsel
from compsel.building.porting.port import port
from compsel.bundle.bundle import Bundle
from compsel.bundle.manifest import write_manifest
from compsel.cli.terminal import TERMINAL
from compsel.device.fingerprint import device_fingerprint
from compsel.device.sampler import read_state
from compsel.inputs.samples import ArraySamples
from compsel.processors import discover
from compsel.profiling.choices import Choices
from compsel.profiling.latency import Criterion, measure_latency
from compsel.profiling.latency_table import LatencyTable, read_latency
from compsel.profiling.load import standard_states
from compsel.selection.costs.model import CostModel
from compsel.storage.files import atomic_directory, write_json

QUIET_CORES = 0.15
Pair = tuple[str, str, str]  # variant, processor, state


def measure_all(bundle: Bundle, states: Sequence[str], budget_s: float) -> LatencyTable:
    """Measure every variant of the costs on every processor here, in these states."""
    names = dict.fromkeys(variant for variant, _ in bundle.costs.choices)
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3)).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        choices = Choices(
            [bundle.variants[name] for name in names],
            [processor for processor, found in discover() if found.available],
            bundle.folder / "variants",
        )
        measure_latency(
            choices,
            states,
            ArraySamples([image]),
            Path(folder),
            Criterion(min_runs=12, max_runs=120, budget_s=budget_s),
            TERMINAL,
        )
        table = read_latency(Path(folder))
    assert table is not None
    return table


def write_costs(bundle: Bundle, costs: CostModel, out: Path) -> None:
    """Write the bundle anew, with costs of this device."""
    with atomic_directory(out, replace=True) as temporary:
        shutil.copytree(bundle.folder, temporary, dirs_exist_ok=True)
        document = json.loads((temporary / "bundle.json").read_text(encoding="utf-8"))
        document["summary"]["device"] = device_fingerprint()
        write_json(temporary / "bundle.json", document)
        write_json(temporary / "costs.json", costs.to_dict())
        (temporary / "manifest.json").unlink()
        write_manifest(temporary, compsel.__version__)


def compare(bundle: Bundle, share: float, budget_s: float) -> dict[str, Any]:
    """Port, measure everything, and return how far the two are apart."""
    with tempfile.TemporaryDirectory() as folder:
        ported = port(bundle.folder, Path(folder) / "ported", share=share, reporter=TERMINAL)
        predicted = _latencies(Bundle.load(Path(folder) / "ported").costs)
    begin = time.perf_counter()
    runs = measure_all(bundle, ported.states, budget_s).by_choice()
    measured = {pair: float(values.mean()) for pair, values in runs.items()}
    halves = [(values[::2].mean(), values[1::2].mean()) for values in runs.values()]
    unported = {pair: value for pair, value in _latencies(bundle.costs).items() if pair in measured}
    return {
        "ported": asdict(ported),
        "full_seconds": time.perf_counter() - begin,
        "full_runs": sum(map(len, runs.values())),
        "predicted": _errors(predicted, measured),
        "not_ported": _errors(unported, measured) if unported else None,
        "by_processor": {
            name: _errors({pair: value for pair, value in predicted.items() if pair[1] == name}, measured)
            for name in ported.processors
        },
        "by_state": {
            name: _errors({pair: value for pair, value in predicted.items() if pair[2] == name}, measured)
            for name in ported.states
        },
        # half of the runs against the other half: what even a full measurement does not know
        "measured_twice": _quantiles(np.abs(np.log([a / b for a, b in halves]))),
        "slower_than_best": _regret(predicted, measured),
        "slower_than_best_not_ported": _regret(unported, measured) if unported else None,
        "pairs": [[*pair, predicted[pair], measured[pair], len(runs[pair])] for pair in measured],
    }


def _latencies(costs: CostModel) -> dict[Pair, float]:
    return {
        (*choice, state): float(costs.latency_ms[row, column])
        for (row, state), (column, choice) in itertools.product(enumerate(costs.names), enumerate(costs.choices))
    }


def _errors(predicted: Mapping[Pair, float], measured: Mapping[Pair, float]) -> dict[str, float]:
    logs = np.abs([np.log(value / measured[pair]) for pair, value in predicted.items()])
    return _quantiles(logs) | {"rms_log": float(np.sqrt((logs**2).mean()))}


def _quantiles(logs: np.ndarray) -> dict[str, float]:
    median, p90 = np.expm1(np.quantile(logs, (0.5, 0.9)))
    return {"median": float(median), "p90": float(p90)}


def _regret(predicted: Mapping[Pair, float], measured: Mapping[Pair, float]) -> dict[str, float]:
    """Return how much slower the processor predicted to be fastest is, over variants and states: mean and greatest."""
    ratios = []
    for variant, state in dict.fromkeys((variant, state) for variant, _, state in predicted):
        here = [pair for pair in predicted if (pair[0], pair[2]) == (variant, state)]
        best = min(value for pair, value in measured.items() if (pair[0], pair[2]) == (variant, state))
        ratios.append(measured[min(here, key=predicted.__getitem__)] / best - 1)
    return {"mean": float(np.mean(ratios)), "max": float(np.max(ratios))}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("measure", "compare"))
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--out", type=Path, help="where the bundle with measured costs goes (measure)")
    parser.add_argument("--json", type=Path, help="where the result goes (compare)")
    parser.add_argument("--share", type=float, default=0.05, help="of the pairs, for porting (default 0.05)")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of measuring a state in full (default 60)")
    parser.add_argument("--noisy", action="store_true", help="measure although the machine is busy")
    arguments = parser.parse_args()
    if (arguments.out if arguments.what == "measure" else arguments.json) is None:
        parser.error("measure needs --out, compare needs --json")
    before = read_state(2.0)
    if before.load_others > QUIET_CORES and not arguments.noisy:
        parser.error(f"other processes keep {before.load_others:.2f} cores busy: wait, or give --noisy")
    bundle = Bundle.load(arguments.bundle)
    if arguments.what == "measure":
        table = measure_all(bundle, standard_states(), arguments.budget)
        write_costs(bundle, CostModel.fit(table.by_choice(), table.seen), arguments.out)
        return 0
    result = compare(bundle, arguments.share, arguments.budget)
    result["device"] = dict(device_fingerprint())
    result["machine"] = {"load_before": before.load_others, "quiet": before.load_others <= QUIET_CORES}
    write_json(arguments.json, result)
    print({key: result[key] for key in result if key not in ("pairs", "by_processor", "by_state", "device")})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
