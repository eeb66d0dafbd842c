"""How busy GPUs are, from recorded trees of several makers, and from NVIDIA's library."""

import math
from pathlib import Path

import pytest

from compsel.device.nvml import NvmlError, gpus
from compsel.device.readers import gpus as gpu_gauges
from compsel.device.readers.gpus import GpuGauges
from compsel.device.readers.linux import LinuxReader
from tests.device.energy.fake_nvml import FakeNvml
from tests.device.recorded_device import LAPTOP, write


def read(root: Path) -> tuple[float, float]:
    return GpuGauges(root, list).read()


@pytest.mark.parametrize(
    ("name", "content", "use"),
    [
        ("class/drm/card1/device/gpu_busy_percent", "37\n", 0.37),
        ("devices/gpu.0/load", "999\n", 0.999),
        ("devices/platform/17000000.gpu/load", "250\n", 0.25),
        ("class/kgsl/kgsl-3d0/gpu_busy_percentage", "12 %\n", 0.12),
        ("class/devfreq/fb000000.gpu/load", "63@800000000Hz\n", 0.63),
        ("class/devfreq/fb000000.gpu/load", "unknown\n", math.nan),
        ("class/devfreq/fb000000.gpu/load", "170@800000000Hz\n", 1.0),
    ],
)
def test_use_as_several_drivers_show_it(tmp_path: Path, name: str, content: str, use: float) -> None:
    write(tmp_path, {name: content})
    assert read(tmp_path)[0] == pytest.approx(use, nan_ok=True)
    assert math.isnan(read(tmp_path)[1])


def test_memory_of_a_card(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "class/drm/card0/device/mem_info_vram_total": "8000\n",
            "class/drm/card0/device/mem_info_vram_used": "3000\n",
            "class/drm/card1/device/mem_info_vram_total": "900\n",
            "class/drm/card1/device/mem_info_vram_used": "950\n",
        },
    )
    assert read(tmp_path)[1] == 0, "the fullest; never below nothing"


@pytest.mark.parametrize(
    "name", ["class/drm/card0/gt/gt0/rc6_residency_ms", "class/drm/card0/device/tile0/gt0/gtidle/idle_residency_ms"]
)
def test_use_is_what_was_not_slept(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([100.0, 102.0, 103.0])
    monkeypatch.setattr(gpu_gauges.time, "perf_counter", lambda: next(seconds))
    write(tmp_path, {name: "5000\n"})
    gauges = GpuGauges(tmp_path, list)
    write(tmp_path, {name: "6500\n"})
    assert gauges.read()[0] == pytest.approx(0.25), "1.5 s of 2 s"
    write(tmp_path, {name: "10\n"})
    assert gauges.read()[0] == 1.0, "a counter that starts again is no negative use"


def test_nvidia() -> None:
    assert GpuGauges(Path("/no/such/folder"), lambda: gpus(FakeNvml())).read() == (0.4, 5.0)


def test_no_driver_is_no_error(tmp_path: Path) -> None:
    def none() -> list[gpu_gauges.Gpu]:
        raise NvmlError("no driver")

    assert all(map(math.isnan, GpuGauges(tmp_path, none).read()))


def test_state_of_the_device_has_them(tmp_path: Path) -> None:
    write(tmp_path, {**LAPTOP, "sys/class/drm/card0/device/gpu_busy_percent": "80\n"})
    gauges = LinuxReader(tmp_path / "proc", tmp_path / "sys", affinity=(0, 1)).gauges()
    assert gauges.gpu_use == pytest.approx(0.8)
    assert gauges.free_memory_bytes == 8_000_000 * 1024
