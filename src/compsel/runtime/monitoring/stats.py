"""What a runtime did so far, as one value."""

from collections.abc import Mapping
from typing import Any

from compsel.device.resident_memory import resident_mb
from compsel.runtime.concurrency.answer_queue import AnswerQueue
from compsel.runtime.engines.engine_pool import EnginePool
from compsel.runtime.faults.quarantine import Quarantine
from compsel.runtime.monitoring.call_counts import CallCounts
from compsel.runtime.monitoring.latency_distribution import LatencyDistribution
from compsel.values import dataclass

__all__ = ["RuntimeStats"]


@dataclass(frozen=True, kw_only=True)
class RuntimeStats:
    """What a runtime did since it was loaded, and what it holds now.

    Attributes:
        answers: of calls, of rows of batches, of inputs of `map`.
        by_choice: of these, by what ran, "<variant>@<processor>" of every stage joined by " > ".
        by_stages: of these, by how many stages ran.
        abstained: of these, those withheld as unsure.
        constraints_missed: of these, those where no choice was expected to meet the limits.
        late: of these, those that came after their deadline.
        latency: of these; of a queued call with its waiting.
        bad_inputs: calls whose input nothing can answer.
        failures: calls that nothing answered, though other inputs might have been.
        stage_failures: stages that failed; where another choice answered, the call is among the answers.
        given_up: of these, those that took too long.
        refused: calls for which the queue was full, or their deadline too near.
        cancelled: calls that were cancelled while they waited or ran.
        queued, running: calls in the queue, and before it, now.
        quarantined: what failed and is left alone now: processors, and choices as "<variant>@<processor>".
        engines_open: variants on processors that are loaded now, as "<variant>@<processor>".
        engines_mb: about what these take.
        resident_mb: memory of the whole process.
        recorder_drops: answers that were not recorded though they should have been.
    """

    answers: int
    by_choice: Mapping[str, int]
    by_stages: Mapping[int, int]
    abstained: int
    constraints_missed: int
    late: int
    latency: LatencyDistribution
    bad_inputs: int
    failures: int
    stage_failures: int
    given_up: int
    refused: int
    cancelled: int
    queued: int
    running: int
    quarantined: tuple[str, ...]
    engines_open: tuple[str, ...]
    engines_mb: float
    resident_mb: float
    recorder_drops: int

    @property
    def escalations(self) -> int:
        """Return how many stages ran after the first ones."""
        return sum((stages - 1) * count for stages, count in self.by_stages.items())

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it; `latency_ms` has "mean", "max", "p50", "p95", "p99", null without answers."""
        figures: dict[str, Any] = {}
        for name, value in vars(self).items():
            if name == "latency":
                figures["latency_ms"] = self.latency.to_dict()
            elif isinstance(value, Mapping):
                figures[name] = {str(key): count for key, count in value.items()}
            else:
                figures[name] = list(value) if isinstance(value, tuple) else value
        return figures

    @classmethod
    def of(
        cls, calls: CallCounts, queue: AnswerQueue, quarantine: Quarantine, pool: EnginePool, recorder_drops: int = 0
    ) -> "RuntimeStats":
        """Return the stats of the parts of a runtime."""
        blocked = quarantine.blocked()
        return cls(
            **calls.counted()._asdict(),
            **queue.counts(),
            quarantined=tuple(sorted(one if isinstance(one, str) else "@".join(one) for one in blocked)),
            engines_open=pool.open_engines,
            engines_mb=pool.resident_mb,
            resident_mb=resident_mb(),
            recorder_drops=recorder_drops,
        )
