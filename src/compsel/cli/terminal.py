"""Progress of long work on standard error: bars with the time left on a terminal, else one line a loop."""

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeVar

from compsel.progress import Reporter

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["TERMINAL", "TerminalReporter", "close_bars", "set_verbosity"]

T = TypeVar("T")

_REFRESH_S = 0.2
_verbosity = "normal"


def set_verbosity(level: Literal["quiet", "normal", "verbose"]) -> None:
    """Say how much is shown: "quiet" leaves out progress and messages."""
    global _verbosity
    _verbosity = level


class TerminalReporter(Reporter):
    """Shows how far loops are on standard error.

    On a terminal, bars by `rich` where it is installed; loops inside loops have a bar each. At the end of a loop one
    line stays, and that line is all where standard error is no terminal.

    Args:
        subject: what the loops are about; it stands behind their labels.

    >>> "".join(TerminalReporter("model.onnx").track("ab", "letters"))
    'ab'
    """

    def __init__(self, subject: str = "") -> None:
        self._subject = subject

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
        """Pass the items of a loop through, and show how far it is."""
        label = f"{label} {self._subject}".rstrip()
        total = total if total is not None else len(items) if isinstance(items, Sized) else None
        started = time.perf_counter()
        done = 0
        bar = _Bar(label, total) if _bars_can_be_shown() else None
        try:
            for done, item in enumerate(items, start=1):
                yield item
                if bar is not None:
                    bar.advance(done)
        finally:
            if bar is not None:
                bar.close()
        self.say(f"{label}: {done} in {time.perf_counter() - started:.1f} s")

    def say(self, message: str) -> None:
        """Print a message, above the bars if there are any."""
        if _verbosity != "quiet":
            print(message, file=sys.stderr, flush=True)


TERMINAL = TerminalReporter()

# the display of the bars, one for all reporters: a terminal has one lowest line
_display: "Progress | None" = None


class _Bar:
    """The bar of one loop."""

    def __init__(self, label: str, total: int | None) -> None:
        self._display = _open_display()
        self._total = total
        self._task: TaskID = self._display.add_task(label, total=total, left="")
        self._display.refresh()
        self._started_s = self._shown_s = time.perf_counter()

    def advance(self, done: int) -> None:
        now_s = time.perf_counter()
        # drawn between items and not by a thread of its own, which would disturb what is being measured
        if now_s - self._shown_s <= _REFRESH_S:
            return
        self._shown_s = now_s
        if self._total:
            # the mean over all items: the estimate of `rich` needs several, and some loops have few long ones
            left_s = (now_s - self._started_s) / done * max(0, self._total - done)
            self._display.update(self._task, left=f"{timedelta(seconds=round(left_s))} left")
        self._display.update(self._task, completed=done, refresh=True)

    def close(self) -> None:
        if self._display is not _display:
            return  # all were closed
        self._display.remove_task(self._task)
        if not self._display.tasks:
            close_bars()


def _bars_can_be_shown() -> bool:
    if _verbosity == "quiet" or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return False
    try:
        import rich.progress  # noqa: F401  is it installed?
    except ImportError:
        return False
    return True


def _open_display() -> "Progress":
    global _display
    if _display is None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        _display = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=Console(stderr=True),
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,  # it may be a pipe: results are not for the terminal then
        )
        _display.start()
    return _display


def close_bars() -> None:
    """Take the bars off the terminal, if there are any: before an error is printed, and at the end."""
    global _display
    if _display is not None:
        shown, _display = _display, None
        shown.stop()
