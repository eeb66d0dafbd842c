"""Checks that every kind of answers passes, run over all of them."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from compsel.features.output_confidence import OutputReader
from compsel.features.tasks import task_of
from compsel.features.tasks.base import Task

Outputs = Sequence[np.ndarray]


def check_task_survives_json(task: Task, answers: Sequence[Outputs]) -> None:
    assert task_of(task.name, json.loads(json.dumps(task.options()))) == task


def check_task_agrees_with_itself(task: Task, answers: Sequence[Outputs]) -> None:
    for outputs in answers:
        assert task.quality(outputs, task.decide(outputs)) == pytest.approx(1.0)


def check_task_rates_from_0_to_1_and_tells_answers_apart(task: Task, answers: Sequence[Outputs]) -> None:
    rated = [task.quality(one, task.decide(other)) for one in answers for other in answers]
    assert all(0 <= rate <= 1 for rate in rated)
    assert min(rated) < task.good_enough


def check_task_reads_confidence_as_a_few_finite_numbers(task: Task, answers: Sequence[Outputs]) -> None:
    reader = OutputReader(task if task.reads_confidence else None)
    sizes = {reader.read(list(outputs)).confidence.shape for outputs in answers}
    assert len(sizes) == 1
    assert reader.name == (task.name if task.reads_confidence else "generic")


def check_task_says_what_it_is(task: Task, answers: Sequence[Outputs]) -> None:
    for labelled in (True, False):
        sentence = task.sentence(labelled=labelled, reference="net/none")
        assert sentence.startswith("answers are read as: ")
        assert sentence.endswith("--task to change")
        assert "\n" not in sentence
    assert "net/none" in task.sentence(labelled=False, reference="net/none")


def check_task_says_whether_stages_are_fused(task: Task, answers: Sequence[Outputs]) -> None:
    said = task.reading
    assert task.classes or "not averaged" in said or "likeness" in said


CHECKS = [check for name, check in list(globals().items()) if name.startswith("check_")]
