"""Readings of Linux, from recorded trees: laptops, containers, phones, and machines that say nothing."""

import itertools
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compsel.device.readers import linux
from compsel.device.readers.base import Counters, Gauges, derive_state, trend_per_minute
from compsel.device.readers.linux import LinuxReader
from compsel.device.state import DeviceState
from tests.device.recorded_device import LAPTOP, write

pytestmark = pytest.mark.skipif(not hasattr(linux.os, "sched_getaffinity"), reason="the kernel's files are Linux's")
TICK_S = linux._TICK_S


def reader(root: Path, own: float = 0.0, cores: tuple[int, ...] = (0, 1)) -> LinuxReader:
    return LinuxReader(root / "proc", root / "sys", process_seconds=lambda: own, affinity=cores)


def state(before: Counters, now: Counters, seconds: float = 1.0, cores: int = 2) -> DeviceState:
    now = replace(now, time_ns=before.time_ns + int(seconds * 1e9))
    return derive_state((before, now), Gauges(), Gauges(), cores, math.nan)


@pytest.fixture
def laptop(tmp_path: Path) -> Path:
    write(tmp_path, LAPTOP)
    return tmp_path


def test_counters_of_a_laptop(laptop: Path) -> None:
    counters = reader(laptop, own=0.25).counters()
    assert counters.busy_s == pytest.approx((150 * TICK_S, 450 * TICK_S))
    assert counters.process_s == 0.25
    assert counters.runnable == 4
    assert counters.stalled_s == pytest.approx((1.0, 0.0, 0.5))
    assert reader(laptop, own=0.25).gauges().free_memory_bytes == 8_000_000 * 1024
    assert math.isnan(counters.cgroup_s) and counters.quota_throttles is None


def test_gauges_of_a_laptop(laptop: Path) -> None:
    gauges = reader(laptop).gauges()
    assert gauges.frequency_mhz == pytest.approx(1800)
    assert gauges.frequency_ratio == pytest.approx(0.75)
    assert gauges.temperature_c == 63.5, "the hottest thermometer of the processor, not of the case"
    assert (gauges.battery_percent, gauges.on_battery) == (77, True), "not the battery of the mouse"
    assert (gauges.throttle_events, gauges.cooling_active) == (5, False), "a fan that turns is no throttling"


@pytest.mark.parametrize(
    ("changes", "on_battery"),
    [
        ({"sys/class/power_supply/AC/online": "1\n"}, False),
        ({"sys/class/power_supply/BAT0/status": "Charging\n"}, False),
        ({"sys/class/power_supply/BAT0/type": "UPS\n"}, False),
        ({"sys/class/power_supply/BAT0/type": "UPS\n", "sys/class/power_supply/AC/type": "Unknown\n"}, None),
    ],
)
def test_power_supplies(laptop: Path, changes: dict[str, str], on_battery: bool | None) -> None:
    write(laptop, changes)
    assert reader(laptop).gauges().on_battery is on_battery


def test_load_by_others_is_what_we_did_not_use(laptop: Path) -> None:
    before = reader(laptop, own=0.0).counters()
    half, all_of_it = int(0.5 / TICK_S), int(1.0 / TICK_S)
    write(
        laptop,
        {"proc/stat": f"cpu0 {100 + half} 0 50 9999 50 0 0 0 0 0\ncpu1 {300 + all_of_it} 0 150 9999 50 0 0 0 0 0\n"},
    )
    now = reader(laptop, own=0.3).counters()
    seen = state(before, now)
    assert seen.core_use == pytest.approx((0.5, 1.0), abs=0.02)
    assert seen.load_own == pytest.approx(0.3)
    assert seen.load_others == pytest.approx(1.2, abs=0.03)
    assert seen.run_queue == 3


def test_waiting_for_the_disk_is_no_load_and_stolen_time_is(laptop: Path) -> None:
    before = reader(laptop, cores=(0,)).counters()
    second = int(1 / TICK_S)
    write(laptop, {"proc/stat": f"cpu0 100 0 50 1500 {50 + second} 0 0 0 0 0\n"})
    assert state(before, reader(laptop, cores=(0,)).counters()).load_others == 0
    write(laptop, {"proc/stat": f"cpu0 100 0 50 1500 50 0 0 {second} 0 0\n"})
    assert state(before, reader(laptop, cores=(0,)).counters()).load_others == pytest.approx(1)


def test_only_the_cores_that_we_may_use_count(laptop: Path) -> None:
    chosen = reader(laptop, cores=(1,))
    assert chosen.cores == 1
    assert chosen.counters().busy_s == pytest.approx((450 * TICK_S,))


def test_files_are_read_again_and_closed(laptop: Path) -> None:
    kept = reader(laptop)
    assert kept.counters().runnable == 4
    write(laptop, {"proc/loadavg": "0.52 0.58 0.59 11/467 12345\n"})
    assert kept.counters().runnable == 11
    kept.close()
    assert math.isnan(kept.counters().runnable)
    kept.close()


def test_quota_of_a_container_makes_its_neighbours_the_others(laptop: Path) -> None:
    write(
        laptop,
        {
            "sys/fs/cgroup/user.slice/cpu.max": "100000 100000\n",
            "sys/fs/cgroup/user.slice/cpu.stat": "usage_usec 5000000\nnr_throttled 7\n",
            "sys/fs/cgroup/user.slice/cpu.pressure": "some avg10=0 avg60=0 avg300=0 total=3000000\n",
            "sys/fs/cgroup/user.slice/memory.max": "1000000000\n",
            "sys/fs/cgroup/user.slice/memory.current": "400000000\n",
        },
    )
    first = reader(laptop)
    assert first.cores == 1
    before = first.counters()
    assert (before.cgroup_s, before.quota_throttles) == (5.0, 7)
    assert before.stalled_s[0] == 3.0, "the container's own pressure"
    assert first.gauges().free_memory_bytes == 600_000_000
    write(laptop, {"sys/fs/cgroup/user.slice/cpu.stat": "usage_usec 5900000\nnr_throttled 9\n"})
    seen = state(before, reader(laptop, own=0.4).counters(), cores=1)
    assert seen.load_others == pytest.approx(0.5)
    assert seen.throttled is True


