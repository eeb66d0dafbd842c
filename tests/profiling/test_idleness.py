"""Others' work is told before "idle" is measured."""

from compsel.device.state import DeviceState
from compsel.profiling.idleness import busy_processes, wait_until_idle
from tests.reporters import Heard


def looks(*loads: float):
    """What the device shows, look after look; the last one stays."""
    remaining = list(loads)
    return lambda: DeviceState(0, cores=2, load_others=remaining.pop(0) if len(remaining) > 1 else remaining[0])


def test_an_idle_device_is_not_spoken_of():
    heard = Heard()
    assert wait_until_idle(0.01, heard, looks(0.1))
    assert heard.messages == []


def test_a_busy_device_is_told_and_measured_all_the_same():
    heard = Heard()
    assert not wait_until_idle(0.01, heard, looks(1.3))
    assert heard.messages[0].startswith("warning: 1.3 of 2 cores are busy with other work")
    assert "close it" in heard.messages[0]
    assert heard.messages[1] == "warning: going on, with 1.3 of 2 cores busy with other work"


def test_it_is_waited_for_what_ends_soon():
    heard = Heard()
    assert wait_until_idle(60.0, heard, looks(1.3, 1.0, 0.0))
    assert len(heard.messages) == 1


def test_nobody_looks_where_that_is_not_wanted():
    assert wait_until_idle(0.0, look=lambda: 1 / 0)


def test_processes_of_others_are_named_with_their_share():
    assert all(float(found.rpartition(" ")[2]) > 0 for found in busy_processes(0.05))
