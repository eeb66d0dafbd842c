"""Goals as people say them: "at most 1 % less accurate, as fast as possible"."""

import re
from collections.abc import Callable

from compsel.errors import ObjectiveError
from compsel.values import dataclass

__all__ = ["Goal", "parse_goal"]


@dataclass(frozen=True, slots=True)
class Goal:
    """What a sentence asks for; None where it says nothing.

    Attributes:
        minimize: "latency", "energy", "energy_delay" or "memory"; latency when the sentence does not say.
        max_loss: how much less accurate than the uncompressed model (of several: the most accurate one) it may be, as a
            fraction of all answers.
        min_quality: the least accuracy, as a fraction.
        max_latency_ratio: the largest mean latency, relative to the uncompressed model.

    >>> parse_goal("at most 1 % less accurate, as fast as possible")
    Goal(minimize='latency', max_loss=0.01, min_quality=None, max_latency_ratio=None)
    >>> parse_goal("half the time").max_latency_ratio
    0.5
    >>> parse_goal("very good")
    Traceback (most recent call last):
    compsel.errors.ObjectiveError: goal: got 'very good', understood are, with commas between: at most 1 % less ...
    """

    minimize: str = "latency"
    max_loss: float | None = None
    min_quality: float | None = None
    max_latency_ratio: float | None = None


Said = dict[str, float | str]

_NUMBER = r"(\d+(?:\.\d+)?)"
_PER_CENT = rf"{_NUMBER} ?(?:%|per ?cent|percent|(?:percentage )?points?)"
_BEST = r"(?: as (?:the )?(?:best|most accurate|uncompressed|original)?.*)?"


def _loss(number: str) -> Said:
    return {"max_loss": float(number) / 100}


def _quality(number: str) -> Said:
    return {"min_quality": float(number) / 100}


def _faster(number: str) -> Said:
    return {"max_latency_ratio": 1 - float(number) / 100}


def _times(number: str) -> Said:
    return {"max_latency_ratio": 1 / float(number)}


def _share(number: str) -> Said:
    return {"max_latency_ratio": float(number) / 100}


# each with what it reads like in the message of an error; the first that fits a whole clause counts
_CLAUSES: tuple[tuple[str, str, Callable[..., Said]], ...] = (
    (
        "at most 1 % less accurate",
        rf"(?:at most|up to|max(?:imum|\.)?)? ?{_PER_CENT} (?:less accura\w+|(?:accuracy )?(?:loss|drop).*)",
        _loss,
    ),
    ("at least 90 % accurate", rf"(?:at least|min(?:imum|\.)?)? ?{_PER_CENT} (?:accura\w+|right)", _quality),
    (
        "at least as accurate as the best single network",
        rf"(?:at least )?as accurate{_BEST}|no(?:t| )? ?less accurate.*|no loss.*|no (?:accuracy )?drop.*",
        lambda: {"max_loss": 0.0},
    ),
    ("half the time", r"(?:in |at most )?half the (?:time|latency)|twice as fast", lambda: {"max_latency_ratio": 0.5}),
    ("at least 20 % faster", rf"(?:at least )?{_PER_CENT} faster", _faster),
    ("2.5 times as fast", rf"(?:at least )?{_NUMBER} ?(?:x|times) (?:as fast|faster)", _times),
    ("at most 40 % of the time", rf"(?:in |at most )?{_PER_CENT} of the (?:time|latency)", _share),
    ("as fast as possible", r"as fast as possible|fastest|least (?:time|latency)", lambda: {"minimize": "latency"}),
    (
        "as little energy as possible",
        r"as little energy as possible|least energy",
        lambda: {"minimize": "energy"},
    ),
    (
        "as little memory as possible",
        r"as little memory as possible|as small as possible|least memory",
        lambda: {"minimize": "memory"},
    ),
)


def parse_goal(text: str) -> Goal:
    """Read a goal: clauses with commas, "and" or "but" between them.

    Raises:
        ObjectiveError: a clause that is not understood, or two that say different things.
    """
    said: Said = {}
    clauses = [clause.strip(" .") for clause in re.split(r"[,;]|\b(?:and|but)\b", text.lower())]
    for clause in filter(None, clauses):
        for key, value in _read(text, clause).items():
            if said.setdefault(key, value) != value:
                raise ObjectiveError(f"goal: got {text!r}, which asks for {key} twice: say it once")
    if not said:
        raise _unknown(text)
    goal = Goal(**said)  # type: ignore[arg-type]  # only `minimize` gets a text
    for name in ("max_loss", "min_quality"):
        value = getattr(goal, name)
        if value is not None and value > 1:
            raise ObjectiveError(f"goal: got {text!r}, allowed are at most 100 %")
    if goal.max_latency_ratio is not None and not 0 < goal.max_latency_ratio <= 1:
        raise ObjectiveError(f"goal: got {text!r}, allowed is more than none and at most all of the time")
    return goal


def _read(text: str, clause: str) -> Said:
    for _, pattern, meaning in _CLAUSES:
        match = re.fullmatch(pattern, re.sub(r"\s+", " ", clause))
        if match:
            try:
                return meaning(*match.groups())
            except ZeroDivisionError:
                break
    raise _unknown(text)


def _unknown(text: str) -> ObjectiveError:
    allowed = "; ".join(example for example, _, _ in _CLAUSES)
    return ObjectiveError(f"goal: got {text!r}, understood are, with commas between: {allowed}")
