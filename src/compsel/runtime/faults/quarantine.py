"""Processors that failed are left alone for a while, and tried again later."""

import math
import time
from collections.abc import Callable

__all__ = ["Quarantine"]

_FIRST_S, _LONGEST_S = 1.0, 600.0
# between two trials of what is barred, where nothing else is left
_TRIAL_S, _LONGEST_TRIAL_S = 0.1, 2.0
_NONE: frozenset[str | tuple[str, str]] = frozenset()


class Quarantine:
    """Holds what failed: a processor, or a single choice (variant, processor); each failure doubles the time.

    Args:
        clock: seconds, from some start.

    >>> quarantine = Quarantine(clock=lambda: 0.0)
    >>> quarantine.fail("cuda:0")
    1.0
    >>> quarantine.fail("cuda:0"), "cuda:0" in quarantine.blocked()
    (2.0, True)
    >>> quarantine.succeed("a", "cuda:0")
    True
    >>> quarantine.blocked()
    frozenset()
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str | tuple[str, str], int] = {}
        self._until_s: dict[str | tuple[str, str], float] = {}
        self._suspected: set[str | tuple[str, str]] = set()
        self._blocked = _NONE
        self._next_s = 0.0
        self._failed_s: dict[str | tuple[str, str], float] = {}
        self._trials, self._next_trial_s = 0, -math.inf

    def fail(self, what: str | tuple[str, str], *, suspected: bool = False) -> float:
        """Block what failed, or is suspected to have; return for how many seconds."""
        (self._suspected.add if suspected else self._suspected.discard)(what)
        self._failures[what] = self._failures.get(what, 0) + 1
        wait_s = min(_LONGEST_S, _FIRST_S * 2.0 ** min(self._failures[what] - 1, 60))
        self._failed_s[what] = self._clock()
        self._until_s[what] = self._failed_s[what] + wait_s
        self._refresh()
        return wait_s

    def release_suspected(self) -> bool:
        """Let what is only suspected run again; return whether anything was."""
        released = [what for what in self._suspected if self._until_s.pop(what, None) is not None]
        self._suspected.clear()
        self._refresh()
        return bool(released)

    def release_one(self) -> bool:
        """Where nothing else is left, let what would be free first run again, unless such a trial was made just now.

        Trials get rarer as long as nothing succeeds.

        Returns:
            Whether anything is free now.
        """
        now = self._clock()
        rested = [what for what in self._blocked if not 0 <= now - self._failed_s[what] < _TRIAL_S]
        # a time further ahead is one of before the clock jumped back
        if not rested or 0 < self._next_trial_s - now <= _LONGEST_TRIAL_S:
            return False
        self._next_trial_s = now + min(_LONGEST_TRIAL_S, _TRIAL_S * 2.0 ** min(self._trials, 60))
        self._trials += 1
        del self._until_s[min(rested, key=lambda what: self._until_s[what])]
        self._refresh()
        return True

    def succeed(self, variant: str, processor: str) -> bool:
        """Forget the failures of a choice that has just run; return whether there were any."""
        if not self._failures:
            return False
        self._trials, self._next_trial_s = 0, -math.inf
        forgotten = [self._failures.pop(what, None) for what in (processor, (variant, processor))]
        for what in (processor, (variant, processor)):
            self._until_s.pop(what, None)
        self._refresh()
        return any(forgotten)

    def blocked(self) -> frozenset[str | tuple[str, str]]:
        """Return what may not run now; the same object as long as nothing changes."""
        if self._blocked and not 0 < self._next_s - self._clock() <= _LONGEST_S:
            self._refresh()
        return self._blocked

    def remaining_s(self) -> float:
        """Return for how long `blocked` stays as it is, unless something fails or succeeds; infinite if nothing is."""
        return max(0.0, self._next_s - self._clock()) if self._blocked else math.inf

    def _refresh(self) -> None:
        now = self._clock()
        blocked = frozenset(what for what, until_s in self._until_s.items() if 0 < until_s - now <= _LONGEST_S)
        self._next_s = min((self._until_s[what] for what in blocked), default=0.0)
        if blocked != self._blocked:
            self._blocked = blocked or _NONE
