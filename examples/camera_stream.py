"""A camera with a deadline: an answer to every frame before the next one comes, also while others use the device.

    python examples/camera_stream.py BUNDLE [--fps 120] [--frames 240] [--csv FILE]

BUNDLE: of images, such as `python examples/small_world.py FOLDER` or `compsel demo` make. The camera is synthetic: it
pans over scikit-image's photographs. A frame that comes while the one before is still being answered is dropped, as
cameras do. In the second half four processes keep the cores busy. The bundle with `deadline_ms` and its most accurate
network alone take turns, a second each, so that whatever else the machine does meets both. Prints for each of them and
each half the share of frames answered in time, how many were dropped, how long an answer took, and which choices ran.
"""

import argparse
import csv
import math
import multiprocessing
import time
from collections import Counter
from pathlib import Path

import numpy as np

import compsel
from small_world import photographs


def frames(count: int, side: int = 200) -> list[np.ndarray]:
    """The camera goes over each photograph in turn, from its top left to its bottom right."""
    images, seen = list(photographs().values()), []
    for number in range(count):
        image, way = images[number * len(images) // count], (number * len(images) / count) % 1
        top, left = (int(way * (length - side)) for length in image.shape[:2])
        seen.append(np.ascontiguousarray(image[top : top + side, left : left + side]))
    return seen


def busy() -> None:
    while True:
        np.linalg.norm(np.ones((200, 200)) @ np.ones((200, 200)))


def stream(runtime: compsel.Runtime, seen: list[np.ndarray], fps: float, deadline_ms: float | None) -> list[tuple]:
    """Answer what comes; returns (frame, latency in ms or None where it was dropped, choice)."""
    begin, rows = time.perf_counter(), []
    for number, frame in enumerate(seen):
        late = time.perf_counter() - begin - number / fps
        if late > 1 / fps:
            rows.append((number, None, "dropped"))
            continue
        time.sleep(max(0.0, -late))
        answer = runtime(frame, deadline_ms=deadline_ms)
        # counted from when the frame came, which may have waited for the one before
        rows.append((number, 1000 * max(0.0, late) + answer.latency_ms, answer.choice))
    return rows


def show(name: str, rows: list[tuple], deadline_ms: float) -> None:
    answered = [latency for _, latency, _ in rows if latency is not None]
    kept = sum(latency <= deadline_ms for latency in answered)
    median, p99 = np.quantile(answered, [0.5, 0.99]) if answered else (np.nan, np.nan)
    choices = Counter(choice for _, latency, choice in rows if latency is not None).most_common(2)
    print(
        f"{name}: {kept / len(rows):.1%} of {len(rows)} frames in time, {len(rows) - len(answered)} dropped, "
        f"median {median:.2f} ms, p99 {p99:.2f} ms; " + ", ".join(f"{choice} {count}" for choice, count in choices)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--fps", type=float, default=120, help="frames a second; the deadline is the time between two")
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--csv", type=Path, help="where a row a frame is written, for pictures")
    arguments = parser.parse_args()
    seen, second, deadline_ms = frames(arguments.frames), math.ceil(arguments.fps), 1000 / arguments.fps
    # a bundle with one choice has no others to compare with
    known = compsel.Bundle.load(arguments.bundle).policies
    limits = {name: limit for name, limit in (("adaptive", deadline_ms), ("most_accurate", None)) if name in known}
    runtimes = {name: compsel.load(arguments.bundle, policy=name) for name in limits}
    table = []
    for load in (0, 4):
        others = [multiprocessing.Process(target=busy, daemon=True) for _ in range(load)]
        for process in others:
            process.start()
        time.sleep(1.0 if load else 0.0)
        rows: dict[str, list[tuple]] = {name: [] for name in limits}
        for turn, first in enumerate(range(0, len(seen), second)):
            for name in sorted(limits, reverse=bool(turn % 2)):
                found = stream(runtimes[name], seen[first : first + second], arguments.fps, limits[name])
                rows[name] += [(first + number, *rest) for number, *rest in found]
        for process in others:
            process.kill()
        for name in limits:
            show(f"{name}, {load} busy processes", rows[name], deadline_ms)
            table += [(name, load, *row) for row in rows[name]]
    for runtime in runtimes.values():
        runtime.close()
    if arguments.csv is not None:
        with arguments.csv.open("w", newline="") as file:
            csv.writer(file).writerows([("policy", "busy", "frame", "latency_ms", "choice"), *table])


if __name__ == "__main__":
    main()
