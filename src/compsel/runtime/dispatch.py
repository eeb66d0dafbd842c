"""The runtime: loads a bundle and dispatches every inference to the choice that is best for it now."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from types import TracebackType
from typing import Self

import numpy as np

from compsel.errors import BundleError, InputError, ModelError, ProcessorError
from compsel.features import EXTRACTORS
from compsel.features.base import FeatureExtractor
from compsel.features.device import DeviceSampler
from compsel.images import decode
from compsel.runtime.accepting import Accepting
from compsel.runtime.answer import Answer, Stage
from compsel.runtime.available import available_costs
from compsel.runtime.bundle import Bundle
from compsel.runtime.feedback import Feedback, StageFailedError
from compsel.runtime.planning import Limits, PlannedPolicy, Planner
from compsel.runtime.pool import EnginePool
from compsel.runtime.prices import Prices
from compsel.runtime.trace import Trace
from compsel.selection.policies import STOP, Policy
from compsel.specs import TensorSpec
from compsel.variant import Variant

__all__ = ["Runtime", "load"]

Value = np.ndarray | Mapping[str, np.ndarray]
Source = np.ndarray | str | os.PathLike[str] | bytes


def load(
    bundle: str | os.PathLike[str],
    *,
    policy: str = "adaptive",
    memory_limit_mb: float | None = None,
    warm_up: bool = True,
    adapt: bool = True,
    explore: float = 0.0,
) -> "Runtime":
    """Load a bundle.

    Args:
        bundle: its folder.
        policy: which of its policies decides; all but "adaptive" are there for comparison.
        memory_limit_mb: about so much memory may be taken by loaded variants; None: as many as are used.
        warm_up: load and run the variants of the policy now, so that the first answer is as fast as the others.
        adapt: whether every inference corrects what is expected of the next ones.
        explore: share of the time, 0 to 1, that may be spent on finding out whether processors that are expected to
            be slower still are.

    Raises:
        BundleError, IntegrityError, VersionError: see `compsel.errors`.
    """
    return Runtime(
        Bundle.load(bundle),
        policy=policy,
        memory_limit_mb=memory_limit_mb,
        warm_up=warm_up,
        adapt=adapt,
        explore=explore,
    )


class Runtime:
    """Answers inputs, each with the choice that is best for it in the device's present state.

    Args:
        bundle: what to run.
        policy: which of its policies decides.
        memory_limit_mb, warm_up, adapt, explore: see `load`.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        policy: str = "adaptive",
        memory_limit_mb: float | None = None,
        warm_up: bool = True,
        adapt: bool = True,
        explore: float = 0.0,
    ) -> None:
        if policy not in bundle.policies:
            raise BundleError(f"policy: got {policy!r}, this bundle has {', '.join(bundle.policies)}")
        self.bundle = bundle
        self.costs = available_costs(bundle.costs, bundle.folder)
        self._feedback = Feedback(self.costs, adapt=adapt, explore=explore)
        self._use(bundle.policies[policy])
        self._pool = EnginePool(bundle.folder / "variants", memory_limit_mb)
        self._extractors: dict[str, FeatureExtractor] = {}
        self._default = Limits()
        self._accepting = Accepting(bundle.variants)
        self._sampler = DeviceSampler()
        self._sampler.start()
        if warm_up:
            self.warm_up()

    def __call__(
        self,
        source: Source,
        *,
        deadline_ms: float | None = None,
        min_quality: float | None = None,
        minimize: str | None = None,
    ) -> Answer:
        """Answer one image.

        Args:
            source: a uint8 (height, width, 3) RGB array, a path, or encoded bytes.
            deadline_ms: the answer must be there by then, decoding excluded.
            min_quality: probability of a right answer that is asked for, on average over such inputs.
            minimize: what to minimise instead of the bundle's objective.

        Raises:
            ImageError: not an image.
            ObjectiveError: limits that are not allowed.
        """
        limits = self._limits(deadline_ms, min_quality, minimize)
        return self._answer(decode(source), limits, None)

    def answer(self, value: Value) -> Answer:
        """Answer a decoded image, or named tensors, under the bundle's objective; with the trace that `run` drops.

        Raises:
            InputError: not an input of this bundle.
        """
        allowed = None if isinstance(value, np.ndarray) else self._accepting.variants(value)
        return self._answer(value, self._default, allowed)

    def run(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, np.ndarray],
        run_options: object | None = None,
    ) -> list[np.ndarray]:
        """Run tensors, as `onnxruntime.InferenceSession.run` does: a drop-in replacement for it.

        Only variants that take exactly these inputs are chosen from. A batch of several is answered one by one.

        Raises:
            InputError: no variant takes such inputs, they hold NaN or nothing, or outputs that there are not.
        """
        feed = dict(input_feed)
        names = [spec.name for spec in self.get_outputs()]
        unknown = [name for name in output_names or () if name not in names]
        if unknown:
            raise InputError(f"outputs: got {unknown}, allowed are {names}")
        allowed = self._accepting.variants(feed)
        lengths = {len(value) for value in feed.values() if np.ndim(value)}
        if lengths == {0}:
            raise InputError("inputs: got an empty batch, allowed is at least one row")
        rows = max(lengths, default=1)
        if rows > 1 and len(lengths) == 1 and self._accepting.has_batch_axis(allowed):
            parts = [
                self._answer(
                    {name: value[row : row + 1] for name, value in feed.items()}, self._default, allowed
                ).outputs
                for row in range(rows)
            ]
            outputs = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        else:
            outputs = self._answer(feed, self._default, allowed).outputs
        return [outputs[names.index(name)] for name in output_names] if output_names else outputs

    def get_inputs(self) -> list[TensorSpec]:
        """Return the inputs of the policy's most accurate variant, as `InferenceSession.get_inputs` does."""
        return list(self._most_accurate.inputs)

    def get_outputs(self) -> list[TensorSpec]:
        """Return the outputs of the policy's most accurate variant."""
        return list(self._most_accurate.outputs)

    def warm_up(self) -> None:
        """Load and run every variant of the policy on the processors that are best in some state of the device.

        A processor that fails is put into quarantine: another one answers until it is tried again.

        Raises:
            ModelError, ProcessorError: a variant failed on every one of its processors.
        """
        for name in self._policy.variants:
            best = dict.fromkeys(self.costs.processors(name, where)[0] for where in self.costs.states)
            others = [processor for variant, processor in self.costs.choices if variant == name]
            failures = self._warm(name, best)
            if len(failures) == len(best) and len(failures + self._warm(name, set(others) - set(best))) == len(others):
                raise failures[-1].error
        self._planner.prepare()

    def _warm(self, name: str, processors: Iterable[str]) -> list[StageFailedError]:
        failures = []
        for processor in processors:
            try:
                engine = self._pool.get(self.bundle.variants[name], processor)
                if engine.takes_pixels:
                    spec = engine.session.inputs[0]
                    engine.run({spec.name: np.zeros([axis or 1 for axis in spec.shape or ()], np.uint8)})
            except (ProcessorError, ModelError) as error:
                failures.append(StageFailedError(name, processor, error))
                self._bar(failures[-1])
        return failures

    def close(self) -> None:
        """Stop the sampler and close every session."""
        self._sampler.stop()
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def with_policy(self, policy: Policy) -> "Runtime":
        """Return a runtime that decides by another policy and shares engines and sampler; close this one, not that."""
        other = copy(self)
        other._use(policy)
        return other

    @property
    def _most_accurate(self) -> Variant:
        return self.bundle.variants[max(self._policy.variants, key=lambda name: self.bundle.quality[name])]

    def _use(self, policy: Policy) -> None:
        self._policy = policy
        self._planner = Planner(self.bundle, self._feedback.live, policy)

    def _limits(self, deadline_ms: float | None, min_quality: float | None, minimize: str | None) -> Limits:
        if deadline_ms is None and min_quality is None and minimize is None:
            return self._default
        return Limits(deadline_ms, min_quality, minimize)

    def _answer(self, value: Value, limits: Limits, allowed: frozenset[str] | None) -> Answer:
        begin = time.perf_counter_ns()
        failures: list[StageFailedError] = []
        while True:
            try:
                return self._attempt(value, limits, allowed, begin, failures)
            except StageFailedError as failure:
                self._bar(failure)
                failures.append(failure)

    def _attempt(
        self,
        value: Value,
        limits: Limits,
        allowed: frozenset[str] | None,
        begin: int,
        failures: Sequence[StageFailedError],
    ) -> Answer:
        """Answer with what may run now.

        Raises:
            StageFailedError: a processor failed on the way.
        """
        begun = time.perf_counter_ns()
        prices = self._feedback.live.now(self._sampler.state())
        try:
            planned = self._planner.plan(prices, limits, allowed)
        except ProcessorError as error:
            raise (failures[-1].error if failures else error) from None
        policy, priced = planned.policy, planned.priced
        features, features_ns = None, 0
        if policy.extractor:
            started = time.perf_counter_ns()
            features = self._features(policy.extractor, value)
            features_ns = time.perf_counter_ns() - started
        position = priced.first(features)
        trace = Trace(time.perf_counter_ns() - begun - features_ns, features)
        while position != STOP:
            processor = planned.processors[position]
            if limits.deadline_ms is None:
                processor = self._feedback.processor(policy.variants[position], processor, prices)
            self._run_stage(planned, position, processor, value, trace, tensors=allowed is not None)
            self._learn(planned, position, prices, trace)
            position = self._next(planned, trace)
        begun = time.perf_counter_ns()
        outputs = trace.fused(planned, as_probabilities=self._last_of(trace).output == "probabilities")
        sure = trace.stages[-1].probability_right
        end = time.perf_counter_ns()
        return Answer(
            outputs,
            " > ".join(f"{stage.variant}@{stage.processor}" for stage in trace.stages),
            (end - begin) / 1e6,
            tuple(trace.stages),
            features_ns / 1e6,
            (trace.deciding_ns + end - begun) / 1e6,
            not planned.note,
            "; ".join([failure.text for failure in failures] + [planned.note] * bool(planned.note)),
            sure is not None and sure < policy.least_sure,
        )

    def _features(self, name: str, value: Value) -> np.ndarray:
        """Return the features of an image; tensors have none of these, which selectors know as NaN."""
        if name not in self._extractors:
            self._extractors[name] = EXTRACTORS[name]()
        extractor = self._extractors[name]
        if isinstance(value, np.ndarray):
            return extractor.extract(value)
        return np.full(len(extractor.names), np.nan, np.float32)

    def _last_of(self, trace: Trace) -> Variant:
        return self.bundle.variants[trace.stages[-1].variant]

    def _learn(self, planned: PlannedPolicy, position: int, prices: Prices, trace: Trace) -> None:
        begin = time.perf_counter_ns()
        stage = trace.stages[-1]
        self._feedback.quarantine.succeed(stage.variant, stage.processor)
        # several inputs in one tensor are another kind of work
        if len(trace.outputs[-1][0]) == 1:
            self._feedback.learn(stage, planned.processors[position], prices)
        trace.deciding_ns += time.perf_counter_ns() - begin

    def _bar(self, failure: StageFailedError) -> None:
        self._pool.drop(failure.variant, failure.processor)
        self._feedback.bar(failure)

    def _run_stage(
        self, planned: PlannedPolicy, position: int, processor: str, value: Value, trace: Trace, *, tensors: bool
    ) -> None:
        variant = self.bundle.variants[planned.policy.variants[position]]
        try:
            engine = self._pool.get(variant, processor, tensors=tensors)
            begin = time.perf_counter_ns()
            outputs, scores = engine.answer(value) if planned.policy.uses_evidence else (engine(value), None)
        except (ProcessorError, ModelError) as error:
            raise StageFailedError(variant.name, processor, error) from error
        latency_ms = (time.perf_counter_ns() - begin) / 1e6
        expected = float(planned.expected_ms[position])
        trace.add(position, Stage(variant.name, processor, latency_ms, expected), outputs, scores)

    def _next(self, planned: PlannedPolicy, trace: Trace) -> int:
        scores = trace.scores[-1]
        # None also for several inputs in one tensor, which cannot be judged as one answer
        if scores is None:
            return STOP
        begin = time.perf_counter_ns()
        trace.evidence.append(scores.evidence)
        following, sure = planned.priced.next(trace.ran, trace.evidence, trace.features)
        if sure is not None:
            trace.sure(sure)
        trace.deciding_ns += time.perf_counter_ns() - begin
        return following
