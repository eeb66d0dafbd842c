"""The path of every answer: run what is planned, look at what it says, stop or go on.

After an inference the caches hold the network, and everything touched here has to be fetched anew: so it is little, and
what can be done later is left to `compsel.runtime.planning.plan_cache`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from compsel.device.sampler import DeviceSampler
from compsel.errors import CompselError
from compsel.runtime.adaptation.observations import CHOICE_FAULTS, Observations, StageFailedError
from compsel.runtime.answer import Answer, Stage
from compsel.runtime.dispatch.stage_runner import StageLimit, StageRunner
from compsel.runtime.elapsed import elapsed_ns
from compsel.runtime.faults.watched_calls import HangError, StillOpeningError
from compsel.runtime.planning.planner import PlacedPlan
from compsel.selection.policies import STOP
from compsel.variants.engine import Engine

if TYPE_CHECKING:
    from compsel.features.base import FeatureExtractor
    from compsel.features.fusion import Evidence, Scores
    from compsel.runtime.recording.recorder import Recorder

__all__ = ["StageExecutor"]

# times longer or shorter than expected, twice running: the device has changed, and what was planned for it may be wrong
_SURPRISING, _NOTICEABLE_MS = 2.0, 0.2


class StageExecutor:
    """Answers inputs as planned.

    Args:
        runner: of stages.
        observations: of what ran.
        sampler: is told when something surprising ran.
        report: is told of a stage that hangs while an earlier one has answered already.
        labels: names of the classes; () where they are not known.
        recorder: writes down what ran; None: nothing is.

    Attributes:
        recorder: the same.
    """

    # many parameters: what an answer goes through, each made once for a runtime
    def __init__(
        self,
        runner: StageRunner,
        observations: Observations,
        sampler: DeviceSampler,
        report: Callable[[StageFailedError], None],
        labels: tuple[str, ...] = (),
        recorder: "Recorder | None" = None,
    ) -> None:
        self._runner, self._report = runner, report
        self._labels = labels
        self.recorder = recorder
        self._observations = observations
        self._sampler = sampler
        self._extractors: dict[str, FeatureExtractor] = {}
        # of the last answer: whether a stage of it took surprisingly long (1) or short (-1)
        self._surprise = 0

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
            features = self.features(policy.extractor, value)
            elsewhere_ns = elapsed_ns(started)
        features_ms = elsewhere_ns / 1e6
        late = ""
        ran: list[int] = []
        stages: list[Stage] = []
        scores_so_far: list[Scores] = []
        evidence: list[Evidence] = []
        position = plan.first(features)
        while position != STOP:
            remaining_ms = None if deadline_ms is None else deadline_ms - elapsed_ns(begin) / 1e6
            if scores_so_far and remaining_ms is not None and remaining_ms <= 0:
                late, position = f"deadline_ms={deadline_ms:g} left no time for {policy.variants[position]}", STOP
                continue
            processor, expected_ms = planned.processors[position], planned.expected_ms[position]
            limit = StageLimit(expected_ms, remaining_ms, bool(scores_so_far))
            try:
                processor, engine, outputs, scores, taken_ns = self._run(
                    position, processor, value, planned, tensors, limit
                )
            except HangError as error:  # then an earlier stage has answered
                late, position = str(error), STOP
                continue
            elsewhere_ns += taken_ns
            ran.append(position)
            # None also for several inputs in one tensor, which cannot be judged as one answer
            position, sure = STOP, None
            if scores is not None:
                scores_so_far.append(scores)
                evidence.append(scores.evidence)
                position, sure = plan.next(ran, evidence, features)
            last = ran[-1]
            stages.append(Stage(policy.variants[last], processor, taken_ns / 1e6, expected_ms, sure))
        if len(scores_so_far) > 1:
            from compsel.runtime.dispatch.answer_fusion import fuse_answers  # of cascades alone

            outputs = fuse_answers(plan.weights(ran), scores_so_far, outputs, engine.variant.output)
        abstained = sure is not None and sure < policy.least_sure
        # several inputs in one tensor are another kind of work
        alone = not tensors or _is_one(outputs[0])
        if alone:
            self.observe(stages, planned)
        # a clock that jumped back shows no less than what ran
        latency_ns = max(elsewhere_ns, elapsed_ns(begin))
        recorded = ""
        if alone and self.recorder is not None:
            recorded = self.recorder.put(stages, planned, latency_ns, features, evidence, abstained)
        return Answer(
            outputs,
            latency_ns / 1e6,
            tuple(stages),
            features_ms,
            (latency_ns - elsewhere_ns) / 1e6,
            not planned.note,
            _note(failures, planned, late) if failures or planned.note or late else "",
            abstained,
            0.0,
            engine.variant.output,
            self._labels,
            recorded,
            planned,
        )

    def _run(
        self, position: int, processor: str, value: Any, planned: PlacedPlan, tensors: bool, limit: StageLimit
    ) -> "tuple[str, Engine, list[np.ndarray], Scores | None, int]":
        """Run one stage; return where, the engine, its outputs, their scores and the time (ns)."""
        policy = planned.policy
        name = policy.variants[position]
        if self._observations.explores and limit.remaining_ms is None:
            processor = self._observations.processor(name, processor, planned.costs)
        engine = None
        try:
            engine = self._runner.open(name, processor, tensors, limit)
            started = time.perf_counter_ns()
            outputs, scores = self._runner.watch(engine.answer, engine, limit, value, policy.uses_evidence)
            return processor, engine, outputs, scores, elapsed_ns(started)
        except Exception as error:  # whatever a session raises
            if isinstance(error, CompselError) and not isinstance(error, CHOICE_FAULTS):
                raise  # of the input, or of a function of the app
            failure = StageFailedError.of(name, processor, error, engine)
            failure.expected_ms, failure.limit_s = limit.expected_ms, limit.seconds
            self._observations.calls.stage_failed(given_up=isinstance(error, HangError))
            if not (limit.answered and isinstance(error, HangError)):
                raise failure from error
            if limit.is_far_beyond or isinstance(error, StillOpeningError):
                self._report(failure)
            raise

    def observe(self, stages: Sequence[Stage], planned: PlacedPlan) -> None:
        """Leave the stages to be learned from; ask for it at once where two answers took surprisingly long, or short.

        A single one is an outlier, which moves no cost (`LatencyCorrections`).
        """
        self._observations.pending.append((stages, planned))
        surprise = 0
        for stage in stages:
            expected_ms, longest_ms = stage.expected_ms, _SURPRISING * stage.latency_ms
            if abs(stage.latency_ms - expected_ms) < _NOTICEABLE_MS:
                continue
            if not expected_ms < longest_ms < _SURPRISING**2 * expected_ms:
                surprise = 1 if stage.latency_ms > expected_ms else -1
                if surprise == self._surprise:
                    self._sampler.wake()
                break
        self._surprise = surprise

    def features(self, name: str, value: Any) -> np.ndarray:
        """Return the features of an image; texts and tensors have none of these, which selectors know as NaN."""
        if name not in self._extractors:
            from compsel.features import EXTRACTORS  # few policies look at the input

            self._extractors[name] = EXTRACTORS[name]()
        extractor = self._extractors[name]
        if isinstance(value, (Mapping, str)):
            return np.full(len(extractor.names), np.nan, np.float32)
        return extractor.extract(value)


def _is_one(output: Any) -> bool:
    """Whether an output is that of one input, as far as its form tells."""
    return not isinstance(output, np.ndarray) or output.ndim == 0 or len(output) == 1


def _note(failures: Sequence[StageFailedError], planned: PlacedPlan, late: str) -> str:
    return "; ".join(part for part in (*(failure.text for failure in failures), planned.note, late) if part)
