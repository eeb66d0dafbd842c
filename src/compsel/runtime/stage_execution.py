"""The path of every answer: run what is planned, look at what it says, stop or go on.

After an inference the caches hold the network, and everything touched here has to be fetched anew: so it is little, and
what can be done later is left to `compsel.runtime.plan_cache`.
"""

import time
from collections.abc import Mapping, Sequence

import numpy as np

from compsel.device.sampler import DeviceSampler
from compsel.errors import ModelError, ProcessorError
from compsel.features import EXTRACTORS
from compsel.features.base import FeatureExtractor
from compsel.features.fusion import Evidence, Scores
from compsel.runtime.answer import Answer, Stage
from compsel.runtime.answer_fusion import together
from compsel.runtime.engine_pool import EnginePool
from compsel.runtime.observations import Observations, StageFailedError
from compsel.runtime.planning import PlacedPlan
from compsel.selection.policies import STOP

__all__ = ["StageExecutor"]

Value = np.ndarray | Mapping[str, np.ndarray]

# times longer or shorter than expected: the device has changed, and what was planned for it may be wrong
_SURPRISING = 2.0


class StageExecutor:
    """Answers inputs as planned.

    Args:
        pool: of engines.
        feedback: hears of what ran.
        sampler: is told when something surprising ran.
    """

    def __init__(self, pool: EnginePool, feedback: Observations, sampler: DeviceSampler) -> None:
        self._pool = pool
        self._feedback = feedback
        self._sampler = sampler
        self._extractors: dict[str, FeatureExtractor] = {}

    def answer(
        self,
        value: Value,
        planned: PlacedPlan,
        tensors: bool,
        deadline_ms: float | None,
        begin: int,
        failures: Sequence[StageFailedError],
    ) -> Answer:
        """Answer one input.

        Args:
            value: a decoded image, or named tensors.
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
        said: list[Scores] = []
        evidence: list[Evidence] = []
        surprising = False
        position = plan.first(features)
        while position != STOP:
            name, processor = policy.variants[position], planned.processors[position]
            if self._feedback.explores and deadline_ms is None:
                processor = self._feedback.processor(name, processor, planned.costs)
            try:
                engine = self._pool.get(name, processor, tensors)
                started = time.perf_counter_ns()
                outputs, scores = engine.answer(value) if policy.uses_evidence else (engine(value), None)
                taken_ns = time.perf_counter_ns() - started
            except (ProcessorError, ModelError) as error:
                raise StageFailedError(name, processor, error) from error
            elsewhere_ns += taken_ns
            ran.append(position)
            # None also for several inputs in one tensor, which cannot be judged as one answer
            position, sure = STOP, None
            if scores is not None:
                said.append(scores)
                evidence.append(scores.evidence)
                position, sure = plan.next(ran, evidence, features)
            latency_ms, expected_ms = taken_ns / 1e6, planned.expected_ms[ran[-1]]
            stages.append(Stage(name, processor, latency_ms, expected_ms, sure))
            surprising = surprising or not expected_ms < _SURPRISING * latency_ms < _SURPRISING**2 * expected_ms
        if len(said) > 1:
            outputs = together(plan.weights(ran), said, outputs, engine.variant.output == "probabilities")
        # several inputs in one tensor are another kind of work
        if not tensors or np.ndim(outputs[0]) == 0 or len(outputs[0]) == 1:
            self._feedback.heard.append((stages, planned))
            if surprising:
                self._sampler.wake()
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
        )

    def _features(self, name: str, value: Value) -> np.ndarray:
        """Return the features of an image; tensors have none of these, which selectors know as NaN."""
        if name not in self._extractors:
            self._extractors[name] = EXTRACTORS[name]()
        extractor = self._extractors[name]
        if isinstance(value, np.ndarray):
            return extractor.extract(value)
        return np.full(len(extractor.names), np.nan, np.float32)


def _note(failures: Sequence[StageFailedError], planned: PlacedPlan) -> str:
    return "; ".join([failure.text for failure in failures] + [planned.note] * bool(planned.note))
