"""What is fuzzed: one reader of what others wrote, and what it may do with any bytes.

It returns a value, or raises one of the package's own errors, within a bound of processor time and of memory.
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compsel.device.resident_memory import peak_bytes
from compsel.errors import CompselError

__all__ = ["BrokenBoundError", "Target", "attempt", "of_file"]


class BrokenBoundError(AssertionError):
    """A reader that took more time or memory than its target allows."""


@dataclass(frozen=True)
class Target:
    """A reader to fuzz.

    Attributes:
        name: on the command line.
        read: the reader, of the bytes of one input.
        seeds: well-formed and hostile inputs to begin with, by what they are; made by code when asked for.
        most_seconds: of processor time that one input may take.
        most_mb: by which one input may raise the peak of memory of a process that has run the seeds.
        most_bytes: an input is no longer.
        words: pieces that the format is made of, which mutations insert.
    """

    name: str
    read: Callable[[bytes], Any]
    seeds: Callable[[], Mapping[str, bytes]]
    most_seconds: float = 1.0
    most_mb: int = 64
    most_bytes: int = 1 << 16
    words: Iterable[bytes] = ()


def attempt(target: Target, data: bytes) -> str:
    """Let a target read bytes, and return what came of it: "value", or the name of the package's error.

    Raises:
        BrokenBoundError: it took too long or too much.
        Exception: whatever it raised that is none of the package's own errors.
    """
    peak, begin = peak_bytes(), time.process_time()
    try:
        target.read(data)
        came = "value"
    except CompselError as error:
        came = type(error).__name__
    seconds, mb = time.process_time() - begin, (peak_bytes() - peak) / 1e6
    if seconds > target.most_seconds:
        raise BrokenBoundError(f"{target.name}: took {seconds:.2f} s of processor time ({came})")
    if mb > target.most_mb:
        raise BrokenBoundError(f"{target.name}: raised the peak of memory by {mb:.0f} MB ({came})")
    return came


def of_file(read: Callable[[Path], Any], name: str) -> Callable[[bytes], Any]:
    """Return a reader of bytes, of one that takes the path of a file.

    Args:
        read: the reader.
        name: of the file, whose ending may say what it is.
    """

    def read_bytes(data: bytes) -> Any:
        # in memory where the system has such a place: thousands of files a second
        memory = Path("/dev/shm")
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
            path = Path(folder) / name
            path.write_bytes(data)
            return read(path)

    return read_bytes
