"""Reporters that tests listen with."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from compsel.progress import Reporter

T = TypeVar("T")


class Heard(Reporter):
    """Keeps the labels of loops, and the messages."""

    def __init__(self) -> None:
        self.loops: list[str] = []
        self.messages: list[str] = []

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
        self.loops.append(label)
        return items

    def say(self, message: str) -> None:
        self.messages.append(message)


class Interrupts(Reporter):
    """Plays somebody who presses Ctrl-C in the item after the first `after` ones of a loop."""

    def __init__(self, after: int = 1) -> None:
        self.after = after

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
        for number, item in enumerate(items):
            if number == self.after:
                raise KeyboardInterrupt
            yield item
        if self.after == 0:
            raise KeyboardInterrupt


class Stops(Reporter):
    """Plays somebody who presses Ctrl-C when a message comes."""

    def __init__(self, message: str) -> None:
        self.message = message

    def detail(self, message: str) -> None:
        if message.startswith(self.message):
            raise KeyboardInterrupt
