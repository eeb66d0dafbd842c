import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from compsel.errors import ProfileError
from compsel.profiling.load import BusyProcesses, parse_state, soak_minutes, standard_states

# real time, or real load, is what is looked at: nothing runs beside
pytestmark = pytest.mark.clock


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children()}


def used_cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def ends(pids: set[int], within_s: float = 20.0) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids):
            return True
        time.sleep(0.02)
    return False


def works(pid: int, cpu_s: float = 0.2, within_s: float = 20.0) -> bool:
    """Whether a process takes some time of a core; however busy the machine is, it gets its share."""
    until, begin = time.monotonic() + within_s, used_cpu_s(pid)
    while time.monotonic() < until:
        if used_cpu_s(pid) - begin >= cpu_s:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("kind", ["compute", "memory"])
def test_each_process_works_without_pause_and_ends(kind):
    before = children()
    with BusyProcesses(2, kind):
        busy = children() - before
        assert len(busy) == 2
        # a terminal sends Ctrl-C to the whole group: it must not reach them, for they would print
        assert os.getpgrp() not in {os.getpgid(pid) for pid in busy}
        assert all(works(pid) for pid in busy)
    assert ends(busy)


def test_they_end_when_the_block_fails():
    before = children()
    with pytest.raises(KeyboardInterrupt), BusyProcesses(1):
        busy = children() - before
        raise KeyboardInterrupt
    assert ends(busy)


def test_they_end_when_they_are_interrupted_while_they_start(monkeypatch):
    before, seen = children(), set()

    def interrupted(seconds):
        seen.update(children() - before)
        raise KeyboardInterrupt

    monkeypatch.setattr("compsel.profiling.load.time.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        BusyProcesses(2).__enter__()
    monkeypatch.undo()
    assert len(seen) == 2
    assert ends(seen)


PARENT = """
import psutil, time
from compsel.profiling.load import BusyProcesses
with BusyProcesses(2):
    print(*[process.pid for process in psutil.Process().children()], flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_they_end_when_their_parent_does(number):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        pids = {int(word) for word in parent.stdout.readline().split()}
        assert len(pids) == 2
        # as a terminal does on Ctrl-C: to the whole group
        os.killpg(parent.pid, number)
        said = parent.communicate()[1]
    assert ends(pids)
    # the parent says that it was interrupted, its helpers say nothing
    assert said.count("KeyboardInterrupt") == (number == signal.SIGINT)


@pytest.mark.parametrize(
    ("word", "count", "kind"), [("idle", 0, "compute"), ("busy:3", 3, "compute"), ("memory:1", 1, "memory")]
)
def test_words_of_states(word, count, kind):
    load = parse_state(word)
    assert (load.count, load.kind) == (count, kind)


@pytest.mark.parametrize(
    "word", ["", "busy", "busy:", "busy:0", "busy:-1", "busy:x", "busy:1:2", "busy:²", "disk:1", "idle:1"]
)
def test_other_words_are_refused(word):
    with pytest.raises(ProfileError, match=r"state: got .*, allowed are idle, busy:N and memory:N"):
        parse_state(word)


def test_the_standard_states_start_with_idle():
    states = standard_states()
    assert states[0] == "idle"
    assert len(set(states)) == len(states)
    for state in states:
        parse_state(state)


@pytest.mark.parametrize(("state", "minutes"), [("soak:30", 30.0), ("soak:0.5", 0.5), ("idle", 0.0), ("soak:", 0.0)])
def test_minutes_of_a_soak(state, minutes):
    assert soak_minutes(state) == minutes


@pytest.mark.parametrize("state", ["soak:", "soak:0", "soak:-1", "soak:inf", "soak:nan", "soak:long"])
def test_a_soak_that_is_no_time_is_refused(state):
    with pytest.raises(ProfileError, match="soak:MINUTES"):
        parse_state(state)
