"""Checks of large files in threads, while their reader does something else: hashing needs no interpreter."""

import os
import threading
from collections.abc import Callable, Iterable

__all__ = ["BackgroundChecks"]

_MOST_THREADS = 3


class BackgroundChecks:
    """Checks things, each once, when somebody waits for it, or before that in the background.

    Args:
        names: of what is checked, in order; the first failure in this order is what `wait_for_all` raises.
        check: raises what is wrong with one.

    >>> checks = BackgroundChecks(["a", "b"], {"a": 1, "b": 0}.__getitem__)
    >>> checks.begin(["b"])
    >>> checks.wait_for_all()
    >>> BackgroundChecks(["c"], {}.__getitem__).wait_for("c")
    Traceback (most recent call last):
    KeyError: 'c'
    """

    def __init__(self, names: Iterable[str], check: Callable[[str], object]) -> None:
        names = list(names)
        self._done = {name: threading.Event() for name in names}
        self._failures: dict[str, Exception] = {}
        self._waiting, self._check = names, check
        self._stopped = False

    def begin(self, names: Iterable[str] | None = None) -> None:
        """Check some in the background, in the order of all; None: all."""
        asked = None if names is None else set(names)
        begun = [name for name in list(self._waiting) if asked is None or name in asked]
        # one core is for whoever goes on
        for _ in range(min(len(begun), _MOST_THREADS, max(1, _cores() - 1))):
            try:
                threading.Thread(target=self._work, args=(begun,), name="compsel-check", daemon=True).start()
            except RuntimeError:  # as many threads as the system allows
                break

    def wait_for(self, name: str) -> None:
        """Return once something is checked, at once where it is none of these.

        Raises:
            Exception: what its check raised.
        """
        done = self._done.get(name)
        if done is None:
            return
        # whoever waits for what nobody has begun does it
        self._check_unless_begun(name)
        done.wait()
        if name in self._failures:
            raise self._failures[name]

    def wait_for_all(self) -> None:
        """Return once everything is checked.

        Raises:
            Exception: what the first check raised that failed.
        """
        for name in self._done:
            self.wait_for(name)

    def stop(self) -> None:
        """Begin no further check, and wait for those that have begun."""
        self._stopped = True
        begun = set(self._done) - set(self._waiting)
        for name in begun:
            self._done[name].wait()

    def _work(self, names: Iterable[str]) -> None:
        for name in names:
            self._check_unless_begun(name)

    def _check_unless_begun(self, name: str) -> None:
        try:
            self._waiting.remove(name)
        except ValueError:
            return
        self._run(name)

    def _run(self, name: str) -> None:
        try:
            if not self._stopped:
                self._check(name)
        except Exception as error:
            self._failures[name] = error
        finally:
            self._done[name].set()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
