"""The child of a fork answers, whatever the other threads of the process were doing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FORKS = """
import os, sys, threading, time, warnings
import numpy as np
import compsel

warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, of forks beside threads
image = np.zeros((80, 64, 3), np.uint8)
runtime = compsel.load(sys.argv[1], warm_up=False)
wanted = runtime(image).outputs[0]
pool = runtime._pool
name, processor = next((variant, processor) for variant, processor, _ in pool._engines)
goes_on, began = threading.Event(), threading.Event()
open_engine = pool._open

def slow(*given):
    began.set()
    goes_on.wait(30)
    return open_engine(*given)

pool.drop(name, processor)
pool._open = slow
opening = threading.Thread(target=lambda: runtime._runner.open(name, processor, False, Limit()), daemon=True)

class Limit:
    remaining_ms = None

opening.start()
assert began.wait(10)
callers = [threading.Thread(target=lambda: [runtime(image) for _ in range(50)], daemon=True) for _ in range(2)]
pool._open = open_engine
for caller in callers:
    caller.start()
with pool._lock, runtime._plan_cache._lock:
    child = os.fork()
    if child == 0:
        answer = runtime(image)
        runtime.flush()
        alive = {thread.name for thread in threading.enumerate()}
        ok = np.array_equal(answer.outputs[0], wanted) and "compsel-device-sampler" in alive
        time.sleep(0.5)
        ok = ok and "compsel-watchdog" in {thread.name for thread in threading.enumerate()}
        runtime.close()
        os._exit(0 if ok else 3)
until = time.monotonic() + 30
while time.monotonic() < until:
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        break
    time.sleep(0.02)
else:
    os.kill(child, 9)
    print("hung")
    os._exit(4)
goes_on.set()
for thread in (opening, *callers):
    thread.join(30)
runtime.close()
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_answers_though_engines_were_being_opened_and_run(cascade_folder: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FORKS, cascade_folder], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
