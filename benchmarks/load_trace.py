"""The choice of the processor under changing load: adaptive against every choice that never changes.

One variant (EfficientNet-Lite0, int8) and a seeded trace of real load: 0, 1, 2, 4 busy processes and memory hogs,
changing every few seconds. The same inputs go through the adaptive runtime, through every processor, and through ONNX
Runtime with its own defaults, interleaved in short blocks in random order. The oracle is, for each state, the choice
with the least mean in that state on this very trace.

    python benchmarks/load_trace.py --json load_trace.json --picture load_trace.png

Needs a quiet machine (it looks before it starts); --noisy measures anyway, and the result says how busy it was.
"""

import argparse
import contextlib
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import compsel
from compsel.building.demo import calibration_samples
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.cli.tables import plain_table
from compsel.cli.terminal import TERMINAL
from compsel.device.fingerprint import device_fingerprint
from compsel.device.sampler import read_state
from compsel.inputs.modalities import open_samples
from compsel.inputs.samples import ArraySamples, Samples
from compsel.networks import build
from compsel.processors import CpuProcessor, OrtSession, Processor, discover, parse
from compsel.profiling.choices import Choices
from compsel.profiling.latency import Criterion, measure_latency
from compsel.profiling.latency_table import read_latency
from compsel.profiling.load import BusyProcesses
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from compsel.storage.files import write_json
from compsel.techniques import parse as parse_technique
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant
from compsel.variants.writer import write_variant

STATES = ("idle", "busy:1", "busy:2", "busy:4", "memory:1", "memory:2")
MOST_COMPUTE, MOST_MEMORY = 4, 2
SEGMENT_S = (2.0, 6.0)
# changes for the reaction alone: the adaptive runtime runs without the others, so that it is asked all the time
REACTION_SEGMENT_S, REACTION_S = (1.0, 2.0), 40.0
BLOCK = 2  # inferences of one policy in a row
PAUSE_S = 0.02  # by then threads of the last session that spin without end have gone to sleep: they would be load
QUIET_CORES = 0.15
ADAPTIVE, DEFAULTS = "adaptive", "onnxruntime defaults"
NEAR_BEST = 1.25


@dataclass(frozen=True)
class Row:
    """One inference of the trace."""

    time_s: float
    segment: int
    state: str
    policy: str
    processor: str
    latency_ms: float


class DefaultProcessor(CpuProcessor):
    """ONNX Runtime as it comes: its own number of threads, its own way of waiting."""

    def open(self, variant: Any) -> OrtSession:
        """Load with default options."""
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        return OrtSession(variant, options)


class PausableProcesses(BusyProcesses):
    """Busy processes that can be stopped, and are busy again at once."""

    def pause(self) -> None:
        """Stop the processes; they stay."""
        for process in self.processes:
            process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let paused processes go on."""
        for process in self.processes:
            process.send_signal(signal.SIGCONT)


class Trace:
    """Makes states: all load processes exist from the start and are stopped, so that a state begins at once."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._compute: list[PausableProcesses] = []
        self._memory: list[PausableProcesses] = []

    def __enter__(self) -> "Trace":
        for kept, kind, count in ((self._compute, "compute", MOST_COMPUTE), (self._memory, "memory", MOST_MEMORY)):
            for _ in range(count):
                load = self._stack.enter_context(PausableProcesses(1, kind))
                load.pause()
                kept.append(load)
        return self

    def __exit__(self, *_: object) -> None:
        for load in (*self._compute, *self._memory):
            load.resume()
        self._stack.close()

    def become(self, state: str) -> None:
        """Bring about a state."""
        kind, _, count = state.partition(":")
        for word, loads in (("busy", self._compute), ("memory", self._memory)):
            for number, load in enumerate(loads):
                (load.resume if kind == word and number < int(count) else load.pause)()


def make_bundle(samples: Samples, folder: Path, processors: Sequence[Processor], budget_s: float) -> Path:
    """Quantise EfficientNet-Lite0, measure it in the states, write a bundle whose policy leaves the processor open."""
    model = parse_technique("int8-static").apply(build("efficientnet-lite0", weights="imagenet"), calibration_samples())
    variant = write_variant(model, folder / "variants", "logits")
    criterion = Criterion(budget_s=budget_s)
    choices = Choices([variant], processors, folder / "variants")
    measure_latency(choices, STATES, samples, folder, criterion, TERMINAL)
    latency = read_latency(folder)
    assert latency is not None
    costs = CostModel.fit(latency.by_choice(), latency.seen)
    policies = {"adaptive": FixedPolicy(variant.name)}
    content = BundleContent(
        (variant,), folder / "variants", policies, {}, Objective(), {variant.name: 1.0}, costs, {"penalty_ms": 1.0}
    )
    write_bundle(content, folder / "bundle")
    return folder / "bundle"


