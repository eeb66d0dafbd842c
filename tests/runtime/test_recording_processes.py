"""Records of processes that fork, are killed at any moment, or end without closing the runtime."""

import subprocess
import sys
from pathlib import Path

import pytest

import compsel
from compsel.models.model import Model
from tests.pinned_bundles import pinned

# the parent forks children that answer and write without a pause, kills each in the middle, and ends without `close`
PROGRAM = """
import os, signal, sys, time
import numpy as np
import compsel

IMAGE = np.zeros((64, 64, 3), np.uint8)
bundle, folder = sys.argv[1:]
runtime = compsel.load(bundle, record=compsel.Recording(folder, seconds=1000))
print("parent", runtime(IMAGE).id, flush=True)
for number in range(8):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        while True:
            ids = [runtime(IMAGE).id for _ in range(20)]
            runtime.flush()
            os.write(write, " ".join(ids).encode() + b"\\n")
    os.close(write)
    os.read(read, 1)
    time.sleep(0.003 * number)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(read) as stream:
        text = "?" + stream.read()
        print("child", text.rpartition("\\n")[0].replace("\\n", " "), flush=True)
runtime.feedback(runtime(IMAGE), right=True)
runtime.flush()
assert "pandas" not in sys.modules, "pyarrow imports it on many occasions"
print("parent", runtime(IMAGE).id, flush=True)
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="forks")
def test_what_was_written_outlives_kills_and_forks_and_an_end_without_close(small_model: Model, tmp_path: Path) -> None:
    pinned(small_model, tmp_path, "logits").close()
    folder = tmp_path / "records"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path / "bundle"), str(folder)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = [line.split() for line in done.stdout.splitlines()]
    parent = [words[1] for words in said if words[0] == "parent"]
    children = [words[1:] for words in said if words[0] == "child"]
    frame = compsel.records(folder)
    recorded = set(frame["id"])
    assert recorded >= set(parent) and len(children) == 8
    for ids in children:  # the first letter was read as a sign of life
        assert len(ids) >= 20 and recorded >= set(ids[1:])
    assert frame["run"].nunique() == 9 and frame.attrs["put_aside"] == {} and not frame["id"].duplicated().any()
    with compsel.load(tmp_path / "bundle", record=folder):
        assert not [path.name for path in folder.iterdir() if path.name.endswith(".tmp")]
