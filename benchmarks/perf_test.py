"""`compsel perf` beside ONNX Runtime's own test tool and a bare timing loop, on the same models, in turns.

    python benchmarks/perf_test.py lite0.onnx minilm.onnx --rounds 5

ONNX Runtime's package brings `onnxruntime_test MODEL RUNS`: a mean over runs with default options, no warm-up. The
bare loop times `InferenceSession.run` with the options of the same processor after 50 runs: the median. What is
printed is the median over rounds, and the ratio of `compsel perf` to each.
"""

import argparse
import contextlib
import io
import re
import statistics
import time
from pathlib import Path

import onnxruntime
from onnxruntime.tools.onnxruntime_test import run_model

from compsel.evaluation.perf import perf
from compsel.inputs.modalities import modality_of
from compsel.models.model import Model
from compsel.models.ort_options import session_options
from compsel.models.synthetic_inputs import synthetic_inputs
from compsel.processors import CpuProcessor, parse

WARM_UP_RUNS = 50


def feeds_of(path: Path) -> list[dict]:
    model = Model.load(path)
    return [modality_of(model).feeds(model, value) for value in synthetic_inputs(model)]


def bare_loop(path: Path, feeds: list[dict], runs: int, threads: int) -> tuple[float, float]:
    """Return median and mean, ms."""
    session = onnxruntime.InferenceSession(str(path), session_options(threads, spinning=threads > 1))
    times_ms = []
    for run in range(-WARM_UP_RUNS, runs):
        begin = time.perf_counter_ns()
        session.run(None, feeds[run % len(feeds)])
        if run >= 0:
            times_ms.append((time.perf_counter_ns() - begin) / 1e6)
    return statistics.median(times_ms), statistics.fmean(times_ms)


def ort_tool(path: Path, feeds: list[dict], runs: int) -> float:
    """Return the mean that ONNX Runtime's tool prints, ms."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        run_model(str(path), runs, feeds=dict(feeds[0]), override_initializers=False)
    found = re.search(r"avg latency: ([\d.e-]+) ms", printed.getvalue())
    assert found is not None
    return float(found[1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--processor", default="cpu:all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    processor = parse(arguments.processor)
    assert isinstance(processor, CpuProcessor), "only processors of the CPU have a bare loop here"
    for path in arguments.models:
        feeds = feeds_of(path)
        rows = []
        for _ in range(arguments.rounds):
            [row] = perf(path, processors=[arguments.processor], seconds=arguments.seconds, memory=False).rows
            p50, mean = bare_loop(path, feeds, row.runs, processor.threads)
            rows.append((row.latency_ms["p50"], row.latency_ms["mean"], p50, mean, ort_tool(path, feeds, row.runs)))
        ours, ours_mean, bare, bare_mean, tool_mean = map(statistics.median, zip(*rows, strict=True))
        print(
            f"{path.name}: compsel perf p50 {ours:.3f} ms, mean {ours_mean:.3f}; bare loop p50 {bare:.3f} "
            f"({ours / bare - 1:+.1%}), mean {bare_mean:.3f} ({ours_mean / bare_mean - 1:+.1%}); onnxruntime_test mean "
            f"{tool_mean:.3f} ({ours_mean / tool_mean - 1:+.1%})"
        )


if __name__ == "__main__":
    main()
