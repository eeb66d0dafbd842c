"""A command of compsel in a process of its own: how long it took, and the memory that it held at most."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass

__all__ = ["CommandPeak", "run_command"]

_CODE = """
import json, sys
from compsel.cli.main import main
from compsel.device.resident_memory import peak_bytes
print(json.dumps([main(sys.argv[1:]), peak_bytes()]))
"""


@dataclass(frozen=True)
class CommandPeak:
    """What a command took.

    Attributes:
        status: that it ended with.
        seconds: of the whole process.
        peak_mb: the most resident memory, the interpreter, its libraries and mapped files included.
        said: on standard error.
    """

    status: int
    seconds: float
    peak_mb: float
    said: str


def run_command(*arguments: str) -> CommandPeak:
    """Run the words after `compsel`; whatever ends the process itself ends the benchmark."""
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", _CODE, *arguments], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr[-800:]}")
    status, peak = json.loads(done.stdout.splitlines()[-1])
    return CommandPeak(status, seconds, peak / 1e6, done.stderr)
