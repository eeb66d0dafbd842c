"""Answers many inputs together: each stage runs once for all that need it, and what it says of each decides for that.

The answers are those that the inputs get one by one. Where rows are proven independent, one inference answers them all.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from compsel.errors import CompselError
from compsel.features.fusion import Scores
from compsel.runtime.adaptation.observations import StageFailedError
from compsel.runtime.answer import Answer, Stage
from compsel.runtime.dispatch.answer_fusion import fuse_answers
from compsel.runtime.dispatch.dispatcher import Dispatcher
from compsel.runtime.dispatch.stage_execution import StageExecutor
from compsel.runtime.dispatch.stage_runner import StageLimit, StageRunner
from compsel.runtime.elapsed import elapsed_ns
from compsel.runtime.faults.watched_calls import HangError
from compsel.runtime.feeds.rows import Rows
from compsel.runtime.planning.planner import NO_LIMITS, Limits, PlacedPlan
from compsel.selection.policies import STOP
from compsel.variants.engine import Engine
from compsel.variants.variant import OutputKind

__all__ = ["BatchExecutor"]


# nobody compares or shows it
@dataclass(eq=False, repr=False)
class _Row:
    """What is known of an input so far."""

    number: int
    next: int
    features: np.ndarray | None
    features_ms: float = 0.0
    decode_ms: float = 0.0
    alone: bool = True
    ran: list[int] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    scores: list[Scores] = field(default_factory=list)
    outputs: list[np.ndarray] = field(default_factory=list)
    output: OutputKind = "other"
    sure: float | None = None


class BatchExecutor:
    """Answers rows, stage by stage.

    Args:
        dispatcher: plans, and answers alone what cannot be answered together.
        executor: knows the features of inputs.
        runner: of stages.
        report: is told of a stage that hangs.
        labels: names of the classes; () where they are not known.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        executor: StageExecutor,
        runner: StageRunner,
        report: Callable[[StageFailedError], None],
        labels: tuple[str, ...] = (),
    ) -> None:
        self._dispatcher, self._executor, self._runner = dispatcher, executor, runner
        self._report, self._labels = report, labels

    def answers(
        self, rows: Rows, allowed: Sequence[frozenset[str] | None], limits: Limits = NO_LIMITS
    ) -> list[Answer | CompselError]:
        """Answer rows.

        Args:
            rows: of the bundle's modality, or of tensors.
            allowed: for each the variants that take it; None: all.
            limits: of each, without a deadline: one inference may answer all.

        Returns:
            For each row its answer, or why there is none. The time of a stage is that of all rows that ran it together.
        """
        begin = time.perf_counter_ns()
        found: list[Answer | CompselError | None] = [None] * len(rows)
        alike: dict[tuple[frozenset[str] | None, int | None], list[int]] = {}
        sized = self._dispatcher.sizes_matter
        for number, names in enumerate(allowed):
            bucket = self._dispatcher.bucket(rows.value(number)) if sized else None
            alike.setdefault((names, bucket), []).append(number)
        for (names, bucket), numbers in alike.items():
            with contextlib.suppress(CompselError):  # each is told so below
                planned = self._dispatcher.planned(limits, names, bucket, time.perf_counter_ns())
                for number, answer in self._answered(rows, numbers, planned, names is not None, begin):
                    found[number] = answer
        # what failed together is tried alone: one bad input hurts only itself
        return [
            self._alone(rows.value(number), limits, allowed[number]) if answer is None else answer
            for number, answer in enumerate(found)
        ]

    def _answered(
        self, rows: Rows, numbers: Sequence[int], planned: PlacedPlan, tensors: bool, begin: int
    ) -> Iterator[tuple[int, Answer]]:
        """Answer rows as planned, those that it can."""
        if tensors:  # nothing to decode, and no features
            none = self._executor.features(planned.policy.extractor, {}) if planned.policy.extractor else None
            first = planned.plan.first(none)
            waiting = [_Row(number, first, none) for number in numbers]
        else:
            waiting = [row for row in (self._started(rows, number, planned) for number in numbers) if row is not None]
        while waiting:
            (position, _), *_ = Counter(row.next for row in waiting).most_common(1)
            now = [row for row in waiting if row.next == position]
            waiting = [row for row in waiting if row.next != position]
            for row in self._stage(rows, now, position, planned, tensors):
                if row.next == STOP:
                    yield row.number, self._answer(row, planned, begin)
                else:
                    waiting.append(row)

    def _started(self, rows: Rows, number: int, planned: PlacedPlan) -> _Row | None:
        """Return a row that nothing is known of yet; None where it cannot be decoded."""
        value, features, features_ns = rows.value(number), None, 0
        try:
            decode_ns = self._dispatcher.decode(value, planned.policy)
        except CompselError:
            return None
        if planned.policy.extractor:
            started = time.perf_counter_ns()
            features = self._executor.features(planned.policy.extractor, value)
            features_ns = elapsed_ns(started)
        return _Row(number, planned.plan.first(features), features, features_ns / 1e6, decode_ns / 1e6)

    def _stage(self, rows: Rows, some: Sequence[_Row], position: int, planned: PlacedPlan, tensors: bool) -> list[_Row]:
        """Run one stage for rows; return those that it answered."""
        name, processor = planned.policy.variants[position], planned.processors[position]
        by_number = {row.number: row for row in some}
        done: list[_Row] = []
        try:
            engine = self._runner.open(name, processor, tensors, StageLimit(planned.expected_ms[position]))
            for numbers, feeds in rows.batches(engine, list(by_number)):
                together = [by_number[number] for number in numbers]
                self._run(engine, feeds, together, position, planned)
                done += together
        except Exception as error:  # whatever a session raises: each row is then tried alone, and judged there
            if isinstance(error, HangError):
                self._report(StageFailedError.of(name, processor, error))
        return done

    def _run(self, engine: Engine, feeds: Any, together: Sequence[_Row], position: int, planned: PlacedPlan) -> None:
        policy, plan, expected_ms = planned.policy, planned.plan, planned.expected_ms[position]
        limit, count = StageLimit(expected_ms * len(together)), len(together)
        started = time.perf_counter_ns()
        answer_rows = partial(engine.answer_rows, with_scores=policy.uses_evidence)
        given = self._runner.watch(answer_rows, engine, limit, feeds, count)
        taken_ms = elapsed_ns(started) / 1e6
        for row, (outputs, scores) in zip(together, given, strict=True):
            row.alone &= count == 1
            row.ran.append(position)
            row.outputs, row.output, row.next, row.sure = outputs, engine.variant.output, STOP, None
            if scores is not None:
                row.scores.append(scores)
                row.next, row.sure = plan.next(row.ran, [one.evidence for one in row.scores], row.features)
            row.stages.append(Stage(policy.variants[position], engine.processor.name, taken_ms, expected_ms, row.sure))

    def _answer(self, row: _Row, planned: PlacedPlan, begin: int) -> Answer:
        outputs = row.outputs
        if len(row.scores) > 1:
            outputs = fuse_answers(planned.plan.weights(row.ran), row.scores, outputs, row.output)
        if row.alone:  # several inputs in one tensor are another kind of work
            self._executor.observe(row.stages, planned)
        elsewhere_ms = row.decode_ms + row.features_ms + sum(stage.latency_ms for stage in row.stages)
        # a clock that jumped back shows no less than what ran
        latency_ms = max(elsewhere_ms, elapsed_ns(begin) / 1e6)
        abstained, recorded = row.sure is not None and row.sure < planned.policy.least_sure, ""
        if self._executor.recorder is not None:
            evidence, latency_ns = [one.evidence for one in row.scores], int(latency_ms * 1e6) if row.alone else None
            recorded = self._executor.recorder.put(row.stages, planned, latency_ns, row.features, evidence, abstained)
        return Answer(
            outputs,
            latency_ms,
            tuple(row.stages),
            row.features_ms,
            latency_ms - elsewhere_ms,
            not planned.note,
            planned.note,
            abstained,
            row.decode_ms,
            row.output,
            self._labels,
            recorded,
            planned,
        )

    def _alone(self, value: Any, limits: Limits, allowed: frozenset[str] | None) -> Answer | CompselError:
        try:
            return self._dispatcher.answer(value, limits, allowed, time.perf_counter_ns())
        except CompselError as error:
            return error
