"""A small board, simulated: one core, and little memory for models, as on a Raspberry Pi Zero.

    python examples/small_board.py BUNDLE [--memory 200]
    taskset --cpu-list 0 python examples/small_board.py BUNDLE        the same, the core chosen outside (Linux)

BUNDLE: of images, such as `python examples/small_world.py FOLDER` or `compsel demo` make. This process keeps to one
core of this machine, so processors with more threads are not available and the bundle goes without them; and loaded
variants may take `--memory` MB. A real board is slower too: measure there with `compsel port`. Prints what is used,
what answers, how long it takes, and the memory of the process.
"""

import argparse
import os
import sys
from pathlib import Path

# before anything counts the cores: libraries size their pools by them
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import psutil

import compsel
from small_world import crops


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--memory", type=float, default=200, help="MB that loaded variants may take")
    arguments = parser.parse_args()
    process, inputs = psutil.Process(), [sample.value for sample in crops(60, seed=5)]
    cores = len(process.cpu_affinity()) if sys.platform == "linux" else psutil.cpu_count()
    print(f"simulated board: {cores} core{'s' * (cores != 1)}, {arguments.memory:g} MB for models")
    before = process.memory_info().rss / 1e6
    with compsel.load(arguments.bundle, memory_limit_mb=arguments.memory) as runtime:
        print(runtime)
        answers = [runtime(image) for image in inputs]
        print(f"first answer: {answers[0]}")
        latencies = [answer.latency_ms for answer in answers]
        print(f"{len(answers)} answers: median {np.median(latencies):.2f} ms, slowest {max(latencies):.2f} ms")
        print(f"memory: {before:.0f} MB before loading, {process.memory_info().rss / 1e6:.0f} MB after answering")


if __name__ == "__main__":
    main()
