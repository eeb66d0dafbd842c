"""The runtime: loads a bundle and dispatches every inference to the choice that is best for it now."""

import os
import time
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Self

import numpy as np

from compsel.bundle.available_choices import available_costs
from compsel.bundle.bundle import Bundle
from compsel.bundle.output_reader import output_reader
from compsel.device.state import DeviceState
from compsel.errors import BundleError, ProcessorError
from compsel.features.output_confidence import Confidence
from compsel.inputs.modalities import modality_of
from compsel.inputs.tensor_specs import TensorSpec
from compsel.runtime.answer import Answer
from compsel.runtime.blame import Blame
from compsel.runtime.decoding import LazyDecoder, limits_after, with_decoding
from compsel.runtime.engine_pool import EnginePool
from compsel.runtime.input_matching import InputMatcher
from compsel.runtime.input_sizes import InputSizes
from compsel.runtime.observations import Observations, StageFailedError
from compsel.runtime.plan_cache import CachedPlan, PlanCache, PlanKey
from compsel.runtime.planning import NO_LIMITS, Limits, PlacedPlan, Planner
from compsel.runtime.recorder import Recorder
from compsel.runtime.session_interface import SessionInterface
from compsel.runtime.stage_execution import StageExecutor
from compsel.runtime.stage_runner import StageRunner
from compsel.runtime.warming import warm_up_engines
from compsel.selection.costs.sizes import bucket_of
from compsel.selection.policies import Policy
from compsel.variants.variant import Variant

__all__ = ["Runtime"]


