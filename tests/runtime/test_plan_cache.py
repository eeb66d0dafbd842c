"""Plans that stand ready: found once, kept up to date in the background, dropped at once when they are wrong."""

import os
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from compsel.device.state import DeviceState
from compsel.errors import ProcessorError
from compsel.runtime.adaptation.live_costs import ChoiceCosts
from compsel.runtime.adaptation.observations import Observations, StageFailedError
from compsel.runtime.answer import Stage
from compsel.runtime.planning.plan_cache import PlanCache
from compsel.runtime.planning.planner import NO_LIMITS, PlacedPlan, Planner
from compsel.selection.costs.model import CostModel
from compsel.selection.policies import FixedPolicy

# real time, or real load, is what is looked at: nothing runs beside
pytestmark = pytest.mark.clock

COSTS = CostModel(
    (("a", "one"), ("a", "two")), np.array([[0.0], [2.0]]), np.array([[4.0, 2.0], [4.0, 9.0]]), np.full((2, 2), 9.0)
)
FAILURE = StageFailedError("a", "two", ProcessorError("lost"))


class CountingPlanner(Planner):
    """Plans for one variant by the costs alone, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def plan(
        self, costs: ChoiceCosts, limits: object, allowed: frozenset[str] | None = None, pause: object = None
    ) -> PlacedPlan:
        self.count += 1
        if not np.isfinite(costs.latency_ms).any():
            raise ProcessorError("nothing is left")
        best = int(np.argmin(costs.latency_ms))
        policy = FixedPolicy("a")
        plan = policy.plan(np.ones(1), np.ones(1), np.inf)
        return PlacedPlan(policy, plan, (COSTS.choices[best][1],), [float(costs.latency_ms[best])], costs)


@pytest.fixture
def planner() -> CountingPlanner:
    return CountingPlanner()


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[PlanCache, float], None]:
    """Let the sampler, which does not run here, see a load by others."""

    def see(cache: PlanCache, load_others: float) -> None:
        state = DeviceState(time.perf_counter_ns(), cores=2, load_others=load_others)
        monkeypatch.setattr(cache.sampler, "state", lambda: state)

    return see


@pytest.fixture
def cache(load: Callable[[PlanCache, float], None]) -> Iterator[PlanCache]:
    made = PlanCache(Observations(COSTS, adapt=True, explore=0.0))
    load(made, 0.0)
    yield made
    made.sampler.stop()


def ran(cache: PlanCache, planned: PlacedPlan, latency_ms: float) -> None:
    processor = planned.processors[0]
    cache._observations.pending.append(([Stage("a", processor, latency_ms, planned.expected_ms[0])], planned))


def test_a_plan_is_kept_up_to_date_and_made_anew_only_when_prices_move(
    cache: PlanCache, planner: CountingPlanner, load: Callable[[PlanCache, float], None]
) -> None:
    cached = cache.get(planner, None)
    assert cached.planned.processors == ("two",)
    assert cached.expires_ns > time.perf_counter_ns()
    cache.refresh()
    assert planner.count == 1
    load(cache, 2.0)
    cache.refresh()
    assert cached.planned.processors == ("one",)
    assert planner.count == 2


def test_a_plan_that_nobody_uses_is_looked_after_no_more(
    cache: PlanCache, planner: CountingPlanner, load: Callable[[PlanCache, float], None]
) -> None:
    cached = cache.get(planner, None)
    cached.used_ns -= 11_000_000_000
    expires_ns = cached.expires_ns
    load(cache, 2.0)
    cache.refresh()
    cache.refresh()
    assert (cached.planned.processors, cached.expires_ns, planner.count) == (("two",), expires_ns, 1)


def test_what_failed_is_in_no_plan_at_once(cache: PlanCache, planner: CountingPlanner) -> None:
    cached = cache.get(planner, None)
    # it worked a moment before, which is heard of only now: that is no reason to trust it
    ran(cache, cached.planned, 2.0)
    cache.report_failure(FAILURE)
    assert cached.expires_ns == 0
    again = cache.get(planner, None)
    assert again.planned.processors == ("one",)
    assert again.expires_ns <= time.perf_counter_ns() + 1_000_000_000, "it may be tried again then"
    assert cache._observations.quarantine.blocked() == {"two"}


def test_where_nothing_is_left_no_plan_stands(cache: PlanCache, planner: CountingPlanner) -> None:
    cached = cache.get(planner, None)
    cache.report_failure(FAILURE)
    cache.report_failure(StageFailedError("a", "one", ProcessorError("lost too")))
    cache.refresh()
    assert cached.expires_ns == 0
    with pytest.raises(ProcessorError, match="nothing is left"):
        cache.get(planner, None)


def test_what_was_heard_is_learned_in_the_background(cache: PlanCache, planner: CountingPlanner) -> None:
    cached = cache.get(planner, None)
    for _ in range(8):
        ran(cache, cached.planned, 20.0)
    cache.refresh()
    assert cached.planned.processors == ("one",)
    ran(cache, cached.planned, 4.0)
    cache.learn_pending()
    assert not cache._observations.pending


def test_trials_are_decided_on_at_every_call(
    planner: CountingPlanner, load: Callable[[PlanCache, float], None]
) -> None:
    cache = PlanCache(Observations(COSTS, adapt=True, explore=0.1))
    load(cache, 0.0)
    assert cache.get(planner, None).expires_ns == 0


def test_the_samplers_thread_does_it_and_at_once_when_it_is_woken(planner: CountingPlanner) -> None:
    cache = PlanCache(Observations(COSTS, adapt=True, explore=0.0))
    cache.sampler.interval_s = 3600.0
    with cache.sampler:
        cached = cache.get(planner, None)
        before_ns = cached.expires_ns
        cache.sampler.wake()
        until = time.monotonic() + 20
        while cached.expires_ns == before_ns:
            assert time.monotonic() < until, "did not happen within 20 s"
            time.sleep(0.002)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_child_of_a_fork_plans_though_the_lock_was_held(cache: PlanCache, planner: CountingPlanner) -> None:
    with cache._lock:
        child = os.fork()
        if child == 0:
            cache.plan(planner, NO_LIMITS, None)
            os._exit(0)
        until = time.monotonic() + 20
        while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
            if time.monotonic() > until:
                os.kill(child, 9)
            time.sleep(0.01)
    assert ended == (child, 0)
