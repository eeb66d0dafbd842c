"""What choosing costs an answer: image features, deciding, fusing, and where that time goes.

Every sample is answered by a bundle on the real runtime, so that each step is measured as an app meets it: after an
inference that has emptied the caches. The same steps repeated without inferences between them say what is left when
they are warm. What is done in the background, beside the inferences, is shown too.

    python benchmarks/overhead.py BUNDLE --samples DIR --json overhead.json
"""

import argparse
import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import compsel
from compsel.cli.tables import plain_table
from compsel.cli.terminal import TERMINAL
from compsel.device.fingerprint import device_fingerprint
from compsel.device.sampler import _RecentReadings
from compsel.features import EXTRACTORS
from compsel.runtime import stage_execution
from compsel.runtime.engine_pool import EnginePool
from compsel.runtime.runtime import Runtime
from compsel.selection.cascade.online import PlannedCascade
from compsel.variants.engine import Engine

_WARM = 200
_WIDTH, _HEIGHT = 640, 480

Steps = dict[str, dict[str, float]]


class Clock:
    """Times methods in place: when each call began and what it took, by name."""

    def __init__(self) -> None:
        self.begins_ns: dict[str, list[int]] = {}
        self.times_ms: dict[str, list[float]] = {}

    def watch(self, owner: Any, method: str, name: str) -> None:
        """Replace a method of a class or of an object, or a function of a module, by one that is timed."""
        inner = getattr(owner, method)
        times, begins = self.times_ms.setdefault(name, []), self.begins_ns.setdefault(name, [])

        @functools.wraps(inner)
        def timed(*arguments: Any, **options: Any) -> Any:
            begin = time.perf_counter_ns()
            result = inner(*arguments, **options)
            times.append((time.perf_counter_ns() - begin) / 1e6)
            begins.append(begin)
            return result

        setattr(owner, method, timed)


def timed_ms(step: Callable[[], object]) -> float:
    """Return what one call takes."""
    begin = time.perf_counter_ns()
    step()
    return (time.perf_counter_ns() - begin) / 1e6


def described(times_ms: list[float]) -> dict[str, float]:
    """Return count, median, 99th percentile and mean."""
    median, p99 = np.quantile(times_ms, [0.5, 0.99])
    return {
        "count": len(times_ms),
        "median_ms": float(median),
        "p99_ms": float(p99),
        "mean_ms": float(np.mean(times_ms)),
    }


def features(runtime: Runtime, samples: compsel.ImageFolder) -> Steps:
    """Time every extractor on images of 640 x 480 pixels: one image again and again, and others after inferences."""
    count = min(len(samples), _WARM)
    images = [cv2.resize(samples.value(index), (_WIDTH, _HEIGHT)) for index in range(count)]
    found: Steps = {}
    for name, kind in EXTRACTORS.items():
        extractor = kind()
        extractor.extract(images[0])
        again = functools.partial(extractor.extract, images[0])
        found[f"{name} features, 640x480, warm"] = described([timed_ms(again) for _ in range(_WARM)])
        times_ms = []
        for image in TERMINAL.track(images, f"{name} features"):
            runtime.answer(image)
            times_ms.append(timed_ms(functools.partial(extractor.extract, image)))
        found[f"{name} features, 640x480, after an inference"] = described(times_ms)
    return found


def answers(runtime: Runtime, samples: compsel.ImageFolder) -> tuple[Steps, dict[str, float]]:
    """Answer every sample; return the times of each step and the shares of the mean answer."""
    found, called_ms = [], []
    for index in TERMINAL.track(range(len(samples)), "answers"):
        value = samples.value(index)
        begin = time.perf_counter_ns()
        found.append(runtime.answer(value))
        called_ms.append((time.perf_counter_ns() - begin) / 1e6)
    chosen_ms = [answer.features_ms + answer.selector_ms for answer in found]
    around_ms = [call - sum(s.latency_ms for s in answer.stages) for call, answer in zip(called_ms, found, strict=True)]
    steps = {
        "answer, as its caller sees it": described(called_ms),
        "features, in an answer": described([answer.features_ms for answer in found]),
        "selector, in an answer": described([answer.selector_ms for answer in found]),
        "all but preprocessing and inference": described(around_ms),
    }
    for word, several in (("one stage", False), ("several stages", True)):
        some = [answer.selector_ms for answer in found if (len(answer.stages) > 1) == several]
        if some:
            steps[f"  selector, {word}"] = described(some)
    mean_ms = float(np.mean(called_ms))
    return steps, {
        "mean_answer_ms": mean_ms,
        "share_of_mean_answer": float(np.mean(chosen_ms)) / mean_ms,
        "share_of_medians": float(np.median(chosen_ms) / np.median(called_ms)),
    }


def profile(runtime: Runtime, samples: compsel.ImageFolder) -> tuple[Steps, dict[str, float]]:
    """Answer every sample again with every step timed; return the shares of what comes first, and the background's."""
    clock = Clock()
    clock.watch(runtime._plan_cache, "get", "  plan at once (else a plan stands ready)")
    clock.watch(EnginePool, "opened", "  find the engine")
    clock.watch(Engine, "prepare", "  prepare pixels")
    clock.watch(Engine, "answer", "  inference, with pixels")
    clock.watch(PlannedCascade, "next", "  decide what follows")
    clock.watch(stage_execution, "fuse_answers", "  fuse the answers")
    clock.watch(_RecentReadings, "sample", "  background: read the device's state")
    clock.watch(runtime._sampler, "_after_sample", "  background: learn, cost, plan")
    before_ms, called_ms = [], []
    inferences = clock.begins_ns["  inference, with pixels"]
    started = time.perf_counter()
    for index in TERMINAL.track(range(len(samples)), "profile"):
        value, done = samples.value(index), len(inferences)
        begin = time.perf_counter_ns()
        runtime.answer(value)
        called_ms.append((time.perf_counter_ns() - begin) / 1e6)
        if len(inferences) > done:
            before_ms.append((inferences[done] - begin) / 1e6)
    seconds = time.perf_counter() - started
    behind_ms = sum(sum(times) for name, times in clock.times_ms.items() if "background" in name)
    steps = {"before the first inference": described(before_ms)} if before_ms else {}
    steps |= {name: described(times) for name, times in clock.times_ms.items() if times}
    return steps, {
        "share_before_first_inference": float(np.sum(before_ms) / np.sum(called_ms)),
        "background_share_of_a_core": behind_ms / 1e3 / seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    samples = compsel.ImageFolder(arguments.samples)
    with compsel.load(arguments.bundle) as runtime:
        steps, shares = answers(runtime, samples)
        steps |= features(runtime, samples)
        profiled, more = profile(runtime, samples)
    steps, shares = steps | profiled, shares | more
    rows = [
        (name, step["count"], *(f"{step[f'{what}_ms']:.4f}" for what in ("median", "p99", "mean")))
        for name, step in steps.items()
    ]
    print(plain_table(rows, ("step", "count", "median ms", "p99 ms", "mean ms")))
    print(f"features and selector take {shares['share_of_mean_answer']:.2%} of the mean answer,")
    print(f"in the median {shares['share_of_medians']:.2%};")
    print(f"all that comes before the first inference {shares['share_before_first_inference']:.2%};")
    print(f"the background takes {shares['background_share_of_a_core']:.2%} of one core")
    if arguments.json:
        content = {"device": device_fingerprint(), "steps": steps, **shares}
        arguments.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
