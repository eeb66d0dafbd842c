"""What it costs a build that its files are on the disk before they have their names.

    python benchmarks/syncing.py [--network NAME]

builds a bundle of a network with random weights, and says how often and how long it waited for the disk.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np

import compsel
from compsel.inputs.samples import ArraySamples
from compsel.networks import build


def main() -> None:
    """Build, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="efficientnet-lite0")
    given = parser.parse_args()
    waits_s: list[float] = []
    sync = os.fsync

    def timed(descriptor: int) -> None:
        begin = time.perf_counter()
        sync(descriptor)
        waits_s.append(time.perf_counter() - begin)

    patch.object(os, "fsync", timed).start()
    images = ArraySamples([np.random.default_rng(n).integers(0, 256, (224, 224, 3), np.uint8) for n in range(40)])
    with tempfile.TemporaryDirectory(dir=".") as folder:
        begin = time.perf_counter()
        compsel.build(
            [build(given.network)],
            images,
            Path(folder) / "bundle",
            technique=["none", "int8-static", "float16"],
            processor="cpu:1",
            state="idle",
            budget=5,
        )
        seconds = time.perf_counter() - begin
    waited = sum(waits_s)
    print(f"{len(waits_s)} waits, {waited:.2f} s of {seconds:.1f} s ({waited / seconds:.1%}); ", end="")
    print(f"median {np.median(waits_s) * 1e3:.1f} ms, longest {max(waits_s) * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
