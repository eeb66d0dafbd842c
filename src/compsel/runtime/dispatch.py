"""The runtime: loads a bundle and dispatches every inference to the choice that is best for it now."""

import os
import time
from collections.abc import Mapping, Sequence
from copy import copy
from types import TracebackType
from typing import Self

import numpy as np

from compsel.errors import BundleError, InputError
from compsel.features import EXTRACTORS
from compsel.features.base import FeatureExtractor
from compsel.features.device import DeviceSampler
from compsel.features.probe import Evidence, Scores
from compsel.images import decode
from compsel.runtime.answer import Answer, Stage
from compsel.runtime.available import available_costs
from compsel.runtime.bundle import Bundle
from compsel.runtime.planning import Limits, PlannedPolicy, Planner
from compsel.runtime.pool import EnginePool
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
) -> "Runtime":
    """Load a bundle.

    Args:
        bundle: its folder.
        policy: which of its policies decides; all but "adaptive" are there for comparison.
        memory_limit_mb: about so much memory may be taken by loaded variants; None: as many as are used.
        warm_up: load and run the variants of the policy now, so that the first answer is as fast as the others.

    Raises:
        BundleError, IntegrityError, VersionError: see `compsel.errors`.
    """
    return Runtime(Bundle.load(bundle), policy=policy, memory_limit_mb=memory_limit_mb, warm_up=warm_up)


