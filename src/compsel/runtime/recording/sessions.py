"""The sessions of one process, however long it runs."""

import os

__all__ = ["SESSION_ANSWERS", "Sessions"]

SESSION_ANSWERS = 65_536


class Sessions:
    """Names the session of every answer: the answers of a process are counted through, and so many are a session.

    Who learns from records keeps whole sessions apart, to judge by: of a server that is never restarted as well.

    >>> sessions = Sessions(7)
    >>> sessions.of(1) == sessions.of(SESSION_ANSWERS - 1), sessions.of(SESSION_ANSWERS)
    (True, '0000000000000008')
    """

    def __init__(self, first: int | None = None) -> None:
        self._first = int.from_bytes(os.urandom(8), "big") if first is None else first
        self._known = (0, self._name(0))

    def of(self, answer: int) -> str:
        """Return the session of an answer by its number: 16 hexadecimal digits."""
        block, known = answer // SESSION_ANSWERS, self._known  # read once: threads ask at the same time
        if known[0] != block:
            known = self._known = (block, self._name(block))
        return known[1]

    def _name(self, block: int) -> str:
        return f"{(self._first + block) % 2**64:016x}"
