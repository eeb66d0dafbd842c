"""Soak: a runtime under changing load, with faults at random, beside answers that are known to be right.

python benchmarks/soak.py BUNDLE [--minutes 10] [--seed 0] [--json FILE]      BUNDLE: classifies images

The bundle is copied; each of its variants runs on two processors that are the CPU's, and misbehave when told to. All
faults are injected: see `soak_parts/faults.py`. Ends with status 1 where an answer was wrong, an error untyped, a
caller did not come back, or memory, threads or open files grew after the first minute.
"""

import argparse
import json
import logging
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

import compsel
from compsel.errors import CompselError
from compsel.runtime import Runtime
from soak_parts.callers import Callers, bad_inputs
from soak_parts.faults import Faults
from soak_parts.faulty_processors import register
from soak_parts.soaked_bundle import Expected, copy_for_soak

INPUTS, MOST_CALLERS = 12, 16
SAMPLE_S, FORK_EVERY_S = 5.0, 60.0
_GROWTH = {"memory_mb": 1.1, "threads": 1.5, "open_files": 1.1}
_LONG_S = 120.0  # a shorter run does not tell growth from a start
_now_s = time.perf_counter


def spin(seconds: float) -> None:
    """Keep a core busy: the neighbour."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        sum(range(1000))


class Soak:
    """One run: the load, the faults, and what was seen."""

    def __init__(self, runtime: Runtime, callers: Callers, faults: Faults, chance: np.random.Generator) -> None:
        self._runtime, self._callers, self._faults, self._chance = runtime, callers, faults, chance
        self.samples: list[dict[str, float]] = []
        self.fault_counts: Counter[str] = Counter()
        self.recovery_s: dict[str, list[float]] = defaultdict(list)
        self.children: Counter[str] = Counter()
        self._process = psutil.Process()

    def run(self, seconds: float) -> None:
        """Change load and inject faults until the time is over."""
        begin_s = self._fork_s = _now_s()
        watch = threading.Thread(target=self._watch, args=(begin_s, seconds))
        watch.start()
        while (left_s := begin_s + seconds - _now_s()) > 0:
            self._change_load()
            name = str(self._chance.choice(list(self._faults.kinds)))
            print(f"{_now_s() - begin_s:6.0f} s  {self._callers.active:2d} callers  injected: {name}", file=sys.stderr)
            self.fault_counts[name] += 1
            with self._faults.kinds[name]():
                time.sleep(min(self._chance.uniform(0.3, 3.0), left_s))
            self._recover(name)
            if _now_s() - self._fork_s > FORK_EVERY_S:
                self._fork()
        watch.join()

    def _change_load(self) -> None:
        self._callers.active = int(self._chance.choice((1, 2, 4, 8, MOST_CALLERS)))
        self._callers.pause_s = float(self._chance.choice((0.0, 0.0, 0.01, 0.1)))
        if self._chance.random() < 0.3:
            multiprocessing.get_context("spawn").Process(target=spin, args=(3.0,), daemon=True).start()

    def _recover(self, name: str) -> None:
        """Wait until an answer says that nothing is wrong any more, a few seconds at most."""
        ended_s = _now_s()
        while _now_s() - ended_s < 5.0 and self._callers.last_clean_s <= ended_s:
            time.sleep(0.01)
        self.recovery_s[name].append(_now_s() - ended_s)

    def _fork(self) -> None:
        """A child of the process answers once, and ends."""
        self._fork_s = _now_s()
        child = os.fork()
        if child == 0:
            try:
                answer = self._runtime(np.zeros((64, 64, 3), np.uint8))
                os._exit(0 if answer.stages else 2)
            except CompselError:
                os._exit(3)
            except BaseException:
                os._exit(4)
        until_s = _now_s() + 30
        while _now_s() < until_s:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                said = {0: "answered", 3: "typed error"}.get(os.waitstatus_to_exitcode(status), "failed")
                self.children[said] += 1
                return
            time.sleep(0.02)
        os.kill(child, 9)
        os.waitpid(child, 0)
        self.children["hung"] += 1

    def _watch(self, begin_s: float, seconds: float) -> None:
        while _now_s() - begin_s < seconds:
            memory = self._process.memory_info().rss / 1e6
            sample = {"second": _now_s() - begin_s, "memory_mb": memory, "threads": self._process.num_threads()}
            engines = len(self._runtime.stats().engines_open)
            self.samples.append({**sample, "open_files": self._process.num_fds(), "engines": engines})
            time.sleep(min(SAMPLE_S, seconds / 20))

    def growth(self) -> dict[str, list[float]]:
        """Return what was held after the first minute (tenth of a shorter run), and at the end.

        Memory depends on how many engines are open, which faults change: a straight line over both, engines and time,
        tells what time adds; it is given at the median number of engines. Others are medians of the first and last
        quarters.
        """
        last = self.samples[-1]["second"]
        after = [one for one in self.samples if one["second"] >= min(60.0, last / 10)]
        quarter = max(1, len(after) // 4)
        found = {
            key: [
                round(float(np.median([one[key] for one in part])), 1) for part in (after[:quarter], after[-quarter:])
            ]
            for key in _GROWTH
        }
        seconds, engines = (np.array([one[key] for one in after]) for key in ("second", "engines"))
        table = np.column_stack((np.ones(len(after)), engines, seconds))
        line = np.linalg.lstsq(table, np.array([one["memory_mb"] for one in after]), rcond=None)[0]
        ends = ([1.0, float(np.median(engines)), float(end)] for end in (seconds[0], seconds[-1]))
        found["memory_mb"] = [round(float(end @ line), 1) for end in map(np.array, ends)]
        return found


def measure(bundle: Path, seconds: float, seed: int, folder: Path) -> dict[str, Any]:
    numbers = chance = np.random.default_rng(seed)
    images = [numbers.integers(0, 256, (96, 80, 3), np.uint8) for _ in range(INPUTS)]
    encoded = [cv2.imencode(".png", image[:, :, ::-1])[1].tobytes() for image in images]
    processors = register()
    copy_for_soak(bundle, folder / "bundle")
    expected = Expected(folder / "bundle", images)
    records = folder / "records"
    runtime = compsel.load(folder / "bundle", record=records)
    callers = Callers(
        runtime, list(zip(images, encoded, strict=True)), expected, bad_inputs(encoded[0]), seed, MOST_CALLERS
    )
    soak = Soak(runtime, callers, Faults(folder / "bundle", processors, chance), chance)
    callers.start()
    try:
        soak.run(seconds)
    finally:
        stuck = callers.stop()
    begin_s = _now_s()
    runtime.close()
    overtime = np.percentile(callers.overtime_ms or [0.0], [50, 95, 100]).round(1).tolist()
    return {
        "seconds": seconds,
        "seed": seed,
        "counts": dict(sorted(callers.counts.items())),
        "wrong": callers.wrong[:5],
        "untyped": callers.untyped,
        "refusals_of_good_inputs": callers.refusals,
        "overtime_ms_p50_p95_most": overtime,
        "callers_that_did_not_come_back": stuck,
        "close_s": round(_now_s() - begin_s, 2),
        "faults": dict(soak.fault_counts.most_common()),
        "recovery_s_median_most": {
            name: [round(float(np.median(found)), 2), round(max(found), 2)] for name, found in soak.recovery_s.items()
        },
        "children_of_forks": dict(soak.children),
        "after_the_first_minute_and_at_the_end": soak.growth(),
        "samples": [{key: round(value, 1) for key, value in one.items()} for one in soak.samples],
        "recorded_answers": recorded(records),
    }


def recorded(folder: Path) -> int:
    frame = compsel.records(folder)
    return len(frame[["run", "answer"]].drop_duplicates())


def verdict(found: dict[str, Any]) -> list[str]:
    counts, growth = found["counts"], found["after_the_first_minute_and_at_the_end"]
    said = [f"{counts['wrong answers']} wrong answers"] if counts.get("wrong answers") else []
    said += [f"untyped: {name}: {text}" for name, text in found["untyped"].items()]
    said += ["callers did not come back"] if found["callers_that_did_not_come_back"] else []
    said += [f"children of forks: {name}" for name in ("hung", "failed") if name in found["children_of_forks"]]
    said += [
        f"{key} grew from {growth[key][0]} to {growth[key][1]}"
        for key, most in _GROWTH.items()
        if found["seconds"] > _LONG_S and growth[key][1] > most * growth[key][0]
    ]
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    logging.getLogger("compsel").setLevel(logging.ERROR)  # each fault is warned of
    with tempfile.TemporaryDirectory() as folder:
        found = measure(arguments.bundle, 60 * arguments.minutes, arguments.seed, Path(folder))
    text = json.dumps(found, indent=1)
    if arguments.json is not None:
        arguments.json.write_text(text)
    print(text)
    failed = verdict(found)
    print("\n".join(failed) or "no wrong answer, no untyped error, nothing hung, nothing grew")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