class Runtime:
    """Answers inputs, each with the choice that is best for it in the device's present state.

    Args:
        bundle: what to run.
        policy: which of its policies decides.
        memory_limit_mb, warm_up: see `load`.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        policy: str = "adaptive",
        memory_limit_mb: float | None = None,
        warm_up: bool = True,
    ) -> None:
        if policy not in bundle.policies:
            raise BundleError(f"policy: got {policy!r}, this bundle has {', '.join(bundle.policies)}")
        self.bundle = bundle
        self.costs = available_costs(bundle.costs, bundle.folder)
        self._use(bundle.policies[policy])
        self._pool = EnginePool(bundle.folder / "variants", memory_limit_mb)
        self._extractors: dict[str, FeatureExtractor] = {}
        self._default = Limits()
        self._accepting: dict[tuple[tuple[str, str, tuple[int | None, ...]], ...], frozenset[str]] = {}
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
        allowed = None if isinstance(value, np.ndarray) else self._accepting_variants(value)
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
        allowed = self._accepting_variants(feed)
        lengths = {len(value) for value in feed.values() if np.ndim(value)}
        if lengths == {0}:
            raise InputError("inputs: got an empty batch, allowed is at least one row")
        rows = max(lengths, default=1)
        if rows > 1 and len(lengths) == 1 and self._has_batch_axis(allowed):
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
        """Load and run every variant of the policy on the processors that are best in some state of the device."""
        for name in self._policy.variants:
            for processor in dict.fromkeys(self.costs.processors(name, load)[0] for load in self.costs.loads):
                engine = self._pool.get(self.bundle.variants[name], processor)
                if engine.takes_pixels:
                    spec = engine.session.inputs[0]
                    engine.run({spec.name: np.zeros([axis or 1 for axis in spec.shape or ()], np.uint8)})
        self._planner.prepare()

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
        self._planner = Planner(self.bundle, self.costs, policy)

    def _limits(self, deadline_ms: float | None, min_quality: float | None, minimize: str | None) -> Limits:
        if deadline_ms is None and min_quality is None and minimize is None:
            return self._default
        return Limits(deadline_ms, min_quality, minimize)

    def _answer(self, value: Value, limits: Limits, allowed: frozenset[str] | None) -> Answer:
        begin = time.perf_counter_ns()
        planned = self._planner.plan(self._sampler.state().load_others, limits, allowed)
        policy, priced = planned.policy, planned.priced
        features, features_ns = None, 0
        if policy.extractor:
            started = time.perf_counter_ns()
            features = self._features(policy.extractor, value)
            features_ns = time.perf_counter_ns() - started
        position = priced.first(features)
        trace = _Trace(time.perf_counter_ns() - begin - features_ns, features)
        while position != STOP:
            self._run_stage(planned, position, value, trace, tensors=allowed is not None)
            position = self._next(planned, trace)
        begun = time.perf_counter_ns()
        outputs = self._fused(planned, trace)
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
            planned.note,
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

    def _run_stage(
        self, planned: PlannedPolicy, position: int, value: Value, trace: "_Trace", *, tensors: bool
    ) -> None:
        variant = self.bundle.variants[planned.policy.variants[position]]
        engine = self._pool.get(variant, planned.processors[position], tensors=tensors)
        begin = time.perf_counter_ns()
        outputs, scores = engine.answer(value) if planned.policy.uses_evidence else (engine(value), None)
        latency_ms = (time.perf_counter_ns() - begin) / 1e6
        trace.ran.append(position)
        trace.outputs.append(outputs)
        trace.scores.append(scores)
        expected = float(planned.expected_ms[position])
        trace.stages.append(Stage(variant.name, planned.processors[position], latency_ms, expected))

    def _next(self, planned: PlannedPolicy, trace: "_Trace") -> int:
        scores = trace.scores[-1]
        # None also for several inputs in one tensor, which cannot be judged as one answer
        if scores is None:
            return STOP
        begin = time.perf_counter_ns()
        trace.evidence.append(scores.evidence)
        following, sure = planned.priced.next(trace.ran, trace.evidence, trace.features)
        last = trace.stages[-1]
        trace.stages[-1] = Stage(last.variant, last.processor, last.latency_ms, last.expected_ms, sure)
        trace.deciding_ns += time.perf_counter_ns() - begin
        return following

    def _fused(self, planned: PlannedPolicy, trace: "_Trace") -> list[np.ndarray]:
        """Return the outputs, the first of them the logarithmic pool of the stages: logits, or probabilities."""
        outputs = trace.outputs[-1]
        if len(trace.ran) == 1:
            return outputs
        weights = planned.priced.weights(trace.ran)
        fused = np.zeros(outputs[0].shape[-1], np.float32)
        for weight, scores in zip(weights, trace.scores, strict=True):
            if scores is not None:
                fused += np.float32(weight) * scores.log_probabilities
        fused -= fused.max()
        fused -= np.log(np.exp(fused).sum())
        if self.bundle.variants[trace.stages[-1].variant].output == "probabilities":
            fused = np.exp(fused)
        return [fused[None], *outputs[1:]]

    def _accepting_variants(self, feed: Mapping[str, np.ndarray]) -> frozenset[str]:
        key = tuple(sorted((name, np.asarray(value).dtype.str, np.shape(value)) for name, value in feed.items()))
        allowed = self._accepting.get(key)
        if allowed is None:
            allowed = frozenset(
                variant.name
                for variant in self.bundle.variants.values()
                if feed.keys() == {spec.name for spec in variant.inputs}
                and all(_fits(spec, feed[spec.name]) for spec in variant.inputs)
            )
            if not allowed:
                takes = sorted(
                    {str([(s.name, s.dtype, s.shape) for s in v.inputs]) for v in self.bundle.variants.values()}
                )
                got = [(name, str(np.asarray(value).dtype), np.shape(value)) for name, value in feed.items()]
                raise InputError(f"inputs: got {got}, this bundle takes {' or '.join(takes)}")
            self._accepting[key] = allowed
        return allowed

    def _has_batch_axis(self, allowed: frozenset[str]) -> bool:
        variant = self.bundle.variants[next(iter(allowed))]
        specs = (*variant.inputs, variant.outputs[0])
        return all(spec.shape is not None and len(spec.shape) > 0 and spec.shape[0] is None for spec in specs)


class _Trace:
    """What has happened to one input so far."""

    __slots__ = ("deciding_ns", "evidence", "features", "outputs", "ran", "scores", "stages")

    def __init__(self, deciding_ns: int, features: np.ndarray | None) -> None:
        self.deciding_ns = deciding_ns
        self.features = features
        self.ran: list[int] = []
        self.stages: list[Stage] = []
        self.outputs: list[list[np.ndarray]] = []
        self.scores: list[Scores | None] = []
        self.evidence: list[Evidence] = []


def _fits(spec: TensorSpec, value: np.ndarray) -> bool:
    try:
        spec.check_form(value)
    except InputError:
        return False
    return True
