"""What the command line shows of long work, on standard error."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from compsel.progress import Reporter

__all__ = ["TERMINAL", "TerminalReporter"]

T = TypeVar("T")


class TerminalReporter(Reporter):
    """Shows how far loops are, with the time that is left; one line a loop where standard error is no terminal.

    Args:
        subject: what the loops are about; it stands behind their labels.
    """

    def __init__(self, subject: str = "") -> None:
        self._subject = subject

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
        """Pass the items of a loop through, and show how far it is."""
        label = f"{label} {self._subject}".rstrip()
        total = total if total is not None else len(items) if isinstance(items, Sized) else None
        terminal = sys.stderr.isatty()
        started = shown = time.perf_counter()
        done = 0
        for done, item in enumerate(items, start=1):
            yield item
            now = time.perf_counter()
            if terminal and now - shown > 0.2:
                shown = now
                share = f"{done}/{total}" if total else str(done)
                rest = f", {(now - started) / done * (total - done):.0f} s left" if total else ""
                print(f"\r\x1b[K{label}: {share}{rest}", end="", file=sys.stderr, flush=True)
        clear = "\r\x1b[K" if terminal else ""
        print(f"{clear}{label}: {done} in {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)

    def say(self, message: str) -> None:
        """Print a message."""
        print(message, file=sys.stderr, flush=True)


TERMINAL = TerminalReporter()
