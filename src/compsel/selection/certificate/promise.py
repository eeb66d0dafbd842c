"""Promises as people say them: "99 % agreement at 95 % confidence"."""

import re
from dataclasses import dataclass

from compsel.errors import ObjectiveError

__all__ = ["Promise"]

_PER_CENT = r"(\d+(?:\.\d+)?) ?(?:%|per ?cent)"
_AGREEMENT = re.compile(
    rf"(?:at least )?{_PER_CENT} agreement|agrees? (?:on|in) (?:at least )?{_PER_CENT}(?: of (?:the |all )?\w+)?"
)
_CONFIDENCE = re.compile(rf"(?:(?:at|with) )?{_PER_CENT} confiden(?:ce|t)")
_BREAKS = re.compile(r"[,;()]|\band\b|\b(?:at|with)\b(?= [\d.]+ ?(?:%|per ?cent) confiden)")
_LEAST_LEVEL, _LEAST_CONFIDENCE = 0.5, 0.5


@dataclass(frozen=True, slots=True)
class Promise:
    """What a bundle shall promise: to agree with the most accurate network on so many of the inputs.

    Attributes:
        level: least share of inputs on which it agrees.
        confidence: that this is so.

    Raises:
        ObjectiveError: a share that is not allowed. No number of samples shows that something never happens.

    >>> Promise.read("99 % agreement")
    Promise(level=0.99, confidence=0.95)
    >>> Promise.read("agrees on at least 95 %, with 90 % confidence")
    Promise(level=0.95, confidence=0.9)
    >>> Promise.read("quite sure")
    Traceback (most recent call last):
    compsel.errors.ObjectiveError: certify: got 'quite sure', understood are "99 % agreement" and "99 % agreement ...
    """

    level: float
    confidence: float = 0.95

    def __post_init__(self) -> None:
        for name, least in (("level", _LEAST_LEVEL), ("confidence", _LEAST_CONFIDENCE)):
            value = getattr(self, name)
            if not least <= value < 1:
                raise ObjectiveError(
                    f"certify: got a {name} of {100 * value:g} %, allowed are {least:.0%} to below 100 %: no number of "
                    "samples shows what never happens"
                )

    @classmethod
    def read(cls, text: str) -> "Promise":
        """Read a promise in words; it is at 95 % confidence unless they say another one.

        Raises:
            ObjectiveError: words that are not understood.
        """
        said: dict[str, float] = {}
        clauses = [re.sub(r"\s+", " ", clause).strip(" .") for clause in _BREAKS.split(text.lower())]
        for clause in filter(None, clauses):
            agreement, confidence = _AGREEMENT.fullmatch(clause), _CONFIDENCE.fullmatch(clause)
            found = agreement or confidence
            name = "level" if agreement else "confidence"
            if found is None or name in said:
                raise _unknown(text)
            said[name] = float(next(filter(None, found.groups()))) / 100
        if "level" not in said:
            raise _unknown(text)
        return cls(**said)


def _unknown(text: str) -> ObjectiveError:
    return ObjectiveError(
        f'certify: got {text!r}, understood are "99 % agreement" and "99 % agreement at 90 % confidence", with the '
        "shares that you want"
    )
