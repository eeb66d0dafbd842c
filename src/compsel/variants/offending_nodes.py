"""Which nodes of a graph a rewriter mistreats: found by trials, so that one node does not cost the whole variant.

Adaptive group testing (Hwang, JASA 67(339), 1972): halves that work are kept whole, halves that do not are split.
"""

import time
from collections.abc import Callable, Collection, Sequence

__all__ = ["offending_nodes"]

_MOST_TRIALS = 24
_MOST_S = 120.0
# small models are tried as often as it takes
_LEAST_S = 5.0
_ATTEMPTS = 2.0


def offending_nodes(
    nodes: Sequence[str], works: Callable[[Collection[str]], bool], attempt_s: float = _MOST_S
) -> frozenset[str]:
    """Return the nodes that have to be left as they are so that the rest can be rewritten; all of them where none can.

    After 24 trials, or twice the time of an attempt (but five seconds at least, and two minutes at most), what was not
    found to work is left as it is.

    Args:
        nodes: names, in graph order; rewriting them all does not work.
        works: tells whether the graph works with these left as they are.
        attempt_s: what it took to find that out.

    >>> sorted(offending_nodes(["a", "b", "c", "d", "e"], lambda left: "d" in left))
    ['d']
    """
    rewritten: set[str] = set()
    every = frozenset(nodes)
    end_s = time.monotonic() + min(_MOST_S, max(_LEAST_S, _ATTEMPTS * attempt_s))
    pending = _halves(list(nodes))
    trials = 0
    while pending and trials < _MOST_TRIALS and time.monotonic() < end_s:
        part = pending.pop(0)
        trials += 1
        if works(every - rewritten - set(part)):
            rewritten.update(part)
        else:
            pending = [*_halves(part), *pending]
    return every - rewritten


def _halves(part: list[str]) -> list[list[str]]:
    middle = len(part) // 2
    return [part[:middle], part[middle:]] if middle else []
