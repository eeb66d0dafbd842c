"""Progress where somebody looks: a line that rewrites itself, in a terminal or a notebook."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from datetime import timedelta
from typing import TextIO, TypeVar

from compsel.progress.logger import logger
from compsel.progress.reporter import Reporter

__all__ = ["LineReporter", "LogReporter", "reporter_or_default"]

T = TypeVar("T")

_REFRESH_S = 0.3


class LogReporter(Reporter):
    """Shows nothing: messages go to the logger "compsel" as INFO.

    >>> LogReporter().say("heard by who listens to the log")
    """

    def say(self, message: str) -> None:
        """Log a message."""
        logger().info("%s", message)


class LineReporter(LogReporter):
    """Shows how far a loop is and how long it still takes, in a line below the messages.

    In a terminal it stands on standard error; in a notebook, which shows that as an alarm, on standard output.

    >>> list(LineReporter().track("ab", "letters"))
    ['a', 'b']
    """

    def __init__(self) -> None:
        self._drawn = 0

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
        """Pass the items of a loop through, and show how far it is."""
        total = total if total is not None else len(items) if isinstance(items, Sized) else None
        started_s = shown_s = time.perf_counter()
        try:
            for done, item in enumerate(items, start=1):
                yield item
                now_s = time.perf_counter()
                # drawn between items and not by a thread of its own, which would disturb what is being measured
                if now_s - shown_s > _REFRESH_S:
                    shown_s = now_s
                    self._draw(f"{label}: {done}{f'/{total}' if total else ''}{_left(now_s - started_s, done, total)}")
        finally:
            if shown_s != started_s:
                self._draw("")

    def say(self, message: str) -> None:
        """Show a message, and log it."""
        super().say(message)
        self._draw("")
        _stream().write(f"{message}\n")

    def _draw(self, text: str) -> None:
        """Write over what stands there; notebooks know no other way to clear a line."""
        cleared = f"\r{' ' * self._drawn}\r" if self._drawn else ""
        self._drawn = len(text)
        _stream().write(f"{cleared}{text}")
        _stream().flush()


def _left(taken_s: float, done: int, total: int | None) -> str:
    return f", {timedelta(seconds=round(taken_s / done * (total - done)))} left" if total else ""


def reporter_or_default(reporter: Reporter | None) -> Reporter:
    """Return a reporter; None is a line of progress where somebody looks (a terminal, a notebook), else the log.

    >>> reporter_or_default(Reporter()).say("nobody hears this")
    """
    if reporter is not None:
        return reporter
    return LineReporter() if _somebody_looks() else LogReporter()


def _somebody_looks() -> bool:
    # a notebook's kernel has no terminal, but shows what is written
    return _in_notebook() or sys.stderr.isatty()


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules


def _stream() -> TextIO:
    return sys.stdout if _in_notebook() else sys.stderr
