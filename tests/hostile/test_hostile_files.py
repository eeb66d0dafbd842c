"""What costs more than its size, or is no file, ends in its own error, in bounded memory, whoever reads it."""

import contextlib
import re
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compsel.errors import CompselError
from tests.hostile.kinds import Kind
from tests.hostile.measure import ALL

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="has no FIFOs, holes in files or limits of memory")

_MOST_BYTES = 1 << 30  # above what the process has; the bounds themselves are measured by tests.hostile.measure
_MOST_S = 30


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Let the process have so much more memory, and so much time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + _MOST_BYTES, hard))
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(_MOST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _too_long(*_: object) -> None:
    raise TimeoutError(f"over {_MOST_S} s")


def _case(kind: Kind) -> object:
    # making tens of megabytes takes longer than refusing them
    large = re.search(r"\bmb\b|million|bomb|minutes|00 times|columns", kind.name, re.IGNORECASE)
    return pytest.param(kind, marks=[pytest.mark.slow] if large else [], id=kind.name.replace(" ", "-"))


@pytest.mark.parametrize("kind", [_case(kind) for kind in ALL])
def test_what_is_hostile_is_refused(kind: Kind, tmp_path: Path) -> None:
    path = kind.make(tmp_path)
    with limited():
        try:
            kind.read(path)
            got: type[BaseException] | None = None
        except CompselError as error:
            got = type(error)
            assert len(str(error)) < 2_000
    assert got is kind.error
