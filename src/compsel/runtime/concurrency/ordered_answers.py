"""Answers of many inputs, in their order: taken a group at a time, each stage once for all of a group that need it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from numbers import Integral
from typing import Any

from compsel.errors import CompselError, InputError
from compsel.runtime.answer import Answer
from compsel.runtime.dispatch.batch_execution import BatchExecutor
from compsel.runtime.feeds.rows import ValueRows
from compsel.runtime.planning.planner import Limits

__all__ = ["OrderedAnswers", "answered_together"]

_MOST = 65_536


class OrderedAnswers(Iterator[Any]):
    """Answers the inputs of an iterable as they are asked for.

    An input that cannot be answered raises in its turn, after the answers before it; the next `next` goes on behind it.

    Args:
        inputs: may be endless: no more than a group is taken ahead.
        size: of a group.
        answer: gives for each input of a group its answer, or why there is none.
        return_exceptions: give the errors in the place of answers instead of raising them.

    Raises:
        InputError: a size that is not allowed.

    >>> def halves(group):
    ...     return [InputError(f"got {value}") if value % 2 else value // 2 for value in group]
    >>> [str(one) for one in OrderedAnswers(range(4), 3, halves, return_exceptions=True)]
    ['0', 'got 1', '1', 'got 3']
    """

    def __init__(
        self,
        inputs: Iterable[Any],
        size: Any,
        answer: Callable[[list[Any]], list[Answer | CompselError]],
        *,
        return_exceptions: bool,
    ) -> None:
        if not isinstance(size, Integral) or isinstance(size, bool) or not 1 <= int(size) <= _MOST:
            raise InputError(f"batch: got {size!r}, allowed is a whole number from 1 to {_MOST}")
        self._inputs, self._size, self._answer = iter(inputs), int(size), answer
        self._returns = return_exceptions
        self._ready: deque[Answer | CompselError] = deque()
        self._broken: BaseException | None = None

    def __next__(self) -> Any:
        """Return the answer of the next input.

        Raises:
            CompselError: it has none.
        """
        if not self._ready:
            self._fill()
        one = self._ready.popleft()
        if isinstance(one, CompselError) and not self._returns:
            raise one
        return one

    def _fill(self) -> None:
        if self._broken is not None:
            broken, self._broken = self._broken, StopIteration()
            raise broken
        group: list[Any] = []
        try:
            while len(group) < self._size:
                group.append(next(self._inputs))
        except Exception as error:  # its end, or whatever the iterable raises: after the answers before it
            self._broken = error
        if group:
            self._ready.extend(self._answer(group))
        else:
            self._fill()


def answered_together(
    sources: list[Any],
    read: Callable[[Any], tuple[Any, frozenset[str] | None]],
    batches: BatchExecutor,
    limits: Limits,
) -> list[Answer | CompselError]:
    """Answer some inputs, each stage once for all of them that need it.

    Args:
        sources: as an app gives them.
        read: gives the value of one, and which variants take it.
        batches: answers.
        limits: of each.

    Returns:
        For each its answer, or why there is none.
    """
    values, allowed = [], []
    found: list[Answer | CompselError | None] = []
    for source in sources:
        try:
            value, takers = read(source)
        except CompselError as error:
            found.append(error)
            continue
        found.append(None)
        values.append(value)
        allowed.append(takers)
    answers = iter(batches.answers(ValueRows(values), allowed, limits))
    return [next(answers) if one is None else one for one in found]
