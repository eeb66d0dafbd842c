"""The runtime: loads a bundle and dispatches every inference to the choice that is best for it now."""

# long file: the face of all parts; what they do is in files of their own
import os
import time
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, Self

from compsel.bundle.available_choices import available_costs
from compsel.bundle.bundle import Bundle
from compsel.bundle.device_costs import costs_on
from compsel.bundle.output_reader import output_reader
from compsel.device.state import DeviceState
from compsel.errors import BundleError
from compsel.inputs.modalities import modality_of
from compsel.runtime.adaptation.observations import Observations
from compsel.runtime.answer import Answer
from compsel.runtime.concurrency.answer_queue import AnswerQueue
from compsel.runtime.dispatch.dispatcher import Dispatcher
from compsel.runtime.dispatch.stage_execution import StageExecutor
from compsel.runtime.dispatch.stage_runner import StageRunner
from compsel.runtime.elapsed import elapsed_ns
from compsel.runtime.engines.early_opening import EarlyOpening
from compsel.runtime.engines.engine_pool import EnginePool
from compsel.runtime.engines.warming import Warming, opener
from compsel.runtime.faults.failure_report import failure_report
from compsel.runtime.faults.watchdog import Watchdog
from compsel.runtime.feeds.decoding import LazyDecoder, limits_after, with_waiting
from compsel.runtime.feeds.input_matching import InputMatcher
from compsel.runtime.feeds.input_sizes import InputSizes
from compsel.runtime.interfaces.concurrent_calls import ConcurrentCalls
from compsel.runtime.interfaces.monitored import Monitored
from compsel.runtime.interfaces.session_interface import SessionInterface
from compsel.runtime.interfaces.tensor_calls import TensorCalls
from compsel.runtime.monitoring.call_counts import CallCounts
from compsel.runtime.planning.open_choices import OpenChoices
from compsel.runtime.planning.placed_plan import NO_LIMITS, Limits, PlacedPlan, limits_of
from compsel.runtime.planning.plan_cache import PlanCache
from compsel.runtime.planning.planner import Planner
from compsel.selection.policies import Policy

if TYPE_CHECKING:
    from compsel.features.output_confidence import Confidence
    from compsel.runtime.dispatch.batch_execution import BatchExecutor
    from compsel.runtime.recording.recording import Recording

__all__ = ["Runtime"]

_NOTICED_NS = 1_000_000  # a shorter wait changes no plan


