"""What a failure of a stage means for every later call."""

from collections.abc import Callable

from compsel.runtime.adaptation.observations import StageFailedError
from compsel.runtime.engines.engine_pool import EnginePool
from compsel.runtime.planning.plan_cache import PlanCache

__all__ = ["failure_report"]


def failure_report(pool: EnginePool, plan_cache: PlanCache) -> Callable[[StageFailedError], None]:
    """Return what is told of failures: the engine is dropped, unless it is as good as before, the choice barred.

    It holds no runtime: one that is dropped is freed at once.
    """

    def report(failure: StageFailedError) -> None:
        if not failure.keeps_engine:
            pool.drop(failure.variant, failure.processor)
        plan_cache.report_failure(failure)

    return report