def test_container_of_version_1(laptop: Path) -> None:
    write(
        laptop,
        {
            "proc/self/cgroup": "4:memory:/box\n3:cpuacct:/box\n2:cpu:/box\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu/box/cpu.stat": "nr_periods 10\nnr_throttled 3\n",
            "sys/fs/cgroup/cpuacct/box/cpuacct.usage": "2500000000\n",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "2000000\n",
            "sys/fs/cgroup/memory/box/memory.usage_in_bytes": "1500000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
    )
    boxed = reader(laptop)
    counters = boxed.counters()
    assert (counters.cgroup_s, counters.quota_throttles) == (2.5, 3)
    assert boxed.gauges().free_memory_bytes == 500_000


def test_machine_that_says_nothing(tmp_path: Path) -> None:
    silent = reader(tmp_path)
    assert silent.gauges() == Gauges() or math.isnan(silent.gauges().temperature_c)
    seen = derive_state(
        (silent.counters(), silent.counters()), silent.gauges(), silent.gauges(), silent.cores, math.nan
    )
    assert seen.load_others == 0
    assert seen.core_use == ()
    assert (seen.throttled, seen.on_battery) == (None, None)
    assert math.isnan(seen.cpu_pressure)


def test_before_time_has_passed_runnable_threads_stand_in(laptop: Path) -> None:
    counters = reader(laptop).counters()
    seen = derive_state((counters, counters), Gauges(), Gauges(), 2, math.nan)
    assert seen.load_others == 2, "four can run, one is ours, two cores"
    assert seen.core_use == () and math.isnan(seen.load_own)


def test_competing_threads_are_those_of_others(laptop: Path) -> None:
    write(
        laptop,
        {
            "proc/loadavg": "0.52 0.58 0.59 8/467 12345\n",
            "proc/self/task/1/stat": "1 (python) S 0 1\n",
            "proc/self/task/2/stat": "2 (odd) R (name) R 0 1\n",
            "proc/self/task/3/stat": "3 (worker) R 0 1\n",
        },
    )
    worked_s = itertools.count()
    kept = LinuxReader(laptop / "proc", laptop / "sys", process_seconds=lambda: float(next(worked_s)), affinity=(0, 1))
    first = kept.counters()
    assert first.runnable_others == 8 - 1 - 2, "neither the one that looks nor our two"
    write(laptop, {"proc/self/task/3/stat": "3 (worker) S 0 1\n", "proc/self/task/4/stat": "4 (new) R 0 1\n"})
    (laptop / "proc/self/task/2/stat").unlink()
    (laptop / "proc/self/task/2").rmdir()
    second = kept.counters()
    assert second.runnable_others == 8 - 1 - 1
    later = replace(second, time_ns=first.time_ns + 10**9)
    assert derive_state((first, second, later), Gauges(), Gauges(), 2, math.nan).runnable_others == pytest.approx(
        17 / 3
    )
    kept.close()


def test_competing_threads_fall_to_our_share_of_the_machine(laptop: Path) -> None:
    write(laptop, {"proc/loadavg": "0.52 0.58 0.59 5/467 12345\n"})
    assert reader(laptop, cores=(1,)).counters().runnable_others == 2, "one core of two: half of four"


def test_counters_that_jump_back_are_no_negative_load(laptop: Path) -> None:
    before = reader(laptop, own=1.0).counters()
    write(laptop, {"proc/stat": "cpu0 1 0 0 10 0 0 0 0 0 0\n"})
    seen = state(before, reader(laptop, own=0.0).counters())
    assert (seen.load_others, seen.load_own) == (0, 0)


@pytest.mark.parametrize(
    ("earlier", "now", "throttled"),
    [
        (Gauges(throttle_events=5), Gauges(throttle_events=6), True),
        (Gauges(throttle_events=5), Gauges(throttle_events=5), False),
        (Gauges(), Gauges(cooling_active=True), True),
        (Gauges(throttle_events=5), Gauges(throttle_events=5, cooling_active=True), True),
        (Gauges(), Gauges(), None),
    ],
)
def test_throttling(earlier: Gauges, now: Gauges, throttled: bool | None) -> None:
    counters = Counters(0, (0.0,), 0.0)
    assert derive_state((counters, counters), now, earlier, 1, math.nan).throttled is throttled


def test_trend_is_per_minute() -> None:
    assert trend_per_minute([(0, 50.0), (5_000_000_000, 51.0), (15_000_000_000, 56.0)]) == pytest.approx(24.0)
    assert math.isnan(trend_per_minute([(0, 50.0)]))
    assert math.isnan(trend_per_minute([]))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(LAPTOP)),
    kept=st.integers(0, 40),
    content=st.text(alphabet="cpu0123 \n:/=-.some total\0max", max_size=60),
)
def test_any_content_of_a_kernel_file_is_survived(laptop: Path, name: str, kept: int, content: str) -> None:
    write(laptop, {name: LAPTOP[name][:kept] + content})
    odd = reader(laptop)
    seen = derive_state((odd.counters(), odd.counters()), odd.gauges(), odd.gauges(), odd.cores, math.nan)
    odd.close()
    write(laptop, {name: LAPTOP[name]})
    assert 0 <= seen.load_others <= seen.cores
    assert not seen.free_memory_bytes < 0
