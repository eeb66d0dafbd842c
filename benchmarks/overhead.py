"""What choosing costs an answer: image features, planning, deciding, fusing, and where that time goes.

Every sample is answered by a bundle on the real runtime, so that each step is measured as an app meets it: after an
inference that has emptied the caches. The same steps repeated without inferences between them say what is left when
they are warm.

    python benchmarks/overhead.py BUNDLE --samples DIR --json overhead.json
"""

import argparse
import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import compsel
from compsel.cli.base import progress, table
from compsel.features import EXTRACTORS
from compsel.features.fingerprint import device_fingerprint
from compsel.runtime.dispatch import Runtime
from compsel.variant import Engine

_WARM = 200
_SIZE = (480, 640, 3)


class Clock:
    """Times methods in place: what each call took, by name."""

    def __init__(self) -> None:
        self.times_ms: dict[str, list[float]] = {}

    def watch(self, owner: Any, method: str, name: str) -> None:
        """Replace a method of a class or of an object by one that is timed."""
        inner = getattr(owner, method)
        times = self.times_ms.setdefault(name, [])

        @functools.wraps(inner)
        def timed(*arguments: Any, **options: Any) -> Any:
            begin = time.perf_counter_ns()
            result = inner(*arguments, **options)
            times.append((time.perf_counter_ns() - begin) / 1e6)
            return result

        setattr(owner, method, timed)


def warm(step: Callable[[], object]) -> list[float]:
    """Return the times (ms) of a step that is repeated alone."""
    times = []
    for _ in range(_WARM):
        begin = time.perf_counter_ns()
        step()
        times.append((time.perf_counter_ns() - begin) / 1e6)
    return times


def described(times_ms: list[float]) -> dict[str, float]:
    """Return count, median and p99."""
    median, p99 = np.quantile(times_ms, [0.5, 0.99])
    return {"count": len(times_ms), "median_ms": float(median), "p99_ms": float(p99)}


def features() -> dict[str, dict[str, float]]:
    """Time every extractor on an image of 640 x 480 pixels."""
    image = np.random.default_rng(0).integers(0, 256, _SIZE, np.uint8)
    found = {}
    for name, kind in EXTRACTORS.items():
        extractor = kind()
        extractor.extract(image)
        found[f"{name} features, 640x480, warm"] = described(warm(functools.partial(extractor.extract, image)))
    return found


def answers(runtime: Runtime, samples: compsel.ImageFolder) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Answer every sample; return the times of each step and the shares of the mean answer."""
    plain = [runtime.answer(samples.value(index)) for index in progress(range(len(samples)), "answers")]
    mean = float(np.mean([answer.latency_ms for answer in plain]))
    overhead = [answer.features_ms + answer.selector_ms for answer in plain]
    steps = {
        "answer": described([answer.latency_ms for answer in plain]),
        "features, in an answer": described([answer.features_ms for answer in plain]),
        "selector, in an answer": described([answer.selector_ms for answer in plain]),
    }
    shares = {"mean_answer_ms": mean, "share_of_mean_answer": float(np.mean(overhead)) / mean}
    return steps, shares


def profile(runtime: Runtime, samples: compsel.ImageFolder) -> dict[str, dict[str, float]]:
    """Answer every sample again with every step timed."""
    clock = Clock()
    clock.watch(runtime._sampler, "state", "  read the device's state")
    clock.watch(runtime._feedback.live, "now", "  prices of the moment")
    clock.watch(runtime._planner, "plan", "  find the plan")
    clock.watch(Engine, "prepare", "  prepare pixels")
    clock.watch(Engine, "answer", "  inference, with pixels")
    clock.watch(runtime, "_learn", "  learn from the latency")
    clock.watch(runtime, "_next", "  decide what follows")
    for index in progress(range(len(samples)), "profile"):
        runtime.answer(samples.value(index))
    return {name: described(times) for name, times in clock.times_ms.items() if times}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    samples = compsel.ImageFolder(arguments.samples)
    steps = features()
    with compsel.load(arguments.bundle) as runtime:
        measured, shares = answers(runtime, samples)
        steps |= measured
        steps |= profile(runtime, samples)
    rows = [(n, s["count"], f"{s['median_ms']:.4f}", f"{s['p99_ms']:.4f}") for n, s in steps.items()]
    print(table(rows, ("step", "count", "median ms", "p99 ms")))
    print(f"features and selector take {shares['share_of_mean_answer']:.2%} of the mean answer")
    if arguments.json:
        content = {"device": device_fingerprint(), "steps": steps, **shares}
        arguments.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
