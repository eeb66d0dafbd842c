"""What recording costs an app: time of a call, bytes of an answer, memory, and what a kill loses.

The same bundle is loaded twice, with and without `record=`; calls take turns, so that only their ratio is to be quoted
where the machine is not idle. `--tiny` uses a network of a fraction of a millisecond instead of a bundle. Then a
process that answers without a pause is killed at random moments: how old what was lost was.

    python benchmarks/recording.py BUNDLE IMAGE --json recording.json
    python benchmarks/recording.py --tiny
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import compsel
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.networks import build
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from compsel.variants.writer import write_variant

_CALLS, _WARM, _KILLS = 4000, 200, 6

CHILD = """
import sys, time
import numpy as np
import compsel
bundle, folder, seconds, image = sys.argv[1:]
image = image or np.zeros((64, 64, 3), np.uint8)
with compsel.load(bundle, record=compsel.Recording(folder, seconds=float(seconds))) as runtime:
    while True:
        print(time.time_ns(), runtime(image).id, flush=True)
        time.sleep(0.002)
"""


def tiny(folder: Path) -> Path:
    """Write a bundle of one small network."""
    files = folder / "files"
    files.mkdir()
    variant = write_variant(build("mobilenet-v1", width=0.25, resolution=64, classes=10), files, "logits")
    costs = CostModel(((variant.name, "cpu:1"),), np.array([[0.0]]), np.full((1, 1), 0.3), np.full((1, 1), 0.4))
    policies = {"adaptive": FixedPolicy(variant.name)}
    write_bundle(
        BundleContent((variant,), files, policies, {}, Objective(), {variant.name: 1.0}, costs, {}), folder / "bundle"
    )
    return folder / "bundle"


def calls(bundle: Path, image: Any, records: Path) -> dict[str, float]:
    """Time calls with and without recording, in turns."""
    with compsel.load(bundle) as plain, compsel.load(bundle, record=records) as recording:
        times_us: dict[str, list[float]] = {"plain": [], "recorded": []}
        for number in range(_WARM + _CALLS):
            pairs = [("plain", plain), ("recorded", recording)]
            for name, runtime in pairs if number % 2 else pairs[::-1]:
                begin = time.perf_counter_ns()
                runtime(image)
                taken = time.perf_counter_ns() - begin
                if number >= _WARM:
                    times_us[name].append(taken / 1e3)
        recording.flush()
        counts = recording.recording
        assert counts is not None and counts.dropped == 0
        differences = np.array(times_us["recorded"]) - np.array(times_us["plain"])
        return {
            "plain_us": float(np.median(times_us["plain"])),
            "recorded_us": float(np.median(times_us["recorded"])),
            "ratio_of_medians": float(np.median(times_us["recorded"]) / np.median(times_us["plain"])),
            "median_difference_us": float(np.median(differences)),
            "ratio_of_p99": float(np.quantile(times_us["recorded"], 0.99) / np.quantile(times_us["plain"], 0.99)),
            "bytes_per_answer": counts.written_bytes / counts.answers,
        }


def put_us(bundle: Path, image: Any, records: Path) -> float:
    """Time what the path of an answer does for its record, alone."""
    with compsel.load(bundle, record=records) as runtime:
        answer, recorder = runtime(image), runtime._recorder
        assert recorder is not None and answer.planned is not None
        recorder._writer._writing.acquire()  # only what the answer waits for
        times = []
        for _ in range(5000):
            begin = time.perf_counter_ns()
            recorder.put(answer.stages, answer.planned, 1_000_000, None, (), False)
            times.append((time.perf_counter_ns() - begin) / 1e3)
        recorder._writer._writing.release()
    return float(np.median(times))


def kills(bundle: Path, image: str, folder: Path, seconds: float) -> list[float]:
    """Kill an app at random moments; return how many seconds of answers each kill lost."""
    lost_s, rng = [], np.random.default_rng(0)
    for number in range(_KILLS):
        records = folder / f"killed{number}"
        command = [sys.executable, "-c", CHILD, str(bundle), str(records), str(seconds), image]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline()]
            end = time.monotonic() + 1.5 * seconds + float(rng.uniform(0, seconds))
            while time.monotonic() < end:
                lines.append(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            lines += child.stdout.readlines()
        answered = [line.split() for line in lines if line.endswith("\n")]
        kept = set(compsel.records(records)["id"])
        lost = [int(when) for when, name in answered if name not in kept]
        lost_s.append((int(answered[-1][0]) - min(lost)) / 1e9 if lost else 0.0)
    return lost_s


def memory_mb(bundle: Path, image: str, folder: Path) -> dict[str, float]:
    """Resident memory of an app, and the time of `load`, with and without recording."""
    code = """
import sys, time, psutil
import numpy as np
import compsel
image = sys.argv[2] or np.zeros((64, 64, 3), np.uint8)
begin = time.perf_counter_ns()
runtime = compsel.load(sys.argv[1], **({"record": sys.argv[3]} if sys.argv[3] else {}))
loaded = time.perf_counter_ns() - begin
for _ in range(300): runtime(image)
runtime.flush()
print(loaded / 1e6, psutil.Process().memory_info().rss / 1e6)
"""
    found: dict[str, list[list[float]]] = {"plain": [], "recorded": []}
    for _ in range(5):
        for name, records in (("plain", ""), ("recorded", str(folder / "memory"))):
            done = subprocess.run(
                [sys.executable, "-c", code, str(bundle), image, records], capture_output=True, text=True, check=True
            )
            found[name].append([float(word) for word in done.stdout.split()])
    medians = {name: np.median(rows, axis=0) for name, rows in found.items()}
    return {
        "load_plain_ms": float(medians["plain"][0]),
        "load_recorded_ms": float(medians["recorded"][0]),
        "resident_plain_mb": float(medians["plain"][1]),
        "resident_recorded_mb": float(medians["recorded"][1]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path)
    parser.add_argument("image", nargs="?", default="")
    parser.add_argument("--tiny", action="store_true", help="a network of a fraction of a millisecond")
    parser.add_argument("--seconds", type=float, default=2.0, help="of records that a kill may lose")
    parser.add_argument("--only", choices=("calls", "kills", "memory"), help="one part")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        bundle = tiny(folder) if arguments.tiny else arguments.bundle
        image = arguments.image or np.zeros((64, 64, 3), np.uint8)
        found: dict[str, Any] = {"load_average": os.getloadavg()[0], "cores": psutil.cpu_count()}
        if arguments.only in (None, "calls"):
            found |= calls(bundle, image, folder / "calls")
            found["put_us"] = put_us(bundle, image, folder / "put")
        if arguments.only in (None, "kills"):
            found["lost_s"] = kills(bundle, arguments.image, folder, arguments.seconds)
        if arguments.only in (None, "memory"):
            found |= memory_mb(bundle, arguments.image, folder)
        print(json.dumps(found, indent=2))
        if arguments.json is not None:
            arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
