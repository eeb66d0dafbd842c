"""The interface through which long work reports its loops and messages."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["SILENT", "Reporter"]

T = TypeVar("T")


class Reporter:
    """Receives progress and messages, and shows none of it; derive from it to show, log or test.

    The command line shows bars (`compsel.cli.terminal.TerminalReporter`).

    >>> class Printed(Reporter):
    ...     def say(self, message):
    ...         print(message)
    >>> reporter = Printed()
    >>> [item for item in reporter.track("ab", "letters")]
    ['a', 'b']
    >>> reporter.say("2 letters")
    2 letters
    """

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
        """Pass the items of a loop through.

        Args:
            items: what is looped over.
            label: what the loop does.
            total: how many items there will be; None: `len(items)`, or not known.
        """
        return items

    def say(self, message: str) -> None:
        """Receive a message of one line, such as a warning."""

    def detail(self, message: str) -> None:
        """Receive a message of one line for who looks closely; a message like the others, unless a reporter differs."""
        self.say(message)

    @contextmanager
    def phase(self, label: str, steps: int | None = None) -> Iterator[None]:
        """Take the loops inside as parts of one piece of work.

        Args:
            label: what it does.
            steps: how many loops there will be; None: not known.
        """
        yield


#: shows nothing
SILENT = Reporter()
