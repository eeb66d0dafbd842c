"""Wrong answers never pass, and one bad input hurts only itself."""

import gc
import io
import threading
import time
import weakref
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from PIL import Image

from compsel.errors import InputError, ModelError, ProcessorError
from compsel.inputs.samples import ArraySamples
from compsel.runtime import Runtime
from compsel.runtime.dispatch.stage_runner import StageLimit
from compsel.variants.engine import Engine
from tests.runtime.conftest import Clock, Rules, StartScripted

GOOD = np.arange(10, dtype=np.float32)[None]
AT_ONCE = {"fast": 0.0, "slow": 0.0}


class Session:
    """Answers well, or wrongly from when it is told to, or only inputs of one kind."""

    def __init__(self) -> None:
        self.wrong: object = None
        self.poison: int | None = None
        self.calls = 0

    def __call__(self, feeds: Mapping[str, np.ndarray]) -> object:
        self.calls += 1
        if self.wrong is not None:
            return self.wrong
        if self.poison is not None and next(iter(feeds.values())).max() == self.poison:
            return ModelError("the input shape and the requested shape differ")
        return [GOOD]


@pytest.fixture
def fast() -> Session:
    return Session()


@pytest.fixture
def slow() -> Session:
    return Session()


@pytest.fixture
def runtime(scripted: StartScripted, fast: Session, slow: Session, clock: Clock) -> Runtime:
    runtime = scripted(AT_ONCE, Rules(fast=fast, slow=slow), adapt=False)
    runtime._observations.quarantine._clock = clock
    return runtime


def nan_at(position: int) -> np.ndarray:
    values = GOOD.copy()
    values[0, position] = np.nan
    return values


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([nan_at(0)], "holds NaN"),
        ([nan_at(9)], "holds NaN"),
        ([np.full((1, 10), -np.inf, np.float32)], "gives no class a chance"),
        ([GOOD[:, :7]], "has shape (1, 7), the model's is (any, 10)"),
        ([GOOD[0]], "has shape (10,), the model's is (any, 10)"),
        ([GOOD.astype(np.float64)], "has type float64, the model's is float32"),
        ([GOOD, GOOD], "failed with ValueError"),
        ([GOOD.tolist()], "is a list, the model's is a tensor"),
        (None, ""),
        (KeyError("session"), "failed with KeyError('session')"),
        (MemoryError(), "failed with MemoryError()"),
        (OverflowError("int too large"), "failed with OverflowError"),
    ],
)
def test_a_wrong_answer_is_a_failure_and_another_processor_answers(
    runtime: Runtime, fast: Session, crops: ArraySamples, wrong: object, said: str
) -> None:
    assert runtime(crops.value(0)).stages[-1].processor == "fast"
    fast.wrong = wrong if wrong is not None else 3
    answer = runtime(crops.value(0))
    assert answer.stages[-1].processor == "slow"
    assert answer.outputs[0].tolist() == GOOD.tolist()
    assert said in answer.note
    asked = fast.calls
    assert runtime(crops.value(0)).note == ""
    assert fast.calls == asked, "what is broken is left alone"


def test_where_every_processor_answers_wrongly_there_is_no_answer(
    runtime: Runtime, fast: Session, slow: Session, crops: ArraySamples
) -> None:
    runtime(crops.value(0))
    fast.wrong = slow.wrong = [nan_at(3)]
    with pytest.raises(ModelError, match="holds NaN"):
        runtime(crops.value(0))


def test_one_bad_input_does_not_bar_what_answers_others(
    runtime: Runtime, fast: Session, slow: Session, crops: ArraySamples
) -> None:
    bad = np.full((64, 64, 3), 7, np.uint8)
    for _ in range(2):  # both have answered a good one
        runtime(crops.value(0))
    slow.calls = 0
    fast.poison = slow.poison = 7
    for _ in range(20):
        with pytest.raises((InputError, ModelError), match="requested shape"):
            runtime(bad)
        answer = runtime(crops.value(1))
        assert (answer.stages[-1].processor, answer.note) == ("fast", "")
    assert not runtime._observations.quarantine.blocked()


def test_an_input_that_one_processor_cannot_answer_is_answered_by_another(
    runtime: Runtime, fast: Session, crops: ArraySamples
) -> None:
    runtime(crops.value(0))
    fast.poison = 7
    answer = runtime(np.full((64, 64, 3), 7, np.uint8))
    assert answer.stages[-1].processor == "slow"
    assert "failed on this input" in answer.note
    assert runtime(crops.value(0)).stages[-1].processor == "fast"


