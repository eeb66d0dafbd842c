"""Progress of long work on standard error: bars with the time left on a terminal, else one line a loop."""

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeVar

from compsel.progress import Reporter

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["TERMINAL", "TerminalReporter", "close_bars", "is_verbose", "set_verbosity"]

T = TypeVar("T")

_REFRESH_S = 0.2
_WORTH_A_LINE_S = 0.05  # "in 0.0 s" says nothing
_WHOLE = 1000  # steps of the bar of a phase
_verbosity: Literal["quiet", "normal", "verbose"] = "normal"


def set_verbosity(level: Literal["quiet", "normal", "verbose"]) -> None:
    """Show progress, messages and what matters (normal), all (verbose), or nothing but results and errors (quiet)."""
    global _verbosity
    _verbosity = level


def is_verbose() -> bool:
    """Whether all shall be shown."""
    return _verbosity == "verbose"


class TerminalReporter(Reporter):
    """Shows how far loops are on standard error.

    On a terminal, bars by `rich` where it is installed; loops inside loops have a bar each. At the end of a loop one
    line stays, unless it took no time, and that line is all where standard error is no terminal.

    >>> "".join(TerminalReporter().track("ab", "letters"))
    'ab'
    """

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
        """Pass the items of a loop through, and show how far it is."""
        total = total if total is not None else len(items) if isinstance(items, Sized) else None
        started = time.perf_counter()
        phase = _phase
        done = 0
        bar = _Bar(label, total) if phase is None and _bars_can_be_shown() else None
        if phase is not None:
            phase.begin(label)
        try:
            for done, item in enumerate(items, start=1):
                yield item
                if bar is not None:
                    bar.advance(done)
                if phase is not None:
                    phase.advance(done / total if total else None)
        finally:
            if bar is not None:
                bar.close()
        if phase is not None:
            phase.end_loop()
        took_s = time.perf_counter() - started
        if is_verbose() or (phase is None and took_s >= _WORTH_A_LINE_S):
            self._print(f"{label}: {done} in {took_s:.1f} s")

    @contextmanager
    def phase(self, label: str, steps: int | None = None) -> Iterator[None]:
        """Show one bar, and at the end one line, for all the loops inside."""
        global _phase
        outer, started = _phase, time.perf_counter()
        _phase = _Phase(label, steps)
        try:
            yield
        finally:
            _phase.close()
            _phase = outer
        self._print(f"{label}: {time.perf_counter() - started:.1f} s")

    def say(self, message: str) -> None:
        """Print a message, above the bars if there are any."""
        self._print(message)

    def detail(self, message: str) -> None:
        """Print a message where all is wanted."""
        if is_verbose():
            self._print(message)

    @staticmethod
    def _print(message: str) -> None:
        if _verbosity != "quiet":
            print(message, file=sys.stderr, flush=True)


class _Phase:
    """Loops that are one piece of work: how far all of them are together, in thousandths, is one bar."""

    def __init__(self, label: str, steps: int | None) -> None:
        self._label = label
        self._steps = steps
        self._ended = 0
        self._bar = _Bar(label, _WHOLE if steps else None) if _bars_can_be_shown() else None

    def begin(self, loop: str) -> None:
        if self._bar is not None:
            self._bar.describe(f"{self._label} ({loop})")

    def advance(self, share: float | None) -> None:
        """Show how far the present loop is; None: it does not know how long it is."""
        if self._bar is None:
            return
        if share is None or not self._steps:
            self._bar.wait()
        else:
            self._bar.advance(min(_WHOLE, round(_WHOLE * (self._ended + share) / self._steps)))

    def end_loop(self) -> None:
        self._ended += 1
        self.advance(0.0)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


# the phase that runs now, one for all reporters, as the display is
_phase: _Phase | None = None

TERMINAL = TerminalReporter()

# the display of the bars, one for all reporters: a terminal has one lowest line
_display: "Progress | None" = None


class _Bar:
    """The bar of one loop."""

    def __init__(self, label: str, total: int | None) -> None:
        self._display = _open_display()
        self._total = total
        self._task: TaskID = self._display.add_task(label, total=total, left="", amount=self._amount(0))
        self._display.refresh()
        self._started_s = self._shown_s = time.perf_counter()

    def describe(self, label: str) -> None:
        if self._display is _display:
            self._display.update(self._task, description=label, refresh=True)

    def advance(self, done: int) -> None:
        now_s = time.perf_counter()
        # drawn between items and not by a thread of its own, which would disturb what is being measured
        if now_s - self._shown_s <= _REFRESH_S:
            return
        self._shown_s = now_s
        if self._total and done:
            # the mean over all items: the estimate of `rich` needs several, and some loops have few long ones
            left_s = (now_s - self._started_s) / done * max(0, self._total - done)
            self._display.update(self._task, left=f"{timedelta(seconds=round(left_s))} left")
        self._display.update(self._task, completed=done, amount=self._amount(done), refresh=True)

    def wait(self) -> None:
        """Show how long it has taken so far."""
        now_s = time.perf_counter()
        if now_s - self._shown_s > _REFRESH_S:
            self._shown_s = now_s
            so_far = timedelta(seconds=round(now_s - self._started_s))
            self._display.update(self._task, left=f"{so_far} so far", refresh=True)

    def _amount(self, done: int) -> str:
        if self._total == _WHOLE:
            return f"{100 * done / _WHOLE:.0f} %"
        return f"{done}/{'?' if self._total is None else self._total}"

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
        from rich.progress import BarColumn, Progress, TextColumn

        _display = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[amount]}"),
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
