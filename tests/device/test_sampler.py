"""The sampler: snapshots that never change, kept fresh by a thread that survives what can happen to it."""

import dataclasses
import json
import math
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from compsel.device.fingerprint import device_fingerprint
from compsel.device.readers import portable
from compsel.device.readers.base import Counters, Gauges
from compsel.device.readers.linux import LinuxReader
from compsel.device.readers.portable import PsutilReader
from compsel.device.sampler import DeviceSampler, DeviceState, open_reader, read_state
from compsel.errors import CompselError
from tests.device.recorded_device import LAPTOP, write

# real time, or real load, is what is looked at: nothing runs beside
pytestmark = pytest.mark.clock


class ScriptedReader:
    """A reader whose clock and load a test moves."""

    cores = 2

    def __init__(self, fail_after: int | None = None) -> None:
        self.closed = False
        self.reads = 0
        self.fail_after = fail_after
        self.temperature_c = 50.0

    def counters(self) -> Counters:
        self.reads += 1
        if self.fail_after is not None and self.reads > self.fail_after:
            raise SystemExit  # ends a thread without a word
        return Counters(time.perf_counter_ns(), busy_s=(0.5 * time.perf_counter(), 0.0), process_s=0.0, runnable=1)

    def gauges(self) -> Gauges:
        self.temperature_c += 1
        return Gauges(temperature_c=self.temperature_c)

    def close(self) -> None:
        self.closed = True


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "did not happen within 20 s"
        time.sleep(0.005)


def test_state_is_there_at_once_and_gets_fresh() -> None:
    with DeviceSampler(interval_s=0.01) as sampler:
        first = sampler.state()
        assert isinstance(first, DeviceState)
        wait_until(lambda: sampler.state().time_ns > first.time_ns)


def test_states_cannot_be_changed() -> None:
    with DeviceSampler(interval_s=0.01) as sampler, pytest.raises(dataclasses.FrozenInstanceError):
        sampler.state().load_others = 3.0  # wrong, on purpose


def test_load_is_measured_over_the_window() -> None:
    with DeviceSampler(interval_s=0.01, window_s=0.05, reader=ScriptedReader) as sampler:
        wait_until(lambda: len(sampler.state().core_use) == 2)
        wait_until(lambda: sampler.state().load_others == pytest.approx(0.5, abs=0.02))


def test_temperature_trend() -> None:
    with DeviceSampler(interval_s=0.005, gauges_interval_s=0.01, reader=ScriptedReader) as sampler:
        wait_until(lambda: sampler.state().temperature_trend_c_per_min > 0)


def test_stop_keeps_the_last_state_and_ends_the_thread_and_closes_files() -> None:
    reader = ScriptedReader()
    before = set(threading.enumerate())
    sampler = DeviceSampler(interval_s=0.01, reader=lambda: reader).start()
    started = set(threading.enumerate()) - before
    assert [thread.name for thread in started] == ["compsel-device-sampler"]
    sampler.stop()
    sampler.stop()
    assert reader.closed
    assert not started & set(threading.enumerate())
    assert sampler.state() is sampler.state()


def test_starting_twice_is_starting_once_and_stopping_can_be_undone() -> None:
    readers: list[ScriptedReader] = []

    def make() -> ScriptedReader:
        readers.append(ScriptedReader())
        return readers[-1]

    sampler = DeviceSampler(interval_s=0.01, reader=make)
    sampler.start().start()
    assert len(readers) == 1
    sampler.stop()
    sampler.start()
    assert len(readers) == 2
    sampler.stop()


def test_asking_starts_it() -> None:
    sampler = DeviceSampler(interval_s=0.01)
    assert sampler.state().cores >= 1
    sampler.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_thread_that_ended_is_started_again() -> None:
    readers: list[ScriptedReader] = []

    def make() -> ScriptedReader:
        readers.append(ScriptedReader(fail_after=2 if not readers else None))
        return readers[-1]

    with DeviceSampler(interval_s=0.005, reader=make) as sampler:
        wait_until(lambda: readers[0].closed)
        wait_until(lambda: (sampler.state(), len(readers) == 2)[1])
        ended = sampler.state()
        wait_until(lambda: sampler.state().time_ns > ended.time_ns)


def test_failing_read_does_not_end_the_thread() -> None:
    class Moody(ScriptedReader):
        def counters(self) -> Counters:
            counters = super().counters()
            if self.reads in (3, 4):
                raise ValueError("a file of the kernel in a new form")
            return counters

    reader = Moody()
    with DeviceSampler(interval_s=0.005, reader=lambda: reader) as sampler:
        wait_until(lambda: reader.reads > 6)
        assert not reader.closed
        assert sampler.state().cores == 2


def test_what_is_to_be_done_with_each_state_is_done_and_may_fail() -> None:
    seen: list[DeviceState] = []

    def then() -> None:
        seen.append(sampler.state())
        raise ValueError("what it did failed")

    sampler = DeviceSampler(interval_s=0.005, reader=ScriptedReader, after_sample=then)
    with sampler:
        wait_until(lambda: len({state.time_ns for state in seen}) > 2)


