"""The worker process: results and errors as they are here; its end is an error, and the next call starts another."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from compsel.errors import CrashError, InputError
from compsel.isolation.process import WorkerProcess, shared_worker

ECHO = "copy:copy"


def test_values_arrive_as_they_are() -> None:
    process = WorkerProcess()
    values = [
        *(None, True, 3, 2.5, float("-inf"), "text ü\n", b"bytes", [], {}),
        {"a": 1, 2: "b"},
        [{"class": np.float32([0.5])}, [np.arange(3)]],
    ]
    for value in values:
        assert repr(process.call(ECHO, value)) == repr(value)
    assert np.isnan(process.call(ECHO, float("nan")))
    arrays = [
        np.zeros((2, 0, 3), np.float32),
        np.float16(1.5),
        np.array(7, np.int64),
        np.arange(12).reshape(3, 4).T[::2],
        np.array(["a", "längeres"]),
        np.array([["a"], ["b\0c"]], object),
        np.array([True, False]),
        np.array([1 + 2j], np.complex64),
        np.arange(3, dtype=">i4"),
    ]
    for array in arrays:
        got = process.call(ECHO, array)
        assert got.dtype == array.dtype and got.shape == array.shape and np.array_equal(got, array)
    process.close()


def test_numbers_that_numpy_does_not_know() -> None:
    array = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    got = WorkerProcess().call(ECHO, array)
    assert got.dtype == array.dtype and np.array_equal(got, array)


def test_errors_are_those_of_this_package() -> None:
    process = WorkerProcess()
    with pytest.raises(InputError):
        process.call("compsel.inputs.tensor_specs:check_feeds", [], {"x": np.zeros(1)})
    with pytest.raises(ZeroDivisionError, match="zero"):
        process.call("operator:truediv", 1, 0)
    with pytest.raises(RuntimeError, match="JSONDecodeError"):
        process.call("json:loads", "{")
    assert process.call("math:sqrt", 9.0) == 3.0


def test_its_end_is_an_error_with_its_last_words() -> None:
    process = WorkerProcess()
    with pytest.raises(CrashError, match=r"the runtime ended with status 7 while it ran the graph: last words"):
        process.call("tests.isolation.dying:speak_and_end", 7, doing="ran the graph")
    assert not process.alive
    if sys.platform != "win32":
        with pytest.raises(CrashError, match=r"signal 6 \(SIGABRT\) while it worked"):
            WorkerProcess().call("os:abort")


def test_what_hangs_is_ended() -> None:
    with pytest.raises(CrashError, match=r"did not answer within 0.5 s while it loaded the graph"):
        WorkerProcess(limit_s=0.5).call("time:sleep", 60, doing="loaded the graph")


def test_prints_do_not_disturb() -> None:
    process = WorkerProcess()
    assert process.call("builtins:print", "printed") is None
    assert process.call("os:system", "echo printed") == 0
    assert process.call("math:sqrt", 4.0) == 2.0


def test_the_next_call_starts_another() -> None:
    process = shared_worker()
    assert process is not None and shared_worker() is process
    with pytest.raises(CrashError):
        process.call("os:_exit", 3)
    other = shared_worker()
    assert other is not None and other is not process and other.call("math:sqrt", 4.0) == 2.0


def test_threads_take_turns() -> None:
    process, wrong = WorkerProcess(), []

    def work(number: int) -> None:
        sums = [process.call(ECHO, np.full(1000, number)).sum() for _ in range(20)]
        wrong.extend(found for found in sums if found != 1000 * number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_call_that_was_interrupted_leaves_no_half_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    process = WorkerProcess()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("compsel.isolation.process.receive", interrupt)
    with pytest.raises(KeyboardInterrupt):
        process.call(ECHO, 1)
    assert not process.alive


def test_a_program_without_a_guard_and_a_folder_full_of_traps(tmp_path: Path) -> None:
    for name in ("json", "numpy", "random", "signal"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    program = tmp_path / ("program" if sys.platform == "win32" else "pro:gram") / "main.py"
    (tmp_path / "helper_of_the_program.py").write_text("raise SystemExit('the wrong module')")
    program.parent.mkdir()
    program.write_text(
        "from compsel.isolation.process import shared_worker\n"
        "process = shared_worker()\n"
        "print(process.call('helper_of_the_program:root', 16.0), process._process.pid)\n"
    )
    (program.parent / "helper_of_the_program.py").write_text("from math import sqrt as root\n")
    done = subprocess.run(
        [sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120
    )
    result, pid = done.stdout.split()
    assert float(result) == 4.0 and done.stderr == ""
    if sys.platform != "win32":
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_a_worker_of_its_own() -> None:
    program = (
        "import os\n"
        "from compsel.isolation.process import shared_worker\n"
        "first = shared_worker()\n"
        "if os.fork() == 0:\n"
        "    assert shared_worker() is not first and shared_worker().call('math:sqrt', 4.0) == 2.0\n"
        "else:\n"
        "    assert os.wait()[1] == 0 and first.call('math:sqrt', 9.0) == 3.0\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_where_no_process_can_be_started_graphs_run_in_this_one() -> None:
    program = (
        "import sys\n"
        "from compsel.isolation.process import shared_worker\n"
        "from compsel.models.graph_session import open_session\n"
        "from compsel.networks import build\n"
        "sys.executable = ''\n"
        "session = open_session(build('mobilenet-v1', width=0.25, resolution=32).proto)\n"
        "assert shared_worker() is None and type(session).__name__ == 'InferenceSession'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
