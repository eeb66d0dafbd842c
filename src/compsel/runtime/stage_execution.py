"""The path of every answer: run what is planned, look at what it says, stop or go on.

After an inference the caches hold the network, and everything touched here has to be fetched anew: so it is little, and
what can be done later is left to `compsel.runtime.plan_cache`.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from compsel.device.sampler import DeviceSampler
from compsel.errors import CompselError, ModelError, ProcessorError
from compsel.features import EXTRACTORS
from compsel.features.base import FeatureExtractor
from compsel.features.fusion import Evidence, Scores
from compsel.runtime.answer import Answer, Stage
from compsel.runtime.answer_fusion import fuse_answers
from compsel.runtime.engine_pool import EnginePool
from compsel.runtime.observations import Observations, StageFailedError
from compsel.runtime.planning import PlacedPlan
from compsel.selection.policies import STOP
from compsel.variants.engine import Engine

__all__ = ["StageExecutor"]

# times longer or shorter than expected: the device has changed, and what was planned for it may be wrong
_SURPRISING, _NOTICEABLE_MS = 2.0, 0.2


class StageExecutor:
    """Answers inputs as planned.

    Args:
        pool: of engines.
        observations: of what ran.
        sampler: is told when something surprising ran.
        labels: names of the classes; () where they are not known.
    """

    def __init__(
        self, pool: EnginePool, observations: Observations, sampler: DeviceSampler, labels: tuple[str, ...] = ()
    ) -> None:
        self._pool = pool
        self._labels = labels
        self._observations = observations
        self._sampler = sampler
        self._extractors: dict[str, FeatureExtractor] = {}

    # long: the hot path; each further call would be fetched anew into caches that the inference has emptied
    def answer(
        self,
        value: Any,
        planned: PlacedPlan,
        tensors: bool,
        deadline_ms: float | None,
        begin: int,
        failures: Sequence[StageFailedError],
    ) -> Answer:
        """Answer one input.

        Args:
            value: a decoded image, a text, or named tensors.
            planned: what to run, and where.
            tensors: whether the variants take tensors.
            deadline_ms: of the call: then nothing is tried out.
            begin: when the call began, by `time.perf_counter_ns`.
            failures: what failed before, for the note.

        Raises:
            StageFailedError: a processor failed on the way.
        """
        policy, plan = planned.policy, planned.plan
        features, elsewhere_ns = None, 0
        if policy.extractor:
            started = time.perf_counter_ns()
            features = self._features(policy.extractor, value)
            elsewhere_ns = time.perf_counter_ns() - started
        features_ms = elsewhere_ns / 1e6
        ran: list[int] = []
        stages: list[Stage] = []
        scores_so_far: list[Scores] = []
        evidence: list[Evidence] = []
        position = plan.first(features)
        while position != STOP:
            trials = self._observations.explores and deadline_ms is None
            processor, engine, outputs, scores, taken_ns = self._run(position, value, planned, tensors, trials)
            elsewhere_ns += taken_ns
            ran.append(position)
            # None also for several inputs in one tensor, which cannot be judged as one answer
            position, sure = STOP, None
            if scores is not None:
                scores_so_far.append(scores)
                evidence.append(scores.evidence)
                position, sure = plan.next(ran, evidence, features)
            last = ran[-1]
            stages.append(Stage(policy.variants[last], processor, taken_ns / 1e6, planned.expected_ms[last], sure))
        if len(scores_so_far) > 1:
            as_probabilities = engine.variant.output == "probabilities"
            outputs = fuse_answers(plan.weights(ran), scores_so_far, outputs, as_probabilities)
        # several inputs in one tensor are another kind of work
        if not tensors or np.ndim(outputs[0]) == 0 or len(outputs[0]) == 1:
            self._observe(stages, planned)
        latency_ns = time.perf_counter_ns() - begin
        return Answer(
            outputs,
            latency_ns / 1e6,
            tuple(stages),
            features_ms,
            (latency_ns - elsewhere_ns) / 1e6,
            not planned.note,
            _note(failures, planned) if failures or planned.note else "",
            sure is not None and sure < policy.least_sure,
            0.0,
            engine.variant.output,
            self._labels,
            planned,
        )

    def _run(
        self, position: int, value: Any, planned: PlacedPlan, tensors: bool, trials: bool
    ) -> tuple[str, Engine, list[np.ndarray], Scores | None, int]:
        """Run one stage; return where, the engine, its outputs, their scores and the time (ns)."""
        policy = planned.policy
        name, processor = policy.variants[position], planned.processors[position]
        if trials:
            processor = self._observations.processor(name, processor, planned.costs)
        engine = None
        try:
            engine = self._pool.get(name, processor, tensors)
            started = time.perf_counter_ns()
            outputs, scores = engine.answer(value) if policy.uses_evidence else (engine(value), None)
            return processor, engine, outputs, scores, time.perf_counter_ns() - started
        except Exception as error:  # whatever a session raises
            if isinstance(error, CompselError) and not isinstance(error, ProcessorError | ModelError):
                raise  # of the input, or of a function of the app
            raise StageFailedError.of(name, processor, error, engine) from error

    def _observe(self, stages: Sequence[Stage], planned: PlacedPlan) -> None:
        """Leave the stages to be learned from; ask for it at once where one took surprisingly long or short."""
        self._observations.pending.append((stages, planned))
        for stage in stages:
            expected_ms, longest_ms = stage.expected_ms, _SURPRISING * stage.latency_ms
            if abs(stage.latency_ms - expected_ms) < _NOTICEABLE_MS:
                continue
            if not expected_ms < longest_ms < _SURPRISING**2 * expected_ms:
                self._sampler.wake()
                return

    def _features(self, name: str, value: Any) -> np.ndarray:
        """Return the features of an image; texts and tensors have none of these, which selectors know as NaN."""
        if name not in self._extractors:
            self._extractors[name] = EXTRACTORS[name]()
        extractor = self._extractors[name]
        if isinstance(value, (Mapping, str)):
            return np.full(len(extractor.names), np.nan, np.float32)
        return extractor.extract(value)


def _note(failures: Sequence[StageFailedError], planned: PlacedPlan) -> str:
    return "; ".join([failure.text for failure in failures] + [planned.note] * bool(planned.note))