def run_trace(
    runtime: compsel.Runtime,
    statics: dict[str, Engine],
    samples: Samples,
    seconds: float,
    seed: int,
    segment_s: tuple[float, float] = SEGMENT_S,
) -> tuple[list[Row], list[float]]:
    """Return every inference, and when each segment began."""
    generator = np.random.default_rng(seed)
    values = [samples.value(index) for index in range(min(len(samples), 64))]
    rows: list[Row] = []
    begins: list[float] = []

    def adaptive(value: np.ndarray) -> str:
        return runtime.answer(value).stages[-1].processor

    def static(engine: Engine, word: str) -> Callable[[np.ndarray], str]:
        def call(value: np.ndarray) -> str:
            engine(value)
            return word

        return call

    calls = {ADAPTIVE: adaptive} | {name: static(engine, name) for name, engine in statics.items()}
    names = list(calls)
    for call in calls.values():
        for value in values[:3]:
            call(value)
    with Trace() as trace:
        start = time.perf_counter()
        state, number = "idle", 0
        while (now := time.perf_counter() - start) < seconds:
            trace.become(state)
            begins.append(now)
            end = now + generator.uniform(*segment_s)
            while time.perf_counter() - start < end:
                block = [values[(number + offset) % len(values)] for offset in range(BLOCK)]
                number += BLOCK
                for position in generator.permutation(len(names)):
                    name = names[position]
                    time.sleep(PAUSE_S)
                    for value in block:
                        begin = time.perf_counter()
                        processor = calls[name](value)
                        latency_ms = (time.perf_counter() - begin) * 1e3
                        rows.append(Row(begin - start, len(begins) - 1, state, name, processor, latency_ms))
            state = str(generator.choice([word for word in STATES if word != state]))
    return rows, begins


def summarise(rows: Sequence[Row], alone: Sequence[Row], begins: Sequence[float]) -> dict[str, Any]:
    """Return the figures of every policy, the table by state, and the adaptive one beside static and oracle.

    `alone` and `begins` are the run of the adaptive runtime without the others.
    """
    names = list(dict.fromkeys(row.policy for row in rows))
    means = {
        state: {
            name: float(np.mean([r.latency_ms for r in rows if (r.state, r.policy) == (state, name)])) for name in names
        }
        for state in dict.fromkeys(row.state for row in rows)
    }
    counts = {state: sum((r.state, r.policy) == (state, ADAPTIVE) for r in rows) for state in means}
    statics = [name for name in names if name != ADAPTIVE]
    chosen = [name for name in statics if name != DEFAULTS]
    overall = {name: float(np.mean([r.latency_ms for r in rows if r.policy == name])) for name in names}
    oracle_ms = sum(counts[s] * min(means[s][name] for name in statics) for s in means) / sum(counts.values())
    best = min(statics, key=overall.__getitem__)
    reactions = reaction_times(alone, begins, {s: {name: means[s][name] for name in chosen} for s in means})
    return {
        "policies": {name: _figures([r.latency_ms for r in rows if r.policy == name]) for name in names},
        "states": {state: {"inferences": counts[state], "mean_ms": means[state]} for state in means},
        "summary": {
            "speedup_vs_best_static": overall[best] / overall[ADAPTIVE],
            "ratio_to_oracle": overall[ADAPTIVE] / oracle_ms,
            "reaction_ms": float(np.median(reactions)) if reactions else None,
            "reaction_p95_ms": float(np.quantile(reactions, 0.95)) if reactions else None,
            "reactions": len(reactions),
            "best_static": best,
            "oracle_ms": oracle_ms,
            "oracle_speedup_vs_best_static": overall[best] / oracle_ms,
            "speedup_vs_defaults": overall[DEFAULTS] / overall[ADAPTIVE],
        },
    }


def _figures(latencies_ms: Sequence[float]) -> dict[str, float]:
    values = np.array(latencies_ms)
    return {
        "mean_ms": float(values.mean()),
        "p50_ms": float(np.median(values)),
        "p95_ms": float(np.quantile(values, 0.95)),
        "p99_ms": float(np.quantile(values, 0.99)),
        "missed_10ms": float((values > 10).mean()),
        "missed_20ms": float((values > 20).mean()),
    }


def reaction_times(rows: Sequence[Row], begins: Sequence[float], means: dict[str, dict[str, float]]) -> list[float]:
    """Return, for each change that made the last choice a bad one, how long the adaptive runtime stayed with it.

    Bad is a choice whose mean in the new state is more than a quarter above the best one's; times in ms, from the
    change to the start of the first inference on a choice that is not bad. A change that is never followed counts as
    its whole segment.
    """
    found, last = [], ""
    adaptive = [row for row in rows if row.policy == ADAPTIVE]
    for segment, begin in enumerate(begins):
        inside = [row for row in adaptive if row.segment == segment]
        if not inside or inside[0].state not in means:
            continue
        in_state = means[inside[0].state]
        good = {name for name, mean in in_state.items() if mean <= NEAR_BEST * min(in_state.values())}
        if last and last not in good:
            first = next((row.time_s for row in inside if row.processor in good), inside[-1].time_s)
            found.append((first - begin) * 1e3)
        last = inside[-1].processor
    return found


