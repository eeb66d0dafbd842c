"""The choice of the processor by the size of each input: against the best that never changes, and the oracle.

A text encoder (MiniLM of six layers, 384 wide, with a classification head; random weights, for times do not depend on
them) and a seeded trace of texts of 5 to
200 tokens under two loads that alternate: none, and one busy process. Every text goes through every processor, through
the runtime as it is, and through the runtime with costs that know no sizes; in random order, one after the other. The
oracle is the processor with the least mean for texts of such a length in that state, on this very trace.

The cost model is fitted to a few sizes, as a build measures them, and judged at others that were timed in the same
rounds.

    python benchmarks/sizes.py --tokenizer tokenizer.json --json sizes.json

Needs a quiet machine (it looks before it starts); --noisy measures anyway, and the result says how busy it was.
"""

import argparse
import itertools
import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import compsel
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.cli.tables import plain_table
from compsel.cli.terminal import TERMINAL
from compsel.device.fingerprint import device_fingerprint
from compsel.device.sampler import DeviceSampler, read_state
from compsel.inputs.samples import ArraySamples
from compsel.inputs.text import TEXT
from compsel.networks import build
from compsel.processors import parse
from compsel.profiling.confidence_intervals import bootstrap_sums
from compsel.profiling.latency import Criterion, TimedChoice, device_numbers, time_choices
from compsel.profiling.latency_table import LatencyTable
from compsel.profiling.load import parse_state
from compsel.profiling.sizes import InputsOfSize, MeasuredSizes, choose_sizes
from compsel.selection.costs.fitting import fit_costs
from compsel.selection.costs.model import CostModel
from compsel.selection.costs.sizes import bucket_of
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from compsel.storage.files import write_json
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant
from compsel.variants.writer import write_variant

STATES = ("idle", "busy:1")
PROCESSORS = ("cpu:1", "cpu:2", "cpu:2:nospin")
SHORTEST, LONGEST = 5, 200
UNMEASURED = (7, 10, 14, 30, 40, 80, 110, 140, 190)
SEGMENT_S = 4.0
PAUSE_S = 0.02  # by then threads of the last session that spin have gone to sleep: they would be load
SETTLE_S = 0.3  # a state begins: the runtime has to see it, as do the processes that make it
QUIET_CORES = 0.15
ADAPTIVE, BLIND = "adaptive", "adaptive, without sizes"
SENTENCES = (
    "please turn off the lights in the kitchen and in the hall when everybody has left the house tonight",
    "how long does it take to fly from here to the other side of the world with one stop on the way",
    "my card was charged twice for the same meal last week, and I would like to have the money back soon",
)


@dataclass(frozen=True)
class Row:
    """One text through one policy."""

    segment: int
    state: str
    tokens: float
    text: int
    policy: str
    processor: str
    latency_ms: float


def texts(variant: Variant, count: int, seed: int) -> list[tuple[float, str]]:
    """Return texts of so many tokens, evenly spread in the logarithm of their length, in random order."""
    generator = np.random.default_rng(seed)
    lengths = np.exp(generator.uniform(math.log(SHORTEST), math.log(LONGEST), count))
    made = [TEXT.resized(SENTENCES[number % 3], float(length), variant) for number, length in enumerate(lengths)]
    return [(TEXT.size(text, variant), text) for text in made]


def measure(
    engines: Sequence[Engine], sizes: MeasuredSizes, more: Sequence[InputsOfSize], budget_s: float
) -> tuple[LatencyTable, dict[tuple[str, str, float], float]]:
    """Return the latencies at the sizes of a build, and the means at more sizes by processor, state and size."""
    usual = (sizes.usual, *sizes.others)
    timed = [TimedChoice(engine, inputs=inputs) for inputs in (*usual, *more) for engine in engines]
    rows: list[tuple[str, str, str, float, float]] = []
    seen = {}
    means = {}
    with DeviceSampler() as sampler:
        for state in STATES:
            with parse_state(state):
                time.sleep(SETTLE_S)
                criterion = Criterion(budget_s=budget_s, min_runs=15)
                seen[state] = device_numbers(time_choices(timed, [], criterion, sampler, TERMINAL, f"latency, {state}"))
            for number, choice in enumerate(timed):
                if number < len(usual) * len(engines):
                    rows += [(*choice.key, state, choice.size, latency_ms) for latency_ms in choice.latencies_ms]
                else:
                    means[choice.key[1], state, choice.size] = float(np.mean(choice.latencies_ms))
    variants, processors, states, at, latencies = zip(*rows, strict=True)
    table = LatencyTable(
        variants, processors, states, np.array(latencies), seen, np.array(at), sizes.usual.size, sizes.unit,
        sizes.sized_by,
    )  # fmt: skip
    return table, means


