"""What inferences teach: corrected costs, failed processors, and now and then a trial."""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from compsel.errors import CompselError, IntegrityError, ModelError, ProcessorError
from compsel.progress.logger import log_event
from compsel.runtime.adaptation.latency_correction import LatencyCorrections
from compsel.runtime.adaptation.live_costs import ChoiceCosts, LiveCosts
from compsel.runtime.answer import Stage
from compsel.runtime.faults.quarantine import Quarantine
from compsel.runtime.faults.watched_calls import HangError, StillOpeningError
from compsel.runtime.monitoring.call_counts import CallCounts
from compsel.runtime.planning.planner import PlacedPlan
from compsel.selection.costs.model import CostModel
from compsel.variants.engine import Engine

if TYPE_CHECKING:
    from compsel.runtime.adaptation.exploration import Explorer

__all__ = ["CHOICE_FAULTS", "Observations", "StageFailedError"]

# what a choice is answered for by another one; an IntegrityError: its file was changed, and cannot be opened any more
CHOICE_FAULTS = (ProcessorError, ModelError, IntegrityError)

_CHECK_S = 1.0
_MOST_PENDING = 256  # answers that may wait to be learned from


class StageFailedError(CompselError):
    """A processor failed while an input was answered; another one may answer.

    Attributes:
        variant, processor: what failed.
        error: what it raised.
        engine: that failed; None: it could not be opened.
        expected_ms: what it takes on average, where that is known.
        limit_s: how long it was allowed to take; as long may the check take whether it works at all.
        keeps_engine: whether the engine is as good as before: it is opening, or was stopped.
        is_opening: whether the engine only takes longer to open than a deadline allows.
        text: what came of it, for `Answer.note`.
    """

    def __init__(self, variant: str, processor: str, error: CompselError, engine: Engine | None = None) -> None:
        super().__init__(str(error))
        self.variant, self.processor, self.error, self.engine = variant, processor, error, engine
        self.is_opening = isinstance(error, StillOpeningError)
        stopped = engine is not None and engine.can_be_stopped and isinstance(error, HangError)
        self.keeps_engine = self.is_opening or stopped
        self.text, self.expected_ms, self.limit_s = "", 0.0, _CHECK_S

    @classmethod
    def of(cls, variant: str, processor: str, error: Exception, engine: Engine | None = None) -> "StageFailedError":
        """Return the failure that an error means, which need not be one of ours."""
        if not isinstance(error, CHOICE_FAULTS):
            error = ProcessorError(f"{variant} on {processor}: failed with {error!r}")
        return cls(variant, processor, error, engine)


class Observations:
    """Learns from what ran, and from what failed to.

    Args:
        cost_model: of the choices that are available here.
        adapt: whether measured inferences correct the costs.
        explore: share of the time for trials; see `Explorer`.

    Attributes:
        pending: the stages of answers that nothing has been learned from yet, and what they were planned by.
        explores: whether trials are made.
        calls: counts what became of calls, and of their stages.

    >>> import numpy as np
    >>> table_ms = np.array([[2.0, 1.0]])
    >>> cost_model = CostModel((("a", "cpu:1"), ("a", "cpu:2")), np.zeros((1, 1)), table_ms, table_ms)
    >>> observations = Observations(cost_model, adapt=True, explore=0.0)
    >>> for _ in range(2):
    ...     observations.learn(Stage("a", "cpu:2", latency_ms=8.0, expected_ms=1.0), "cpu:2", observations.live.at(0.0))
    >>> observations.live.at(0.0).latency_ms.round(1)
    array([2.4, 8. ])
    """

    def __init__(self, cost_model: CostModel, *, adapt: bool, explore: float) -> None:
        self.quarantine = Quarantine()
        self.corrections = LatencyCorrections(cost_model.choices) if adapt or explore else None
        self.live = LiveCosts(cost_model, self.quarantine, self.corrections)
        self.explores = explore > 0
        self.calls = CallCounts()
        self._explorer = _explorer(explore) if explore else None
        self.pending: deque[tuple[Sequence[Stage], PlacedPlan]] = deque(maxlen=_MOST_PENDING)

    def processor(self, variant: str, best: str, costs: ChoiceCosts) -> str:
        """Return where to run a variant: on the best processor, but for a trial."""
        if self._explorer is None or self.corrections is None:
            return best
        return self._explorer.processor(variant, best, costs, self.live, self.corrections)

    def learn_pending(self) -> None:
        """Learn from the answers that are pending."""
        while self.pending:
            stages, planned = self.pending.popleft()
            best = dict(zip(planned.policy.variants, planned.processors, strict=True))
            for stage in stages:
                self.learn(stage, best[stage.variant], planned.costs)

    def learn(self, stage: Stage, best: str, costs: ChoiceCosts) -> None:
        """Learn from what a stage took that was planned at these costs, and from whether it was a trial."""
        if self.quarantine.succeed(stage.variant, stage.processor):
            fields = {"variant": stage.variant, "processor": stage.processor}
            log_event("INFO", "choice_recovered", "%s works again", stage.processor, fields=fields)
        if stage.latency_ms <= 0:  # the clock jumped
            return
        self.live.observe((stage.variant, stage.processor), stage.latency_ms, costs)
        if self._explorer is not None:
            best_ms = float(costs.latency_ms[self.live.number((stage.variant, best))])
            self._explorer.account(stage.latency_ms, best_ms, trial=stage.processor != best)

    def report_failure(self, failure: StageFailedError) -> None:
        """Put what failed into quarantine: a processor, or where the model is at fault one variant there.

        What was only too slow, and answered before, is suspected: where nothing else is left, it runs all the same.
        """
        one_variant = failure.is_opening or isinstance(failure.error, (ModelError, IntegrityError))
        what = (failure.variant, failure.processor) if one_variant else failure.processor
        trusted = failure.engine is not None and failure.engine.has_answered
        suspected = failure.is_opening or (trusted and isinstance(failure.error, HangError))
        wait_s = self.quarantine.fail(what, suspected=suspected)
        named = f"{failure.variant} on {failure.processor}"
        # as text: whoever keeps records of the log would keep the session too
        error = str(failure.error)
        fields = {
            "variant": failure.variant,
            "processor": failure.processor,
            "wait_s": wait_s,
            "error": error,
            "error_type": type(failure.error).__name__,
        }
        text = "%s failed, is tried again in %g s: %s"
        log_event("WARNING", "choice_failed", text, named, wait_s, error, fields=fields)
        failure.text = f"{failure.processor} failed, is tried again in {wait_s:g} s: {failure.error}"


def _explorer(share: float) -> "Explorer":
    from compsel.runtime.adaptation.exploration import Explorer  # few apps spend time on it

    return Explorer(share)