class Runtime:
    """Answers inputs, each with the choice that is best for it in the device's present state.

    Args:
        bundle: what to run.
        policy: which of its policies decides.
        memory_limit_mb, warm_up, adapt, explore, confidence, record: see `compsel.load`.

    Attributes:
        bundle: what is run.
        costs: of the choices that are available here.
        modality: of the inputs.
    """

    # many parameters: those of `compsel.load`
    def __init__(
        self,
        bundle: Bundle,
        *,
        policy: str = "adaptive",
        memory_limit_mb: float | None = None,
        warm_up: bool = True,
        adapt: bool = True,
        explore: float = 0.0,
        confidence: Confidence | str | None = None,
        record: str | os.PathLike[str] | None = None,
    ) -> None:
        if policy not in bundle.policies:
            raise BundleError(f"policy: got {policy!r}, this bundle has {', '.join(bundle.policies)}")
        self.bundle = bundle
        self.costs = available_costs(bundle.costs, bundle.folder)
        self._recorder = None if record is None else Recorder(record, self.costs.coordinates)
        self._observations = Observations(self.costs, adapt=adapt, explore=explore, recorder=self._recorder)
        self._plan_cache = PlanCache(self._observations)
        self._sampler = self._plan_cache.sampler
        self._use(bundle.policies[policy])
        reader = output_reader(bundle.policies.values(), confidence, bundle.task)
        self._pool = EnginePool(bundle.variants, bundle.folder / "variants", bundle.files, memory_limit_mb, reader)
        self._runner = StageRunner(self._pool, self._plan_cache.absolve)
        self._executor = StageExecutor(
            self._runner, self._observations, self._sampler, self._report_failure, bundle.labels
        )
        self._plan_cache.before_refresh = self._runner.stop_overdue
        self._input_matcher = InputMatcher.of(bundle)
        self.modality = modality_of(self._most_accurate)
        self._decoder = LazyDecoder(self.modality, bundle.variants)
        self._input_sizes = InputSizes.where_they_matter(self.costs, self.modality, bundle.variants)
        try:
            self._sampler.start()
            if warm_up:
                self.warm_up()
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
        begin = time.perf_counter_ns()
        limits = self._limits(deadline_ms, min_quality, minimize)
        value = source if isinstance(source, dict) else self.modality.decode(source)
        decode_ns = 0 if value is source else time.perf_counter_ns() - begin
        return self._answer(value, limits, self._accepting_variants(value), begin, decode_ns)

    def answer(self, value: Any) -> Answer:
        """Answer an input in memory, or named tensors, under the bundle's objective; with the trace that `run` drops.

        Raises:
            InputError: not an input of this bundle.
        """
        return self._answer(value, NO_LIMITS, self._accepting_variants(value), time.perf_counter_ns())

    def run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any], run_options: None = None
    ) -> list[Any]:
        """Run tensors, as `onnxruntime.InferenceSession.run` does: a drop-in replacement for it.

        Where a policy decides for every input, a batch is answered row by row, if that is proven to be the same.

        Raises:
            InputError, ModelError: inputs that no variant takes, outputs that there are not, an operator that fails on
                these values, options (a call may be several runs); each is what ONNX Runtime raises, too.
        """
        self._interface.check(output_names, run_options)
        parts = self._input_matcher.parts(input_feed, split=self._decides_by_input)
        answers = [self._answer(one, NO_LIMITS, allowed, time.perf_counter_ns()).outputs for one, allowed in parts]
        outputs = answers[0] if len(answers) == 1 else [np.concatenate(rows) for rows in zip(*answers, strict=True)]
        return self._interface.picked(outputs, output_names)

    def get_inputs(self) -> list[TensorSpec]:
        """Return the inputs of the policy's most accurate variant, as `InferenceSession.get_inputs` does."""
        return list(self._most_accurate.inputs)

    def get_outputs(self) -> list[TensorSpec]:
        """Return the outputs of the model's file, as `InferenceSession.get_outputs` does."""
        return list(self._interface.outputs)

    @property
    def answer_outputs(self) -> tuple[TensorSpec, ...]:
        """What the outputs of an `Answer` are: class scores first."""
        return self._most_accurate.outputs

    def warm_up(self) -> None:
        """Load and run every variant of the policy on the processors that are best in some state of the device.

        So is what answers where a deadline cannot be met: loading it inside the call would miss it by far.
        A processor that fails is put into quarantine: another one answers until it is tried again.

        Raises:
            ModelError, ProcessorError: a variant failed on every one of its processors.
        """
        warm_up_engines(self._runner, self._planner, self.costs, self._policy, self._report_failure)
        self._plan_cache.prepare(self._planner)
        for size in self.costs.sizes.tolist() or [None]:
            self._plan_now(NO_LIMITS, None, None if size is None else bucket_of(size))

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
        self._sampler.stop()
        self._runner.close()
        self._pool.close()
        if self.bundle.files is not None:
            self.bundle.files.close()
        self._plan_cache.learn_pending()
        if self._recorder is not None:
            self._recorder.close()

    def flush(self) -> None:
        """Learn and plan now, as the background does several times a second: what ran so far then counts."""
        self._plan_cache.refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def with_policy(self, policy: Policy) -> "Runtime":
        """Return a runtime that decides by another policy and shares engines and sampler; close this one, not that."""
        other = copy(self)
        other._use(policy)
        return other

    def state(self) -> DeviceState:
        """Return the latest state of the device, as decisions see it."""
        return self._sampler.state()

    def planned(self) -> PlacedPlan:
        """Return what a call without limits obeys now, for showing it: of an input of usual size."""
        return self._plan_cache.plan(self._planner, NO_LIMITS, None)

    @property
    def _most_accurate(self) -> Variant:
        return self.bundle.variants[max(self._policy.variants, key=lambda name: self.bundle.quality[name])]

    def _use(self, policy: Policy) -> None:
        self._policy = policy
        self._decides_by_input = policy.uses_evidence or bool(policy.extractor)
        self._interface = SessionInterface(self._most_accurate)
        self._planner = Planner(self.bundle, self._observations.live, policy)
        # plans for the calls that set no limits, by the variants that may run, and the bucket where size matters
        self._cached_plans: dict[PlanKey, CachedPlan] = {}

    def _limits(self, deadline_ms: float | None, min_quality: float | None, minimize: str | None) -> Limits:
        if deadline_ms is None and min_quality is None and minimize is None:
            return NO_LIMITS
        return Limits(deadline_ms, min_quality, minimize)

    def _accepting_variants(self, value: Any) -> frozenset[str] | None:
        """Return the variants that take a value; None for all, which take every value of the bundle's modality."""
        return self._input_matcher.checked(value) if isinstance(value, Mapping) else None

    def _answer(
        self, value: Any, limits: Limits, allowed: frozenset[str] | None, begin: int, decode_ns: int = 0
    ) -> Answer:
        """Answer a value; `decode_ns` of the time since `begin` were spent on making it."""
        decode_ns += self._decoder.decode(value, self._policy)
        asked, limits = limits, limits_after(limits, decode_ns)
        blame: Blame | None = None
        planned = bucket = None
        if self._input_sizes is not None:
            bucket = self._input_sizes.bucket(value)
        if limits is NO_LIMITS:
            cached = self._cached_plans.get(allowed if bucket is None else (allowed, bucket))
            if cached is not None and begin + decode_ns < cached.expires_ns:
                cached.used_ns = begin + decode_ns
                planned = cached.planned
        while True:
            if planned is None:
                planned = self._plan_now(limits, allowed, bucket, blame)
            if planned.policy is not self._policy:
                decode_ns += self._decoder.decode(value, planned.policy)
            try:
                failures = () if blame is None else blame.failures
                deadline_ms = asked.deadline_ms if blame is None else blame.deadline_ms
                answer = self._executor.answer(value, planned, allowed is not None, deadline_ms, begin, failures)
                if blame is not None:
                    blame.answered()
                return with_decoding(answer, decode_ns, asked, limits)
            except StageFailedError as failure:
                if blame is None:
                    blame = Blame(
                        self._report_failure, self._runner.works, self._plan_cache.absolve, begin, asked.deadline_ms
                    )
                blame.add(failure)
                planned = None

    def _plan_now(
        self, limits: Limits, allowed: frozenset[str] | None, bucket: int | None, blame: Blame | None = None
    ) -> PlacedPlan:
        """Plan now: for limits, for a call after a pause, or without what failed."""
        try:
            if blame is not None:
                return self._plan_cache.plan(self._planner, limits, allowed, bucket, blame.excluded)
            if limits is NO_LIMITS:
                key = allowed if bucket is None else (allowed, bucket)
                cached = self._cached_plans[key] = self._plan_cache.get(self._planner, allowed, bucket)
                return cached.planned
            return self._plan_cache.plan(self._planner, limits, allowed, bucket)
        except ProcessorError as error:
            if blame is not None and blame.extend():
                return self._plan_now(limits, allowed, bucket, blame)
            raise (error if blame is None else blame.verdict(error)) from None

    def _report_failure(self, failure: StageFailedError) -> None:
        if not failure.keeps_engine:
            self._pool.drop(failure.variant, failure.processor)
        self._plan_cache.report_failure(failure)