def draw(rows: Sequence[Row], begins: Sequence[float], path: Path) -> None:
    """Draw latency over time, a point a second and policy, the states behind it, and what the runtime chose."""
    from matplotlib import pyplot

    names = list(dict.fromkeys(row.policy for row in rows))
    words = sorted({row.processor for row in rows if row.policy == ADAPTIVE})
    figure, (above, below) = pyplot.subplots(
        2, 1, figsize=(14, 7), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    last = max(row.time_s for row in rows)
    state_of = {row.segment: row.state for row in rows}
    for number, begin in enumerate(begins):
        end = begins[number + 1] if number + 1 < len(begins) else last
        above.axvspan(begin, end, alpha=0.05 + 0.05 * STATES.index(state_of.get(number, "idle")), color="grey", lw=0)
        above.text(begin, 1.0, state_of.get(number, ""), transform=above.get_xaxis_transform(), fontsize=6, rotation=45)
    for name in names:
        mine = [row for row in rows if row.policy == name]
        seconds = sorted({int(row.time_s) for row in mine})
        medians = [np.median([row.latency_ms for row in mine if int(row.time_s) == second]) for second in seconds]
        above.plot(
            seconds, medians, label=name, lw=2.5 if name == ADAPTIVE else 0.9, zorder=3 if name == ADAPTIVE else 2
        )
    above.set(yscale="log", ylabel="latency, median of a second [ms]")
    above.legend(loc="upper right", fontsize=8)
    mine = [row for row in rows if row.policy == ADAPTIVE]
    below.plot([row.time_s for row in mine], [words.index(row.processor) for row in mine], ".", ms=2)
    below.set(yticks=range(len(words)), yticklabels=words, xlabel="time [s]", ylabel="chosen")
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def left_out(costs: CostModel) -> dict[str, Any]:
    """Return the error of the cost model in each state when it was not measured there."""
    errors = np.abs(np.expm1(np.abs(costs.left_out_error())))
    return {
        "median": float(np.median(errors)),
        "by_state": {name: float(np.median(row)) for name, row in zip(costs.names, errors, strict=True)},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--samples", type=Path, help="folder of images (default: crops of scikit-image's photographs)")
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=8.0, help="seconds of measuring per state (default 8)")
    parser.add_argument("--processor", action="append", help="only these (default: every CPU processor that works)")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--noisy", action="store_true", help="measure although the machine is busy")
    arguments = parser.parse_args()
    before = read_state(2.0)
    if before.load_others > QUIET_CORES and not arguments.noisy:
        parser.error(f"other processes keep {before.load_others:.2f} cores busy: wait, or give --noisy")
    samples = open_samples(arguments.samples) if arguments.samples else calibration_samples()
    samples = ArraySamples([sample.value for sample in samples.spread(64)])
    found = [processor for processor, here in discover() if here.available and processor.name.startswith("cpu:")]
    processors = [parse(word) for word in arguments.processor] if arguments.processor else found
    with tempfile.TemporaryDirectory() as folder:
        bundle = make_bundle(samples, Path(folder), processors, arguments.budget)
        with compsel.load(bundle) as runtime:
            variant: Variant = next(iter(runtime.bundle.variants.values()))
            statics = {p.name: Engine(variant, bundle / "variants", p) for p in processors}
            statics[DEFAULTS] = Engine(variant, bundle / "variants", DefaultProcessor(1))
            rows, begins = run_trace(runtime, statics, samples, arguments.seconds, arguments.seed)
            alone, changes = run_trace(runtime, {}, samples, REACTION_S, arguments.seed + 1, REACTION_SEGMENT_S)
            costs = runtime.costs
    result = summarise(rows, alone, changes)
    result["cost_model"] = {"left_out_error": left_out(costs), "profile": costs.to_dict()}
    result["device"] = dict(device_fingerprint())
    result["machine"] = {"load_before": before.load_others, "quiet": before.load_others <= QUIET_CORES}
    result["trace"] = {"seconds": arguments.seconds, "seed": arguments.seed, "changes": len(begins) - 1}
    write_json(arguments.json, result)
    if arguments.picture:
        draw(rows, begins, arguments.picture)
    print(
        plain_table(
            [(name, *(f"{value:.2f}" for value in figures.values())) for name, figures in result["policies"].items()],
            ("policy", "mean ms", "p50", "p95", "p99", "> 10 ms", "> 20 ms"),
        )
    )
    for state, content in result["states"].items():
        print(state, {name: round(value, 2) for name, value in content["mean_ms"].items()})
    print(result["summary"], "unseen state: error", result["cost_model"]["left_out_error"])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
