"""Images as programs write them, and as an attacker would: a generator a kind, by its name.

    python -m tests.hostile.images [NAME ...]

decodes each in a process of its own, and prints what came of it, the seconds and the memory that it took.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping

import cv2
import numpy as np

from tests.hostile import jpegs, other_images, pngs, tiffs

__all__ = ["HOSTILE", "WELL_FORMED", "decoded_in_a_child"]

_PIXELS = np.arange(24 * 16 * 3, dtype=np.uint8).reshape(16, 24, 3)
_CHILD = """
import resource, sys, time
import numpy as np, cv2
from compsel.device.resident_memory import peak_bytes
from compsel.errors import ImageError
from compsel.inputs.images.decoding import decode
decode(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
data = open(sys.argv[1], "rb").read()
limit = int(sys.argv[2]) << 20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
before, begin = peak_bytes(), time.process_time()
try:
    came = "decoded to %dx%d" % decode(data).shape[1::-1]
except ImageError as error:
    came = str(error)
took = time.process_time() - begin
print(f"{took:.3f}\\t{(peak_bytes() - before) / 2**20:.0f}\\t{came}")
"""


def _written(ending: str, *options: int) -> Callable[[], bytes]:
    return lambda: cv2.imencode(ending, _PIXELS, options)[1].tobytes()


WELL_FORMED: Mapping[str, Callable[[], bytes]] = {
    **{ending: _written(ending) for ending in (".jpg", ".png", ".webp", ".bmp", ".gif", ".tiff")},
    "progressive JPEG": _written(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "lossy WebP": _written(".webp", cv2.IMWRITE_WEBP_QUALITY, 50),
}
HOSTILE: Mapping[str, Callable[[], bytes]] = {
    **jpegs.HOSTILE, **pngs.HOSTILE, **tiffs.HOSTILE, **other_images.HOSTILE
}  # fmt: skip


def decoded_in_a_child(data: bytes, limit_mb: int = 12_000, timeout_s: float = 60.0) -> tuple[float, float, str]:
    """Decode in a process of its own that may have so much memory in all.

    Returns:
        Seconds of processor time, MB by which the peak of memory rose, and what came of it.
    """
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        command = [sys.executable, "-c", _CHILD, file.name, str(limit_mb)]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired:
            return timeout_s, float("nan"), "STOPPED"
    if ended.returncode != 0 or not ended.stdout:
        last = (ended.stderr.strip().splitlines() or ["?"])[-1]
        return float("nan"), float("nan"), f"ENDED with {ended.returncode}: {last}"
    seconds, mb, came = ended.stdout.splitlines()[-1].split("\t", 2)
    return float(seconds), float(mb), came


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    for name, make in {**WELL_FORMED, **HOSTILE}.items():
        if not given.names or any(part in name for part in given.names):
            data = make()
            seconds, mb, came = decoded_in_a_child(data)
            print(f"{name:48} {len(data) / 1e3:9.1f} kB {seconds:7.2f} s {mb:6.0f} MB  {came[:90]}", flush=True)


if __name__ == "__main__":
    main()
