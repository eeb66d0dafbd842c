"""The verdict on a policy: does it beat what a sceptic would ship, and if not, why, and what would help."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from compsel.profiling.confidence_intervals import Estimate
from compsel.selection.judging.difference_words import speed_words, times_words
from compsel.selection.judging.paired_comparison import PairedComparison, PolicyAnswers, compare
from compsel.selection.judging.single_choices import AgainstSingle

__all__ = ["Verdict", "judge", "nothing_to_compare"]

# an oracle that gains less than this over the best single variant leaves nothing to win
_LITTLE_SPEEDUP, _LITTLE_ACCURACY = 1.15, 0.01
_ALIKE = 1.5  # times that the slowest of alike candidates takes of the fastest one's time
_NO_DIFFERENCE = 0.01  # of the logarithm of a speed-up: more samples would not show who is faster either
_MOST_SAMPLES = 100_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the adaptive policy beats the sceptic's choice with 95 % confidence.

    It does where its interval of the speed-up lies above 1 and that of its accuracy is not wholly below 0 (or the
    other way round: more accurate for certain, and not slower for certain).

    Attributes:
        beats_hindsight_static: whether it does; None: there is nothing to compare with.
        sentence: in words, with the figures.
        reasons: why not, and what would help; where it does, a variant that comes near it.

    >>> Verdict(True, "adaptive beats net/int8-static").to_dict()["reasons"]
    []
    """

    beats_hindsight_static: bool | None
    sentence: str
    reasons: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """The first reason why it does not; "" where it does, or where that is not known."""
        return next(iter(self.reasons), "") if self.beats_hindsight_static is False else ""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "beats_hindsight_static": self.beats_hindsight_static,
            "sentence": self.sentence,
            "reasons": list(self.reasons),
        }


def nothing_to_compare(variant: str) -> Verdict:
    """Return the verdict on a bundle with one choice, where nothing else of its build is at hand."""
    return Verdict(None, f"the bundle holds one choice, {variant}: there is nothing here to compare it with")


# many parameters: what is compared, with what, among what; all are needed and none belongs to another
def judge(
    ours: PolicyAnswers,
    oracle: PolicyAnswers,
    static: Mapping[str, PolicyAnswers],
    against: AgainstSingle,
    groups: ArrayLike | None = None,
    trained_on: int = 0,
    unit: str = "ms",
) -> Verdict:
    """Say what the comparison with the best single choice says, and why the policy does not win, where it does not.

    Of the choice with itself (the same answers, timed once) there is nothing to compare.

    Args:
        ours, oracle: answers to the same n samples.
        static: by variant, the answers of all that the sceptic chose from.
        against: the policy against what the sceptic chose: the rule that also says what ships.
        groups: (n,), see `compare`.
        trained_on: number of samples that the policy was trained on; 0: not known.
        unit: of what stands in the place of latencies: "ms", or "mJ" where energy is minimised.

    >>> import numpy as np
    >>> from compsel.evaluation.results import PolicyResult
    >>> from compsel.selection.judging.single_choices import SingleChoices
    >>> ours, other = (PolicyResult(name, np.ones(9), np.full(9, ms)) for name, ms in (("a", 2.0), ("net/none", 5.0)))
    >>> static = {"net/none": other}
    >>> judge(ours, ours, static, SingleChoices(static).against(ours)).beats_hindsight_static
    True
    """
    found, choice = against.found, against.choice
    sceptic = static[choice.variant]
    possible = _what_is_possible(compare(oracle, sceptic, groups), static, trained_on, unit)
    if found.is_same:
        return Verdict(False, f"adaptive does not beat {choice.described}: it is that choice", (possible,))
    verb = "beats" if against.beats else "does not beat"
    sentence = f"adaptive {verb} {choice.described}: {found.words(unit)}"
    if against.beats:
        rival = _rival(ours, static, choice.variant, groups, unit)
        return Verdict(True, sentence, (rival,) if rival else ())
    n = len(ours.right)
    if len(_ran(ours)) == 1 and against.unproven:
        reason = (
            f"{choice.variant} is as accurate here, but {n} samples do not show that it keeps the floor of accuracy: "
            f"it lacks {100 * against.unproven:.1f} points for that; more samples may allow it"
        )
    elif len(_ran(ours)) == 1 and _ran(ours) == _ran(sceptic):
        reason = f"adaptive ran {choice.variant} for every input too: it never found reason to choose otherwise"
    else:
        reason = _why(found, choice.variant, n, unit)
    return Verdict(False, sentence, (reason, possible))


