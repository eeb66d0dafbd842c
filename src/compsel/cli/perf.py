"""`compsel perf`: a benchmark of models as they are, that people can quote."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.model_options import add_model_options, model_options
from compsel.cli.options import add_samples, samples_to_open
from compsel.cli.tables import print_table
from compsel.cli.terminal import TERMINAL
from compsel.storage.sizes import size_words

if TYPE_CHECKING:
    from compsel.evaluation.perf import PerfResult, PerfRow

__all__ = ["COMMAND"]

_BUSY_CORES = 0.2


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.onnx", help="several are timed in turns")
    parser.add_argument(
        "--processor",
        action="append",
        metavar="P",
        help="where to run (repeatable; default cpu:all; see compsel devices)",
    )
    add_samples(parser, required=False, use=" (default: made-up inputs)")
    add_model_options(parser)
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S", help="of timing, for each row (default 5)")
    parser.add_argument(
        "--no-memory", action="store_true", help="leave load time and memory out, which take a process each"
    )
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.verbs.perf import perf

    result = perf(
        arguments.models,
        samples_to_open(arguments),
        **model_options(arguments),
        processor=arguments.processor or "cpu:all",
        seconds=arguments.seconds,
        memory=not arguments.no_memory,
        reporter=TERMINAL,
    )
    _print(result)
    write_result(arguments.json, result.to_dict())
    return 0


def _print(result: "PerfResult") -> None:
    first, *others = result.rows
    figures = first.latency_ms
    print(
        f"{first.model} on {first.processor}: {figures['p50']:.3g} ms (p50), {figures['p99']:.3g} ms (p99), "
        f"{first.throughput_per_s:.4g} inferences a second, one at a time"
    )
    for row in others:
        assert row.speedup is not None
        one = row.speedup
        print(f"{row.model} on {row.processor}: {one.value:.2f} times as fast (95 %: {one.low:.2f} to {one.high:.2f})")
    print()
    latencies = ("p50", "p90", "p95", "p99", "mean")
    print_table(
        map(_cells, result.rows),
        ("model", "processor", *(f"{key} ms" for key in latencies), "per s", "runs", "load ms", "peak MB", "file"),
    )
    for row in result.rows:
        if not row.stable:
            print(f"{row.model} on {row.processor}: its latency was not stable after {row.warm_up_runs} warm-up runs")
        if row.placement != "wholly placed":
            print(f"{row.model} on {row.processor}: {row.placement}")
    device = result.device
    print(f"fed: {result.inputs}; inference only, no preprocessing; peak MB counts the interpreter")
    print(
        f"machine: {device['cpu']}, {device['usable_cores']} of {device['cores']} cores, {device['system']}, "
        f"{device['onnxruntime']}"
    )
    if result.load_others > _BUSY_CORES:
        print(
            f"this machine was not idle: others kept {result.load_others:.1f} cores busy just before: stop them, or "
            "say so where you quote this"
        )


def _cells(row: "PerfRow") -> tuple[str, ...]:
    return (
        row.model,
        row.processor,
        *(f"{row.latency_ms[key]:.3f}" for key in ("p50", "p90", "p95", "p99", "mean")),
        f"{row.throughput_per_s:.1f}",
        str(row.runs),
        "" if row.load_ms is None else f"{row.load_ms:.0f}",
        "" if row.peak_memory_mb is None else f"{row.peak_memory_mb:.0f}",
        size_words(row.size_mb),
    )


COMMAND = Command(
    "perf",
    "benchmark models as they are: percentiles, throughput, load time, memory, placement",
    "compsel perf model.onnx --processor cpu:1 --processor cpu:2 --json perf.json",
    _arguments,
    _run,
)