class Runtime(TensorCalls, ConcurrentCalls, Monitored):
    """Answers inputs, each with the choice that is best for it in the device's present state.

    Args:
        bundle: what to run.
        policy: which of its policies decides.
        memory_limit_mb, warm_up, adapt, explore, confidence, record, max_concurrency, max_queued_requests: see
            `compsel.load`.
        early: opens a session already; None: nothing does.

    Attributes:
        bundle: what is run.
        costs: of the choices that are available here.
        costs_of: the kind of device that measured them, where the bundle has costs by kind (`compsel fleet release`);
            "": those that were measured at build.
        modality: of the inputs.
    """

    # many parameters: those of `compsel.load`
    # long: what it is made of, in order
    def __init__(
        self,
        bundle: Bundle,
        *,
        policy: str = "adaptive",
        memory_limit_mb: float | None = None,
        warm_up: bool = True,
        adapt: bool = True,
        explore: float = 0.0,
        confidence: "Confidence | str | None" = None,
        record: "str | os.PathLike[str] | Recording | None" = None,
        max_concurrency: int | None = None,
        max_queued_requests: int = 256,
        early: EarlyOpening | None = None,
    ) -> None:
        if policy not in bundle.policies:
            raise BundleError(f"policy: got {policy!r}, this bundle has {', '.join(bundle.policies)}")
        self.bundle = bundle
        costs, self.costs_of = costs_on(bundle)
        self.costs = available_costs(costs, bundle.folder)
        self._observations = Observations(self.costs, adapt=adapt, explore=explore)
        self._counts = self._observations.calls
        self._plan_cache = PlanCache(self._observations)
        self._sampler = self._plan_cache.sampler
        self._recorder = None
        if record is not None:
            from compsel.runtime.recording.recorder import Recorder  # few apps record

            self._recorder = Recorder.of(record, self.costs.coordinates, self._sampler.state, bundle.files)
        reader = output_reader(bundle.policies.values(), confidence, bundle.task)
        self._pool = EnginePool(
            bundle.variants, bundle.folder / "variants", bundle.files, memory_limit_mb, reader, early
        )
        self._runner = StageRunner(self._pool, self._plan_cache.absolve)
        self._queue = AnswerQueue(max_concurrency, max_queued_requests, self._runner)
        self._report_failure = failure_report(self._pool, self._plan_cache)
        self._executor = StageExecutor(
            self._runner,
            self._observations,
            self._sampler,
            self._report_failure,
            bundle.labels,
            self._recorder,
        )
        opens = opener(self._runner, self._report_failure)
        self._plan_cache.open_choices = OpenChoices(self._observations.live, self._pool.is_open, opens)
        self._watchdog = Watchdog(self._runner.look_after)
        self._runner.looks_by = self._watchdog.looks_by
        self._plan_cache.before_refresh = self._watchdog.ensure  # the child of a fork has none
        self._input_matcher = InputMatcher.of(bundle)
        self.modality = modality_of(bundle.most_accurate(bundle.policies[policy]))
        self._decoder = LazyDecoder(self.modality, bundle.variants)
        self._input_sizes = InputSizes.where_they_matter(self.costs, self.modality, bundle.variants)
        self._use(bundle.policies[policy])
        try:
            self._sampler.start()
            self._watchdog.ensure()
            if warm_up:
                self._warming.first()
            if early is not None:
                early.drop()
        except BaseException:
            self.close()
            raise

    def __call__(
        self,
        source: Any,
        *,
        deadline_ms: float | None = None,
        min_quality: float | None = None,
        minimize: str | None = None,
    ) -> Answer:
        """Answer one input.

        Args:
            source: of a bundle for images: a uint8 (height, width, 3) RGB array, a path, or encoded bytes; of one for
                texts: a `str`; of one for tensors: these by name, or the path of an `.npz`. Of all: a dict of the
                model's own tensors.
            deadline_ms: the answer must be there by then, counted from the call: decoding takes its part of it.
            min_quality: probability of a right answer that is asked for, on average over such inputs.
            minimize: what to minimise instead of the bundle's objective.

        Raises:
            ImageError: not an image.
            InputError: not an input of this bundle.
            ObjectiveError: limits that are not allowed.
        """
        return self._answered(source, limits_of(deadline_ms, min_quality, minimize))

    def answer(self, value: Any) -> Answer:
        """Answer an input in memory, or named tensors, under the bundle's objective; with the trace that `run` drops.

        Raises:
            InputError: not an input of this bundle.
        """

        def work() -> Answer:
            # any mapping, not only a dict
            allowed = self._input_matcher.checked(value) if isinstance(value, Mapping) else None
            return self._dispatcher.one(value, allowed)

        return self._counts.call(work)

    def warm_up(self) -> None:
        """Load and run every variant of the policy on the processors that are best in some state of the device.

        So is what answers where a deadline cannot be met: loading it inside the call would miss it by far.
        A processor that fails is put into quarantine: another one answers until it is tried again.

        Raises:
            ModelError, ProcessorError: a variant failed on every one of its processors.
        """
        self._warming.everything()

    def __repr__(self) -> str:
        processors = dict.fromkeys(processor for _, processor in self.costs.choices)
        return (
            f"Runtime({str(self.bundle.folder)!r}: {self.modality.name}, {self._policy.kind} policy over "
            f"{', '.join(self._policy.variants)} on {', '.join(processors)})"
        )

    def _repr_html_(self) -> str:
        from compsel.bundle.card import bundle_card

        return bundle_card(self.bundle, f"Runtime for {self.modality.name} inputs")

    def close(self) -> None:
        """Stop the sampler and close every session."""
        self._queue.close()
        self._sampler.stop()
        self._watchdog.stop()
        self._runner.close()
        self._pool.close()
        if self.bundle.files is not None:
            self.bundle.files.close()
        self._plan_cache.learn_pending()
        if self._recorder is not None:
            self._recorder.close()

    def flush(self) -> None:
        """Learn, plan and write records now, as the background does: what ran so far then counts."""
        self._plan_cache.refresh()
        if self._recorder is not None:
            self._recorder.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def with_policy(self, policy: Policy) -> "Runtime":
        """Return a runtime that decides by another policy and shares engines and sampler; close this one, not that."""
        other = copy(self)
        other._counts = CallCounts()
        other._use(policy)
        return other

    def state(self) -> DeviceState:
        """Return the latest state of the device, as decisions see it."""
        return self._sampler.state()

    def planned(self) -> PlacedPlan:
        """Return what a call without limits obeys now, for showing it: of an input of usual size."""
        return self._plan_cache.plan(self._planner, NO_LIMITS, None)

    def _use(self, policy: Policy) -> None:
        self._policy = policy
        self._decides_by_input = policy.uses_evidence or bool(policy.extractor)
        self._most_accurate = self.bundle.most_accurate(policy)
        self._interface = SessionInterface(self._most_accurate)
        self._planner = Planner(self.bundle, self._observations.live, policy)
        self._dispatcher = Dispatcher(
            policy,
            self._planner,
            self._plan_cache,
            self._executor,
            self._runner,
            self._decoder,
            self._input_sizes,
            self._report_failure,
        )
        self._warming = Warming(
            policy,
            self.costs,
            self._planner,
            self._plan_cache,
            self._dispatcher.plan,
            self._runner,
            self._report_failure,
            self._pool.is_unlimited,
        )

    def _batches(self) -> "BatchExecutor":
        from compsel.runtime.dispatch.batch_execution import BatchExecutor  # most apps give one input at a time

        return BatchExecutor(self._dispatcher, self._executor, self._runner, self._report_failure, self.bundle.labels)

    def _answered(self, source: Any, limits: Limits, waited_ns: int = 0) -> Answer:
        begin = time.perf_counter_ns()
        left = limits_after(limits, waited_ns) if waited_ns > _NOTICED_NS else limits

        def work() -> Answer:
            value, allowed = self._read(source)
            decode_ns = 0 if value is source else elapsed_ns(begin)
            answer = self._dispatcher.answer(value, left, allowed, begin, decode_ns)
            return with_waiting(answer, waited_ns, limits, left) if waited_ns else answer

        return self._counts.call(work, limits.deadline_ms)

    def _read(self, source: Any) -> tuple[Any, frozenset[str] | None]:
        """Return what a source gives, and the variants that take it; None for all."""
        value = source if isinstance(source, dict) else self.modality.decode(source)
        # what is no dict is a value of the bundle's modality, which all variants take
        return value, self._input_matcher.checked(value) if isinstance(value, dict) else None
