"""What a runtime loads and runs before its first answer, and what it goes on with behind the first answers."""

import time
import weakref
from collections.abc import Callable, Iterable

from compsel.errors import BundleError, CompselError
from compsel.progress.logger import log_event
from compsel.runtime.adaptation.observations import StageFailedError
from compsel.runtime.dispatch.stage_runner import StageRunner
from compsel.runtime.planning.plan_cache import PlanCache
from compsel.runtime.planning.planner import NO_LIMITS, Limits, PlacedPlan, Planner
from compsel.selection.costs.model import CostModel
from compsel.selection.costs.sizes import bucket_of
from compsel.selection.policies import Policy

__all__ = ["Warming", "opener"]

_PLANS_LATER_S = 0.2

Plan = Callable[[Limits, frozenset[str] | None, int | None], PlacedPlan]


class Warming:
    """Opens engines, runs them on a made-up input where there is one, and makes plans, before they are needed.

    Args:
        policy: whose variants they are.
        costs: of the choices that are available here.
        planner: of its plans.
        plan_cache: plans for what is to be expected.
        plan: plans for calls of now, and keeps that.
        runner: of stages.
        report: is told of each that fails.
        opens_all: whether all that a plan may run is opened before it is needed.
    """

    # many parameters: what is warmed up
    def __init__(
        self,
        policy: Policy,
        costs: CostModel,
        planner: Planner,
        plan_cache: PlanCache,
        plan: Plan,
        runner: StageRunner,
        report: Callable[[StageFailedError], None],
        opens_all: bool,
    ) -> None:
        self._opens_all = opens_all
        self._policy, self._planner, self._plan_cache, self._plan = policy, planner, plan_cache, plan
        self._runner, self._report = runner, report
        self._costs = costs
        self._sizes: list[float | None] = costs.sizes.tolist() or [None]

    def first(self) -> None:
        """Warm up what answers first as the device is now, and go on behind the first answers with what comes next.

        Raises:
            ModelError, ProcessorError: the first variant failed on every one of its processors.
        """
        self._runner.adopt_early()
        usual = None if self._costs.by_size is None else self._costs.by_size.usual
        planned = self._plan(NO_LIMITS, None, _bucket(usual))
        first = _first_position(planned)
        self._require(planned.policy.variants[first], [planned.processors[first]])
        # where memory is short, what comes next would take the place of what answers first
        later = planned if self._opens_all else None
        held = weakref.ref(self)
        self._runner.start(lambda: _go_on(held, later, first), "warming up")

    def everything(self) -> None:
        """Warm up every variant where it is best in any measured state of the device, and plan for all of them.

        Raises:
            ModelError, ProcessorError: a variant failed on every one of its processors.
        """
        # first: where memory is short, these make room for the variants of the policy
        for name, processor in self._planner.fallbacks():
            self._try(name, [processor])
        for name in self._policy.variants:
            self._require(name, self._best_processors(name))
        self._make_plans()

    def _fallbacks(self, planned: PlacedPlan) -> None:
        """Warm up what answers where no deadline can be met now, unless it is loaded anywhere: then that answers."""
        for name, processor in self._planner.fallbacks(planned.costs):
            if name not in planned.policy.variants:
                self._try(name, [processor])

    def _best_processors(self, name: str) -> list[str]:
        """Return where a variant of the policy runs in the measured states and sizes; one where the policy pins it."""
        costs, pinned = self._costs, self._policy.processor
        if pinned is not None and (name, pinned) in costs.choices:
            return [pinned]
        return list(
            dict.fromkeys(costs.processors(name, where, size)[0] for where in costs.states for size in self._sizes)
        )

    def _make_plans(self) -> None:
        self._plan_cache.prepare(self._planner)
        for size in self._sizes:
            self._plan(NO_LIMITS, None, _bucket(size))

    def _require(self, name: str, best: Iterable[str]) -> None:
        """Warm up a variant on some processors; where it fails on all, on any other.

        Raises:
            ModelError, ProcessorError: it failed on every one.
        """
        best = dict.fromkeys(best)
        failures = self._try(name, best)
        if len(failures) < len(best):
            return
        others = [processor for variant, processor in self._costs.choices if variant == name and processor not in best]
        for processor in others:
            more = self._try(name, [processor])
            if not more:
                return
            failures += more
        raise failures[-1].error

    def _try(self, name: str, processors: Iterable[str]) -> list[StageFailedError]:
        failures = []
        for processor in processors:
            try:
                self._runner.warm_up(name, processor)
            except BundleError:
                raise
            except Exception as error:  # whatever a session raises
                failures.append(StageFailedError.of(name, processor, error))
                self._report(failures[-1])
        return failures


def _go_on(held: "weakref.ref[Warming]", planned: PlacedPlan | None, done: int) -> None:
    """Warm up what a plan runs next, then make plans; stop where the runtime is closed, or nobody holds it any more."""
    choices = [] if planned is None else list(zip(planned.policy.variants, planned.processors, strict=True))
    try:
        for name, processor in choices[:done] + choices[done + 1 :]:
            if (warming := held()) is None:
                return
            warming._require(name, [processor])
            del warming
        # planning takes the interpreter, which the first answers need
        time.sleep(_PLANS_LATER_S)
        if (warming := held()) is not None:
            if planned is not None:
                warming._fallbacks(planned)
            warming._make_plans()
        from compsel.isolation.freed_memory import return_freed_memory  # not before the first answer

        # opening leaves twice the weights with the allocator
        return_freed_memory()
    except BundleError:
        return  # closed meanwhile
    except CompselError as error:
        fields = {"error": str(error), "error_type": type(error).__name__}
        log_event("WARNING", "warm_up_failed", "while warming up: %s", str(error), fields=fields)


def opener(runner: StageRunner, report: Callable[[StageFailedError], None]) -> Callable[[str, str], None]:
    """Return what opens a choice in the background, and says where that fails.

    It holds neither: they hold the plans, whose maker calls it.
    """
    opening: set[tuple[str, str]] = set()
    runner_held, report_held = weakref.ref(runner), weakref.ref(report)

    def opens(name: str, processor: str) -> None:
        runner = runner_held()
        if runner is not None and (name, processor) not in opening:
            opening.add((name, processor))
            runner.start(lambda: warm_up(name, processor), f"opening {name} on {processor}")

    def warm_up(name: str, processor: str) -> None:
        runner, report = runner_held(), report_held()
        try:
            if runner is not None:
                runner.warm_up(name, processor)
        except BundleError:
            pass  # closed meanwhile
        except Exception as error:  # whatever a session raises
            if report is not None:
                report(StageFailedError.of(name, processor, error))
        finally:
            opening.discard((name, processor))

    return opens


def _bucket(size: float | None) -> int | None:
    return None if size is None else bucket_of(size)


def _first_position(planned: PlacedPlan) -> int:
    """Return which variant of a plan answers first; where the input decides that, the fastest one."""
    if planned.policy.extractor:
        return min(range(len(planned.expected_ms)), key=planned.expected_ms.__getitem__)
    return planned.plan.first(None)
