"""What a reader of a result can do now."""

from collections.abc import Mapping

from compsel.evaluation.result import Result
from compsel.profiling.confidence_intervals import Estimate
from compsel.selection.judging.difference_words import speed_words
from compsel.selection.judging.paired_comparison import PolicyAnswers

__all__ = ["next_steps"]

# what is less is nothing to write about: a speed-up, and points of accuracy that another choice may lose
_LITTLE, _WORTH, _MOST_LOSS = 1.05, 1.3, 0.03
_WIDE, _MANY = 0.01, 2000  # an interval of the accuracy that more samples would narrow, unless there are many


def next_steps(result: Result, static: Mapping[str, PolicyAnswers]) -> tuple[str, ...]:
    """Return sentences, the most useful first.

    Args:
        result: of a build, or of an evaluation.
        static: by variant, what always running it gives for the same samples.

    >>> from compsel.evaluation.result import AnswerFigures
    >>> next_steps(Result(AnswerFigures("b", 5.0, 0.9), n=5000), {})
    ()
    """
    return tuple(step for step in (_cheaper(result, static), _more_samples(result)) if step)


def _cheaper(result: Result, static: Mapping[str, PolicyAnswers]) -> str:
    """Return which floor of accuracy would allow a faster choice, where nothing was gained; "" where something was."""
    found = result.against_current
    if found is None or found.speedup.value > _LITTLE or result.current is None:
        return ""
    ours, now = result.ours, result.current
    smaller = ours.size_mb is not None and now.size_mb is not None and _WORTH * ours.size_mb < now.size_mb
    if found.accuracy.low > 0 or smaller:
        return ""  # accuracy or size was gained
    losses = {name: now.accuracy - float(one.right.mean()) for name, one in static.items()}
    near = {name: loss for name, loss in losses.items() if 0 < loss <= _MOST_LOSS}
    fast = [name for name in near if ours.latency_ms > _WORTH * float(static[name].latency_ms.mean())]
    if not fast:
        return (
            "Nothing was gained here: no cheaper variant is nearly as accurate. Try others (--technique), or a smaller "
            "network beside yours."
        )
    name = min(fast, key=lambda one: near[one])
    gain = ours.latency_ms / float(static[name].latency_ms.mean())
    return (
        f"Nothing was gained at this accuracy; {name} would be {speed_words(Estimate(gain, gain, gain))} at "
        f"{-100 * near[name]:+.1f} points: build again with --max-loss {_rounded_up(near[name])}, if that is allowed."
    )


def _rounded_up(loss: float) -> str:
    return next(f"{step:g}" for step in (0.005, 0.01, 0.02, 0.03, 0.05) if step >= loss)


def _more_samples(result: Result) -> str:
    found = result.against_current
    if found is None or not 0 < result.n < _MANY:
        return ""
    half = (found.accuracy.high - found.accuracy.low) / 2
    if half < _WIDE:
        return ""
    return f"{result.n} samples tell the accuracy to {100 * half:.1f} points: four times as many would halve that."
