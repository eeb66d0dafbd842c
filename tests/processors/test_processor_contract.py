"""What holds for every processor, real and scripted: the suite that a new one must pass."""

import threading
from collections.abc import Callable

import numpy as np
import pytest

from compsel.errors import InputError, ModelError, ProcessorError
from compsel.processors import CpuProcessor, discover
from compsel.processors.base import Availability, Processor
from compsel.processors.ort_session import OrtSession
from compsel.processors.smoke_test import smoke_feeds, smoke_graph
from tests.processors.fake_processor import FakeProcessor, Script

_TRUNCATED = smoke_graph()[:60]


def _scripted() -> FakeProcessor:
    """A processor whose script gives the small graph's answer for every input."""
    with OrtSession(smoke_graph()) as real:
        answer = real.run(smoke_feeds())
        return FakeProcessor({smoke_graph(): Script(real.inputs, real.outputs, (answer,))})


PROCESSORS: list[Processor] = [
    *(processor for processor, found in discover() if found.available),
    _scripted(),
]


def check_names_itself(processor: Processor) -> None:
    assert processor.name
    assert processor.provider.endswith("ExecutionProvider")
    assert processor.name in repr(processor) or isinstance(processor, FakeProcessor)


def check_is_available_with_a_reason(processor: Processor) -> None:
    found = processor.availability()
    assert found == Availability(True, found.reason)
    assert found.reason


def check_session_says_what_it_takes(processor: Processor) -> None:
    session = processor.open(smoke_graph())
    assert [(spec.name, spec.dtype, spec.shape) for spec in session.inputs] == [("x", "float32", (1, 3, 8, 8))]
    assert [(spec.name, spec.dtype, spec.shape) for spec in session.outputs] == [("y", "float32", (1, 4, 1, 1))]
    session.close()


def check_answers_are_the_cpus_and_repeat(processor: Processor) -> None:
    with OrtSession(smoke_graph()) as cpu:
        (expected,) = cpu.run(smoke_feeds())
    session = processor.open(smoke_graph())
    for outputs in (None, ["y"], ("y",)):
        (answer,) = session.run(smoke_feeds(), outputs)
        np.testing.assert_allclose(answer, expected, rtol=0.02, atol=0.02)
    session.close()


def check_feeds_are_left_as_they_are(processor: Processor) -> None:
    feeds = smoke_feeds()
    session = processor.open(smoke_graph())
    session.run(feeds)
    np.testing.assert_array_equal(feeds["x"], smoke_feeds()["x"])
    session.close()


def check_wrong_feeds_are_input_errors(processor: Processor) -> None:
    session = processor.open(smoke_graph())
    good = smoke_feeds()["x"]
    for feeds in ({}, {"x": good.astype(np.float64)}, {"x": good[:, :2]}, {"z": good}, {"x": good, "z": good}):
        with pytest.raises(InputError):
            session.run(feeds)
    with pytest.raises(InputError):
        session.run(smoke_feeds(), ["no_such_output"])
    assert len(session.run(smoke_feeds())) == 1, "still works"
    session.close()


def check_closed_session_refuses(processor: Processor) -> None:
    session = processor.open(smoke_graph())
    session.close()
    session.close()
    with pytest.raises(ProcessorError, match="closed"):
        session.run(smoke_feeds())


def check_what_is_no_model_is_a_model_error(processor: Processor) -> None:
    for variant in (b"", b"no model", _TRUNCATED, "no/such/model.onnx"):
        with pytest.raises(ModelError):
            processor.open(variant)


def check_sessions_run_in_threads(processor: Processor) -> None:
    session = processor.open(smoke_graph())
    expected = session.run(smoke_feeds())[0]
    answers: list[np.ndarray] = []

    def run() -> None:
        answers.extend(session.run(smoke_feeds())[0] for _ in range(20))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 80
    assert all(np.allclose(answer, expected) for answer in answers)
    session.close()


def check_nothing_is_printed(processor: Processor, capfd: pytest.CaptureFixture[str]) -> None:
    processor.availability()
    for action in (lambda: processor.open(b"no model"), lambda: processor.open(smoke_graph()).run({})):
        with pytest.raises((ModelError, InputError)):
            action()
    assert capfd.readouterr() == ("", "")


CHECKS: list[Callable[[Processor], None]] = [
    check_names_itself,
    check_is_available_with_a_reason,
    check_session_says_what_it_takes,
    check_answers_are_the_cpus_and_repeat,
    check_feeds_are_left_as_they_are,
    check_wrong_feeds_are_input_errors,
    check_closed_session_refuses,
    check_what_is_no_model_is_a_model_error,
    check_sessions_run_in_threads,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda processor: processor.name)
def test_processor(processor: Processor, check: Callable[[Processor], None]) -> None:
    check(processor)


@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda processor: processor.name)
def test_prints_nothing(processor: Processor, capfd: pytest.CaptureFixture[str]) -> None:
    check_nothing_is_printed(processor, capfd)


def test_the_suite_has_several_ways_to_use_the_cpu() -> None:
    assert sum(isinstance(processor, CpuProcessor) for processor in PROCESSORS) >= 1