def interpolation(costs: CostModel, means: Mapping[tuple[str, str, float], float]) -> dict[str, Any]:
    """Return the error of the cost model at sizes that it was not fitted to."""
    errors = []
    for (processor, state, size), measured in means.items():
        where = costs.states[costs.names.index(state)]
        column = [word for _, word in costs.choices].index(processor)
        predicted = float(costs.at(where, size)[column])
        errors.append((processor, state, size, predicted, measured, abs(predicted / measured - 1)))
    every = np.array([error for *_, error in errors])
    return {
        "fitted_to": costs.sizes.tolist(),
        "median": float(np.median(every)),
        "p90": float(np.quantile(every, 0.9)),
        "largest": float(every.max()),
        "by_state": {state: float(np.median([e[-1] for e in errors if e[1] == state])) for state in STATES},
        "left_out": float(np.median(np.abs(np.expm1(costs.left_out_size_error())))),
        "rows": [
            dict(zip(("processor", "state", "tokens", "predicted_ms", "measured_ms", "error"), row, strict=True))
            for row in errors
        ],
    }


def make_bundle(variant: Variant, files: Path, costs: CostModel, out: Path) -> Path:
    """Write a bundle whose policy leaves the processor open."""
    policies = {"adaptive": FixedPolicy(variant.name)}
    quality = {variant.name: 1.0}
    content = BundleContent((variant,), files, policies, {}, Objective(), quality, costs, {"penalty_ms": 1.0})
    write_bundle(content, out)
    return out