def test_waking_it_does_it_at_once_without_a_new_state() -> None:
    done: list[int] = []
    reader = ScriptedReader()
    with DeviceSampler(
        interval_s=3600.0, reader=lambda: reader, after_sample=lambda: done.append(reader.reads)
    ) as sampler:
        sampler.wake()
        wait_until(lambda: done == [1])
        sampler.wake()
        wait_until(lambda: done == [1, 1])


def test_waking_while_it_rests_after_its_work_adds_up_to_once_more() -> None:
    done: list[None] = []

    def work() -> None:
        time.sleep(0.01)
        done.append(None)

    reader = ScriptedReader()
    with DeviceSampler(interval_s=3600.0, reader=lambda: reader, after_sample=work) as sampler:
        for _ in range(50):
            sampler.wake()
        wait_until(lambda: len(done) >= 2)
    assert len(done) < 5


def _fresh_in_child(sampler: DeviceSampler, before_ns: int) -> None:
    until = time.monotonic() + 20
    while sampler.state().time_ns <= before_ns:
        if time.monotonic() > until:
            os._exit(1)
        time.sleep(0.005)
    os._exit(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_survives_a_fork() -> None:
    with DeviceSampler(interval_s=0.01) as sampler:
        before = sampler.state().time_ns
        child = multiprocessing.get_context("fork").Process(target=_fresh_in_child, args=(sampler, before))
        child.start()
        child.join(30)
        assert child.exitcode == 0
        wait_until(lambda: sampler.state().time_ns > before)


def test_read_state_waits_and_returns() -> None:
    seen = read_state(0.02)
    assert 0 <= seen.load_others <= seen.cores
    assert seen.free_memory_bytes > 0


def test_recorded_laptop_as_json(tmp_path: Path) -> None:
    write(tmp_path, LAPTOP)
    seen = json.loads(json.dumps(read_state(0.001, tmp_path / "proc", tmp_path / "sys").to_dict(), allow_nan=False))
    assert seen["temperature_c"] == 63.5
    assert seen["on_battery"] is True
    assert seen["temperature_trend_c_per_min"] is None


def test_reader_is_chosen_by_what_the_machine_has(tmp_path: Path) -> None:
    assert isinstance(open_reader(tmp_path / "proc", tmp_path / "sys"), PsutilReader)
    write(tmp_path, LAPTOP)
    assert isinstance(open_reader(tmp_path / "proc", tmp_path / "sys"), LinuxReader)


def test_portable_reader() -> None:
    seen = read_state(0.05, proc="/no/such/folder")
    assert 0 <= seen.load_others <= seen.cores
    assert seen.free_memory_bytes > 0
    assert math.isnan(seen.cpu_pressure)


def test_portable_reader_where_psutil_knows_little(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("not on this system")

    monkeypatch.setattr(portable.psutil, "cpu_freq", fail, raising=False)
    monkeypatch.setattr(portable.psutil, "sensors_battery", fail, raising=False)
    monkeypatch.delattr(portable.psutil, "sensors_temperatures", raising=False)
    gauges = PsutilReader().gauges()
    assert math.isnan(gauges.frequency_mhz) and math.isnan(gauges.temperature_c) and gauges.on_battery is None


def test_fingerprint_is_stable_and_names_no_machine() -> None:
    fingerprint = device_fingerprint()
    assert fingerprint == device_fingerprint()
    text = json.dumps(fingerprint)
    assert os.uname().nodename not in fingerprint.values()
    assert "onnxruntime " in text
    assert fingerprint["usable_cores"] >= 1


@pytest.mark.parametrize(
    ("cpuinfo", "model", "sets"),
    [
        (
            "processor\t: 0\nmodel name\t: Intel(R) Core(TM) i7\nflags\t\t: fpu sse4_1 avx2 avx512_vnni\n",
            "Intel(R) Core(TM) i7",
            ["sse4_1", "avx2", "avx512_vnni"],
        ),
        (
            "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\nCPU implementer\t: 0x41\nCPU part\t: 0xd4d\n",
            "0x41 0xd4d",
            ["asimd", "asimddp", "i8mm"],
        ),
    ],
)
def test_fingerprint_from_recorded_cpuinfo(tmp_path: Path, cpuinfo: str, model: str, sets: list[str]) -> None:
    write(tmp_path, {"cpuinfo": cpuinfo})
    fingerprint = device_fingerprint(tmp_path)
    assert (fingerprint["cpu"], fingerprint["instruction_sets"]) == (model, sets)


def test_sampler_that_can_read_nothing_says_so() -> None:
    def fail() -> ScriptedReader:
        raise CompselError("no reader")

    with pytest.raises(CompselError, match="no reader"):
        DeviceSampler(reader=fail).state()