def _ran(answers: PolicyAnswers) -> set[str]:
    return {choice.rpartition("@")[0] or choice for choice in answers.choices}


def _rival(
    ours: PolicyAnswers, static: Mapping[str, PolicyAnswers], beaten: str, groups: ArrayLike | None, unit: str
) -> str:
    """Return a variant that is faster for certain and not less accurate for certain; "" where there is none.

    Hindsight static is at least as accurate: another one that falls short of that by a sample or two is not it.
    """
    accuracy, latency_ms = float(ours.right.mean()), float(ours.latency_ms.mean())
    near = [
        name
        for name, answers in static.items()
        if name != beaten and answers.latency_ms.mean() < latency_ms and answers.right.mean() < accuracy
    ]
    for name in sorted(near, key=lambda name: -float(static[name].right.mean())):
        found = compare(static[name], ours, groups)
        if found.faster and not found.less_accurate:
            faster = "faster" if unit == "ms" else "takes less"
            return f"but {name} is nearly as accurate, and {faster}: {found.words(unit)} against adaptive"
    return ""


def _why(found: PairedComparison, variant: str, n: int, unit: str) -> str:
    """Say what keeps the policy from beating a variant."""
    speedup, dear, cheap = found.speedup, *(("slower", "faster") if unit == "ms" else ("takes more", "takes less"))
    if found.cost is not None and found.cost.high >= 1:
        return f"wrong answers included, which costs less is not certain: {variant} is the simpler choice"
    if found.cost is None and found.faster:
        return (
            f"it {'is ' if unit == 'ms' else ''}{cheap}, but less accurate with 95 % confidence: train on more samples "
            f"to keep its floor of accuracy, or ship {variant}"
        )
    if found.cost is None and found.slower and found.more_accurate:
        return (
            f"it is more accurate, but {dear}, both with 95 % confidence: ship it where that is worth the "
            f"{'time' if unit == 'ms' else 'energy'}"
        )
    if found.cost is not None or found.slower or found.less_accurate:
        return f"this static choice is better here: ship that one, {variant}"
    distance = abs(math.log(speedup.value))
    half_width = (math.log(speedup.high) - math.log(speedup.low)) / 2
    needed = n * (half_width / max(distance, 1e-9)) ** 2
    if distance < _NO_DIFFERENCE or needed > _MOST_SAMPLES:
        alike = "they are equally fast" if unit == "ms" else "they take equally much"
        return f"{alike}: a gain of more than {100 * (speedup.high - 1):.0f} % is excluded"
    return (
        f"too few samples: got {n}, about {_rounded_up(needed)} would settle whether {_times(speedup.value, unit)} is "
        "real"
    )


def _what_is_possible(
    possible: PairedComparison, static: Mapping[str, PolicyAnswers], trained_on: int, unit: str
) -> str:
    """Say what an oracle would gain over the sceptic's choice, and what would help."""
    gain = f"{_times(possible.speedup.value, unit)}, {100 * possible.accuracy.value:+.1f} points"
    if possible.speedup.value < _LITTLE_SPEEDUP and possible.accuracy.value < _LITTLE_ACCURACY:
        means = [float(answers.latency_ms.mean()) for answers in static.values()]
        if max(means) < _ALIKE * min(means):
            return (
                f"candidates too alike: all take {min(means):.2f} to {max(means):.2f} {unit}, and an oracle is only "
                f"{gain}: build with cheaper ones (--technique, a smaller network)"
            )
        return (
            f"the oracle is too near: choosing with hindsight is only {gain}: build with cheaper candidates that are "
            "often right, or with ones that are right where this one is wrong"
        )
    samples = f"more than the {trained_on} samples it was trained on" if trained_on else "more samples"
    return f"an oracle is {gain}: to come nearer, train on {samples}, or build with cheaper candidates"


def _rounded_up(number: float) -> int:
    """Round up to two digits: an estimate is no more exact."""
    step = 10 ** max(0, math.floor(math.log10(max(number, 1.0))) - 1)
    return int(math.ceil(number / step) * step)


def _times(speedup: float, unit: str) -> str:
    estimate = Estimate(speedup, speedup, speedup)
    if unit == "mJ":
        return times_words(estimate, "as little energy", "as much energy")
    words = speed_words(estimate)
    return "just as fast" if words == "as fast" else words
