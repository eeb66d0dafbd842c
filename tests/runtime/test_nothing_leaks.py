"""Runtimes that are dropped, or cannot be made, leave no threads and no open files."""

import contextlib
import gc
import shutil
import subprocess
import sys
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
from compsel.errors import CompselError, IntegrityError, ProcessorError

IMAGE = np.zeros((80, 64, 3), np.uint8)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def open_files_of(folder: Path) -> int:
    """Return how many there are of a folder: each sampler, also of other tests, holds one a thread of the process."""
    held = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists them is gone
            held += link.readlink().is_relative_to(folder)
    return held


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


def test_a_runtime_that_is_dropped_is_freed_at_once(cascade_folder: Path) -> None:
    runtime = compsel.load(cascade_folder)
    answer = runtime(IMAGE)
    engine = weakref.ref(next(iter(runtime._pool._engines.values())))
    held = weakref.ref(runtime)
    gc.collect()
    gc.disable()
    try:
        del runtime, answer
        assert held() is None
        for _ in range(40):  # its threads hold it for the moment in which they work for it
            if engine() is None:
                break
            time.sleep(0.05)
        assert engine() is None
    finally:
        gc.enable()


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


def test_too_little_memory_is_an_error_of_compsel(cascade_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Bundle, "read", no_memory)
    with pytest.raises(ProcessorError, match="not enough memory"):
        compsel.load(cascade_folder)


def test_a_bundle_that_is_removed_or_replaced_goes_on_as_it_was_loaded(cascade_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(cascade_folder, folder)
    # one choice: a cascade may take other stages as the load of the machine changes
    with compsel.load(cascade_folder, policy="most_accurate", warm_up=False) as good:
        wanted = good(IMAGE)
    with compsel.load(folder, policy="most_accurate", warm_up=False) as runtime:
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


def test_where_a_file_was_written_to_another_variant_answers(cascade_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(cascade_folder, folder)
    with compsel.load(cascade_folder) as good:
        first = good(IMAGE).stages[0].variant
    with compsel.load(folder, warm_up=False) as runtime:
        path = folder / "variants" / str(runtime.bundle.variants[first].pixels_file)
        with path.open("r+b") as stream:
            stream.write(b"another model")
        answer = runtime(IMAGE)
        assert first not in [stage.variant for stage in answer.stages]
        assert "was changed after" in answer.note
        assert runtime(IMAGE).note == "", "it is barred, and not tried at each call"


def test_files_that_were_spoilt_and_are_put_back_answer_again(cascade_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(cascade_folder, folder)
    with compsel.load(folder, warm_up=False) as runtime:
        before = open_files_of(folder)
        for path in (folder / "variants").iterdir():
            with path.open("r+b") as stream:
                stream.write(b"another model")
        with pytest.raises(CompselError, match="was changed after"):
            runtime(IMAGE)
        for path in (folder / "variants").iterdir():
            shutil.copy2(cascade_folder / "variants" / path.name, tmp_path / "good")
            (tmp_path / "good").replace(path)
        until_s = time.monotonic() + 10.0
        while time.monotonic() < until_s:
            try:
                assert runtime(IMAGE).stages
                break
            except CompselError:
                time.sleep(0.05)
        else:
            pytest.fail("what lies there is right again, and nothing answers")
        assert 0 < open_files_of(folder) <= before, "none is held twice"


def test_where_nothing_can_be_read_the_device_is_taken_for_idle(caplog: pytest.LogCaptureFixture) -> None:
    def no_reader() -> StateReader:
        raise FileNotFoundError("/proc/stat")

    with DeviceSampler(interval_s=0.01, reader=no_reader, idle_if_unreadable=True) as sampler:
        assert sampler.state().load_others == 0.0
    assert "is taken for idle" in caplog.text


GROWTH = """
import re, sys
from pathlib import Path
import numpy as np
import compsel

def resident_mb():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e3

def answer():
    with compsel.load(sys.argv[1]) as runtime:
        runtime(np.zeros((80, 64, 3), np.uint8))

answer()
first = resident_mb()
for _ in range(6):
    answer()
print(resident_mb() - first)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads resident memory as Linux shows it")
def test_loading_and_closing_again_and_again_does_not_grow(cascade_folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, str(cascade_folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # without returning what was freed: 500 MB
    assert float(done.stdout) < 100
