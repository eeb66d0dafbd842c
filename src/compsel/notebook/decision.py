"""What was decided for an input, read from its answer: what ran, why it went on, what other choices would have cost."""

from dataclasses import dataclass

import numpy as np

from compsel.errors import UsageError
from compsel.runtime.answer import Answer, Stage
from compsel.runtime.planning.planner import PlacedPlan
from compsel.selection.policies import FixedPolicy

__all__ = ["Alternative", "Decision", "Step", "decision_of"]


@dataclass(frozen=True, slots=True)
class Step:
    """A stage that ran, and what was made of its answer.

    Attributes:
        stage: what ran.
        stops_from: how sure its answer had to be to be given; None: that did not decide.
        why: what was made of it, in words.

    >>> Step(Stage("net/int8", "cpu:2", 3.0, 2.9, 0.8), 0.9, "80 % sure, goes on below 90 %").stage.probability_right
    0.8
    """

    stage: Stage
    stops_from: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Alternative:
    """A variant on the processor where it was expected to be fastest then.

    Attributes:
        variant, processor: what and where.
        expected_ms: mean, as it was expected then.
        quality: on the samples that the bundle was built with.
        ran: whether it did.

    >>> Alternative("net/none", "cpu:2", 9.0, 0.89, False).expected_ms
    9.0
    """

    variant: str
    processor: str
    expected_ms: float
    quality: float
    ran: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """How an answer came about.

    Attributes:
        answer: what was answered.
        steps: the stages, in order.
        parts_ms: decode, features, the stages by number, and the rest; they add up to the latency.
        alternatives: the fastest first.

    >>> Decision(Answer([], 1.0, ()), (), {"decode": 0.4, "rest": 0.6}, ()).parts_ms["rest"]
    0.6
    """

    answer: Answer
    steps: tuple[Step, ...]
    parts_ms: dict[str, float]
    alternatives: tuple[Alternative, ...]


def decision_of(answer: Answer) -> Decision:
    """Read how an answer came about.

    Raises:
        UsageError: an answer that holds no plan, such as a copy of one.
    """
    planned = answer.planned
    if planned is None:
        raise UsageError("explain: got an answer without its plan, allowed is one as a runtime gives it, not a copy")
    steps = tuple(_step(answer, planned, place) for place in range(len(answer.stages)))
    stages = {f"stage {place}": stage.latency_ms for place, stage in enumerate(answer.stages, start=1)}
    parts = {"decode": answer.decode_ms, "features": answer.features_ms, **stages, "choosing": answer.selector_ms}
    return Decision(answer, steps, parts, tuple(_alternatives(answer, planned)))


def _step(answer: Answer, planned: PlacedPlan, place: int) -> Step:
    stage, last = answer.stages[place], place == len(answer.stages) - 1
    variants = list(planned.policy.variants)
    ran = [variants.index(one.variant) for one in answer.stages[: place + 1]]
    stops_from = planned.plan.stops_from(ran)
    sure = stage.probability_right
    if sure is None or stops_from is None:
        always = isinstance(planned.policy, FixedPolicy)
        return Step(stage, None, "the one variant that is run" if always else "chosen by what the input looks like")
    if not last:
        return Step(stage, stops_from, f"{_percent(sure)} sure, below {_percent(stops_from)}: goes on")
    if 0 < stops_from <= sure:
        return Step(stage, stops_from, f"{_percent(sure)} sure, {_percent(stops_from)} is enough: answers")
    return Step(stage, stops_from, f"{_percent(sure)} sure: nothing that is left is worth its time")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _alternatives(answer: Answer, planned: PlacedPlan) -> list[Alternative]:
    fastest: dict[str, tuple[str, float]] = {}
    for (variant, processor), latency_ms in zip(planned.choices, planned.costs.latency_ms.tolist(), strict=True):
        if np.isfinite(latency_ms) and (variant not in fastest or latency_ms < fastest[variant][1]):
            fastest[variant] = processor, latency_ms
    ran = {stage.variant for stage in answer.stages}
    found = [
        Alternative(variant, processor, latency_ms, planned.quality.get(variant, float("nan")), variant in ran)
        for variant, (processor, latency_ms) in fastest.items()
    ]
    return sorted(found, key=lambda one: one.expected_ms)