def run_trace(
    calls: Mapping[str, Callable[[str], str]], inputs: Sequence[tuple[float, str]], seconds: float, seed: int
) -> list[Row]:
    """Return every inference: each text through all policies, in random order; states take turns."""
    generator = np.random.default_rng(seed)
    rows: list[Row] = []
    names = list(calls)
    for call, (_, text) in itertools.product(calls.values(), inputs[:3]):
        call(text)
    number, end = 0, time.perf_counter() + seconds
    for segment, state in enumerate(itertools.cycle(STATES)):
        if time.perf_counter() > end:
            return rows
        with parse_state(state):
            time.sleep(SETTLE_S)
            until = time.perf_counter() + SEGMENT_S
            while time.perf_counter() < until:
                tokens, text = inputs[number % len(inputs)]
                for position in generator.permutation(len(names)):
                    time.sleep(PAUSE_S)
                    begin = time.perf_counter_ns()
                    processor = calls[names[position]](text)
                    latency_ms = (time.perf_counter_ns() - begin) / 1e6
                    rows.append(Row(segment, state, tokens, number, names[position], processor, latency_ms))
                number += 1
    return rows


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """Return means, ratios with 95 % intervals, and what was best at which length."""
    by_text: dict[int, dict[str, Row]] = {}
    for row in rows:
        by_text.setdefault(row.text, {})[row.policy] = row
    # a coarser bucket than the runtime's: enough texts for a mean
    cells = {number: (one[ADAPTIVE].state, bucket_of(one[ADAPTIVE].tokens) // 4) for number, one in by_text.items()}
    means = {
        (cell, word): float(np.mean([one[word].latency_ms for number, one in by_text.items() if cells[number] == cell]))
        for cell in set(cells.values())
        for word in PROCESSORS
    }
    best = {cell: min(PROCESSORS, key=lambda word: means[cell, word]) for cell in set(cells.values())}
    oracle = [one[best[cells[number]]].latency_ms for number, one in by_text.items()]
    columns = {name: [one[name].latency_ms for one in by_text.values()] for name in (*PROCESSORS, ADAPTIVE, BLIND)}
    columns["oracle"] = oracle
    names = list(columns)
    segments = np.unique([one[ADAPTIVE].segment for one in by_text.values()], return_inverse=True)[1]
    table = np.stack([columns[name] for name in names], axis=1)
    drawn = bootstrap_sums(table, segments)
    sums = table.sum(axis=0)
    fixed = min(PROCESSORS, key=lambda word: sums[names.index(word)])

    def ratio(above: str, below: str) -> dict[str, Any]:
        a, b = names.index(above), names.index(below)
        return {
            "ratio": float(sums[a] / sums[b]),
            "ratio_95": np.quantile(drawn[:, a] / drawn[:, b], (0.025, 0.975)).tolist(),
        }

    return {
        "texts": len(by_text),
        "mean_ms": {name: float(sums[number] / len(by_text)) for number, name in enumerate(names)},
        "best_fixed": fixed,
        "speedup_vs_best_fixed": ratio(fixed, ADAPTIVE),
        "speedup_vs_without_sizes": ratio(BLIND, ADAPTIVE),
        "oracle_speedup_vs_best_fixed": ratio(fixed, "oracle"),
        "ratio_to_oracle": ratio(ADAPTIVE, "oracle"),
        "cells": [
            {
                "state": state,
                "tokens": round(float(np.mean([rows_of[ADAPTIVE].tokens for rows_of in inside])), 1),
                "texts": len(inside),
                "best": best[state, cell],
                "mean_ms": {
                    word: float(np.mean([one[word].latency_ms for one in inside]))
                    for word in (*PROCESSORS, ADAPTIVE, BLIND)
                },
                "chosen": {
                    word: sum(one[ADAPTIVE].processor == word for one in inside) / len(inside) for word in PROCESSORS
                },
            }
            for state, cell in sorted(best)
            for inside in [[one for number, one in by_text.items() if cells[number] == (state, cell)]]
        ],
    }


def measured(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Do it all; return the result."""
    model = build("minilm-l6", tokenizer=arguments.tokenizer, classes=150)
    files = folder / "variants"
    variant = write_variant(model, files, "logits")
    inputs = texts(variant, 400, arguments.seed)
    sizes = choose_sizes([variant], ArraySamples([text for _, text in inputs]))
    unmeasured = [TEXT.resized(SENTENCES[0], size, variant) for size in UNMEASURED]
    more = [InputsOfSize(TEXT.size(text, variant), [text]) for text in unmeasured]
    engines = {word: Engine(variant, files, parse(word)) for word in PROCESSORS}
    table, means = measure(list(engines.values()), sizes, more, arguments.budget)
    costs = fit_costs(table)
    bundles = {
        ADAPTIVE: make_bundle(variant, files, costs, folder / "sized"),
        BLIND: make_bundle(variant, files, replace(costs, by_size=None), folder / "blind"),
    }
    with ExitStack() as stack:
        runtimes = {name: stack.enter_context(compsel.load(bundle)) for name, bundle in bundles.items()}

        def through(runtime: compsel.Runtime) -> Callable[[str], str]:
            return lambda text: runtime(text).stages[-1].processor

        def on(word: str) -> Callable[[str], str]:
            return lambda text: (engines[word](text), word)[1]

        calls = {word: on(word) for word in PROCESSORS} | {name: through(one) for name, one in runtimes.items()}
        rows = run_trace(calls, inputs, arguments.seconds, arguments.seed)
    return {
        "cost_model": interpolation(costs, means),
        **summarise(rows),
        "costs": costs.to_dict(),
        "device": dict(device_fingerprint()),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json of all-MiniLM-L6-v2")
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=40.0, help="seconds of measuring per state (default 40)")
    parser.add_argument("--noisy", action="store_true", help="measure although the machine is busy")
    arguments = parser.parse_args()
    before = read_state(2.0)
    if before.load_others > QUIET_CORES and not arguments.noisy:
        parser.error(f"other processes keep {before.load_others:.2f} cores busy: wait, or give --noisy")
    with tempfile.TemporaryDirectory() as folder:
        result = measured(arguments, Path(folder))
    result["machine"] = {"load_before": before.load_others, "quiet": before.load_others <= QUIET_CORES}
    write_json(arguments.json, result)
    rows = [
        (cell["state"], cell["tokens"], cell["texts"], cell["best"], *(f"{ms:.2f}" for ms in cell["mean_ms"].values()),
         " ".join(f"{word} {share:.0%}" for word, share in cell["chosen"].items() if share))
        for cell in result["cells"]
    ]  # fmt: skip
    print(
        plain_table(
            rows,
            ("state", "tokens", "texts", "best", *(f"{word} ms" for word in (*PROCESSORS, ADAPTIVE, BLIND)), "chosen"),
        )
    )
    print({name: round(value, 2) for name, value in result["mean_ms"].items()})
    for name in (
        "speedup_vs_best_fixed",
        "speedup_vs_without_sizes",
        "oracle_speedup_vs_best_fixed",
        "ratio_to_oracle",
    ):
        print(name, result["best_fixed"] if "fixed" in name else "", result[name])
    model = result["cost_model"]
    print("error at sizes that were not measured:", {key: value for key, value in model.items() if key != "rows"})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
