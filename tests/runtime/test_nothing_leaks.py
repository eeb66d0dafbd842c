"""Runtimes that are dropped, or cannot be made, leave no threads and no open files."""

import gc
import shutil
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.bundle.bundle import Bundle
from compsel.device.readers.base import StateReader
from compsel.device.sampler import DeviceSampler
from compsel.errors import CompselError, IntegrityError

IMAGE = np.zeros((80, 64, 3), np.uint8)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def settled(before: tuple[int, int]) -> bool:
    """Whether there are no more threads and files than before, once threads that were told to end have ended."""
    for _ in range(100):
        gc.collect()
        if threading.active_count() <= before[0] and open_files() <= before[1]:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files as Linux shows them")
def test_runtimes_that_are_dropped_leave_nothing(cascade_folder: Path) -> None:
    with compsel.load(cascade_folder) as runtime:
        runtime(IMAGE)
    gc.collect()
    before = threading.active_count(), open_files()
    for _ in range(3):
        runtime = compsel.load(cascade_folder)
        runtime(IMAGE)
    held = weakref.ref(runtime)
    del runtime
    assert settled(before)
    assert held() is None


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files as Linux shows them")
def test_runtimes_that_cannot_be_made_leave_nothing(cascade_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compsel.load(cascade_folder).close()
    gc.collect()
    before = threading.active_count(), open_files()
    monkeypatch.setattr("compsel.variants.engine.Engine.warm_up", lambda _: (_ for _ in ()).throw(MemoryError()))
    for _ in range(3):
        with pytest.raises(CompselError):
            compsel.load(cascade_folder)
    assert settled(before)


def test_a_bundle_that_is_removed_or_replaced_goes_on_as_it_was_loaded(cascade_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(cascade_folder, folder)
    wanted = compsel.load(cascade_folder, warm_up=False)(IMAGE)
    with compsel.load(folder, warm_up=False) as runtime:
        shutil.rmtree(folder)
        assert runtime(IMAGE).outputs[0].tolist() == wanted.outputs[0].tolist()


def test_a_file_that_was_written_to_since_it_was_checked_is_not_run(cascade_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(cascade_folder, folder)
    bundle = Bundle.load(folder)
    name = next(name for name in bundle.files if name.endswith(".weights"))
    graph = next(v for v in bundle.variants.values() if v.weights_file and name.endswith(v.weights_file))
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 0xFF
    with (folder / name).open("r+b") as stream:
        stream.write(content)
    with pytest.raises(IntegrityError, match="was changed after"):
        bundle.files.graph(f"variants/{graph.graph_file}", f"variants/{graph.weights_file}")
    with compsel.load(cascade_folder) as good:
        assert good(IMAGE).note == ""


def test_where_nothing_can_be_read_the_device_is_taken_for_idle(caplog: pytest.LogCaptureFixture) -> None:
    def no_reader() -> StateReader:
        raise FileNotFoundError("/proc/stat")

    with DeviceSampler(interval_s=0.01, reader=no_reader, idle_if_unreadable=True) as sampler:
        assert sampler.state().load_others == 0.0
    assert "is taken for idle" in caplog.text