def test_a_first_failure_is_the_processors_when_another_answers_that_input(
    scripted: StartScripted, fast: Session, crops: ArraySamples
) -> None:
    fast.wrong = ModelError("no kernel")
    runtime = scripted(AT_ONCE, Rules(fast=fast), adapt=False, warm_up=False)
    assert runtime(crops.value(0)).stages[-1].processor == "slow"
    assert runtime(crops.value(0)).note == "", "it is barred"


@pytest.mark.clock
def test_a_chain_of_failures_ends_soon_after_the_deadline(
    scripted: StartScripted, fast: Session, slow: Session, crops: ArraySamples
) -> None:
    runtime = scripted({"fast": 1500.0, "slow": 1500.0}, Rules(fast=fast, slow=slow), adapt=False, warm_up=False)
    fast.wrong = slow.wrong = ProcessorError("device lost")
    begin = time.perf_counter()
    with pytest.raises(ProcessorError):
        runtime(crops.value(0), deadline_ms=200)
    assert time.perf_counter() - begin < 1.4


class Hanging(Session):
    """Answers, until it is told to hang: on every input, or on poisoned ones."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = False
        self.released = threading.Event()

    def __call__(self, feeds: Mapping[str, np.ndarray]) -> object:
        if self.hangs and (self.poison is None or next(iter(feeds.values())).max() == self.poison):
            self.released.wait(60)
        return [GOOD]


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    session = Hanging()
    yield session
    session.released.set()


@pytest.mark.clock
def test_what_hangs_is_given_up_within_the_deadline_and_left_alone(
    scripted: StartScripted, hanging: Hanging, crops: ArraySamples
) -> None:
    runtime = scripted(AT_ONCE, Rules(fast=hanging), adapt=False)
    assert runtime(crops.value(0)).stages[-1].processor == "fast"
    hanging.hangs = True
    begin = time.perf_counter()
    answer = runtime(crops.value(0), deadline_ms=500)
    assert answer.stages[-1].processor == "slow"
    assert "has not ended" in answer.note
    assert runtime(crops.value(0)).note == ""
    runtime.close()
    assert time.perf_counter() - begin < 5.0, "nor does closing wait for it"


@pytest.mark.clock
def test_what_hangs_on_one_input_alone_answers_others_soon(
    scripted: StartScripted, hanging: Hanging, crops: ArraySamples
) -> None:
    runtime = scripted(AT_ONCE, Rules(fast=hanging), adapt=False)
    runtime(crops.value(0))
    hanging.hangs, hanging.poison = True, 7
    for _ in range(4):  # each would double the time that it is left alone
        assert runtime(np.full((64, 64, 3), 7, np.uint8), deadline_ms=500).stages[-1].processor == "slow"
        time.sleep(0.3)
        assert runtime(crops.value(0)).stages[-1].processor == "fast"


@pytest.mark.clock
def test_other_callers_are_answered_while_an_engine_hangs_in_opening(
    scripted: StartScripted, hanging: Hanging, crops: ArraySamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = scripted(AT_ONCE, adapt=False)
    runtime(crops.value(0))
    runtime._pool.drop(next(iter(runtime.bundle.variants)), "fast")
    open_engine = runtime._pool._open

    def stuck(variant: str, processor: str, tensors: bool) -> object:
        if processor == "fast":
            hanging.released.wait(60)
        return open_engine(variant, processor, tensors)

    monkeypatch.setattr(runtime._pool, "_open", stuck)
    answer = runtime(crops.value(0), deadline_ms=300)
    assert (answer.stages[-1].processor, "opening" in answer.note) == ("slow", True)
    assert runtime(crops.value(0)).stages[-1].processor == "slow"


def test_where_nothing_else_is_left_what_failed_is_tried_soon(
    runtime: Runtime, fast: Session, slow: Session, crops: ArraySamples, clock: Clock
) -> None:
    runtime(crops.value(0))
    fast.wrong = [nan_at(0)]
    for _ in range(6):  # each failure doubles the time for which it is barred
        clock.now_s += 40.0
        runtime.flush()
        runtime._runner._calls.wait(time.monotonic() + 20.0)  # it is tried again behind
        assert runtime(crops.value(0)).stages[-1].processor == "slow"
    fast.wrong, slow.wrong = None, [nan_at(0)]
    clock.now_s += 1.0
    answer = runtime(crops.value(0))
    assert answer.stages[-1].processor == "fast", "the last one fails, and another one need not be broken any more"
    assert "slow failed" in answer.note


def test_trials_of_what_is_barred_are_rare(
    runtime: Runtime, fast: Session, slow: Session, crops: ArraySamples, clock: Clock
) -> None:
    fast.wrong = slow.wrong = [nan_at(0)]
    with pytest.raises(ModelError):
        runtime(crops.value(0))
    asked = fast.calls + slow.calls
    for _ in range(100):
        clock.now_s += 0.01
        with pytest.raises((ModelError, ProcessorError)):
            runtime(crops.value(0))
    assert fast.calls + slow.calls - asked < 12


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0])
def test_a_clock_that_jumps_gives_no_negative_latency(
    runtime: Runtime, fast: Session, crops: ArraySamples, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    now_ns = time.perf_counter_ns

    def answers(feeds: Mapping[str, np.ndarray]) -> object:
        monkeypatch.setattr(time, "perf_counter_ns", lambda: now_ns() + int(jump_s * 1e9))
        return [GOOD]

    engine = runtime._pool.get(next(iter(runtime.bundle.variants)), "fast")
    with monkeypatch.context() as patched:
        patched.setattr(engine.session, "run", lambda feeds, outputs=None: answers(feeds))
        answer = runtime(crops.value(0))
    monkeypatch.setattr(time, "perf_counter_ns", now_ns)
    assert min(answer.latency_ms, answer.selector_ms, answer.stages[0].latency_ms) >= 0
    assert runtime(crops.value(0)).latency_ms < 1e6


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0])
@pytest.mark.parametrize("way", ["decoded", "batch", "queued"])
def test_nor_does_it_where_a_call_decodes_or_waits_or_many_are_answered_together(
    runtime: Runtime, fast: Session, crops: ArraySamples, monkeypatch: pytest.MonkeyPatch, way: str, jump_s: float
) -> None:
    now_ns = time.perf_counter_ns
    taken: list[float] = []

    def jumps(feeds: Mapping[str, np.ndarray], outputs: object = None) -> list[np.ndarray]:
        monkeypatch.setattr(time, "perf_counter_ns", lambda: now_ns() + int(jump_s * 1e9))
        return [GOOD]

    image = Image.fromarray(crops.value(0))
    encoded = io.BytesIO()
    image.save(encoded, "PNG")
    calls = {
        "decoded": lambda: [runtime(encoded.getvalue())],
        "batch": lambda: list(runtime.map([crops.value(0), encoded.getvalue()], batch=2)),
        "queued": lambda: [runtime.submit(crops.value(0)).result()],
    }
    engine = runtime._pool.get(next(iter(runtime.bundle.variants)), "fast")
    with monkeypatch.context() as patched:
        patched.setattr(engine.session, "run", jumps)
        answers = calls[way]()
    monkeypatch.setattr(time, "perf_counter_ns", now_ns)
    for answer in answers:
        taken += [answer.latency_ms, answer.selector_ms, answer.features_ms, answer.decode_ms, answer.waited_ms]
        taken += [stage.latency_ms for stage in answer.stages]
        assert answer.latency_ms >= answer.decode_ms + sum(stage.latency_ms for stage in answer.stages)
    assert min(taken) >= 0


def test_what_failed_is_freed_at_once(runtime: Runtime, fast: Session, crops: ArraySamples, clock: Clock) -> None:
    runtime(crops.value(0))
    gc.collect()
    gc.disable()
    try:
        opened: list[weakref.ref[Engine]] = []
        for _ in range(3):
            fast.wrong = None
            clock.now_s += 700.0
            runtime.flush()
            runtime._runner._calls.wait(time.monotonic() + 20.0)  # it is opened again behind
            runtime.flush()
            assert runtime(crops.value(0)).stages[-1].processor == "fast"
            opened.append(weakref.ref(runtime._pool.get(next(iter(runtime.bundle.variants)), "fast")))
            fast.wrong = [nan_at(0)]
            assert runtime(crops.value(0)).stages[-1].processor == "slow"
        assert [engine() for engine in opened] == [None] * 3
    finally:
        gc.enable()


@pytest.mark.clock
def test_a_processor_says_how_long_it_may_take_to_open(
    scripted: StartScripted, hanging: Hanging, crops: ArraySamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = scripted(AT_ONCE, adapt=False)
    runtime(crops.value(0))
    runtime._pool.drop(next(iter(runtime.bundle.variants)), "fast")
    monkeypatch.setattr(type(runtime._pool.processor("fast")), "opening_limit_s", 0.2)

    def stuck(*_: object) -> None:
        hanging.released.wait(60)
        raise ProcessorError("it came back")

    monkeypatch.setattr(runtime._pool, "_open", stuck)
    with pytest.raises(ProcessorError, match=r"opening .* on fast: has not ended after 200 ms"):
        runtime._runner.open(next(iter(runtime.bundle.variants)), "fast", False, StageLimit(1.0))
