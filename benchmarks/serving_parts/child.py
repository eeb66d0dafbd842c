"""One fresh process of the parts `start` and `memory`: loads, answers, and prints what that took as JSON.

    python child.py '{"side": "bare", "stages": [...], "feeds": [...]}'
    python child.py '{"side": "compsel", "bundle": ..., "source": ..., "load": {...}}'

Nothing is imported before its side needs it: what is imported is a part of what is measured.
"""

import time

BEGIN_NS = time.perf_counter_ns()

import json  # noqa: E402 - the clock runs from before them
import sys  # noqa: E402 - see above
from collections.abc import Callable  # noqa: E402 - see above
from typing import Any  # noqa: E402 - see above

SETTLED_S = 1.0

Mark = Callable[[str], None]


def main() -> None:
    request = json.loads(sys.argv[1])
    marks: dict[str, float] = {}

    def mark(name: str) -> None:
        marks[name] = (time.perf_counter_ns() - BEGIN_NS) / 1e6

    more: dict = {}
    answers = request.get("answers", 1)
    if request["side"] == "empty":
        import onnxruntime  # noqa: F401 - only what it takes counts

        mark("imported")
    elif request["side"] == "bare":
        kept = bare(request, answers, mark)
    else:
        kept, more = with_compsel(request, answers, mark)
    more["cpu_ms"] = time.process_time_ns() / 1e6
    if request.get("memory"):
        # what goes on in the background shall be over
        time.sleep(SETTLED_S)
        more["memory_mb"] = memory_mb()
    if request["side"] == "compsel" and request.get("memory"):
        more["open"] = open_engines(kept)
    print(json.dumps({"marks_ms": marks, **more}), flush=True)


def bare(request: dict, answers: int, mark: Mark) -> list:
    import numpy as np
    import onnxruntime

    mark("imported")
    pixels = decoded(request["image"]) if request.get("image") else None
    if request.get("text"):
        import tokenizers

        # what it gives is fed as it was made beforehand: the same numbers
        tokenizers.Tokenizer.from_file(request["tokenizer"]).encode(request["text"])
    sessions = []
    for stage, paths in zip(request["stages"], request["feeds"], strict=True):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = stage["threads"]
        if not stage["spinning"]:
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(stage["graph"], options, providers=["CPUExecutionProvider"])
        spec = session.get_inputs()[0]
        if pixels is None:
            feeds = {name: np.load(path) for name, path in paths.items()}
        else:
            feeds = {spec.name: fitted(pixels, spec.shape)}
        sessions.append((session, feeds))
        session.run(None, feeds)
    mark("answered")
    for _ in range(answers - 1):
        for session, feeds in sessions:
            session.run(None, feeds)
    return sessions


def decoded(path: str) -> Any:
    import cv2

    return cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)


def fitted(pixels: Any, shape: list[int]) -> Any:
    import cv2

    resized = cv2.resize(pixels, (shape[2], shape[1]), interpolation=cv2.INTER_AREA)
    return (cv2.cvtColor(resized, cv2.COLOR_RGB2RGBA) if shape[3] == 4 else resized)[None]


def with_compsel(request: dict, answers: int, mark: Mark) -> tuple:
    import compsel

    runtime = compsel.load(request["bundle"], **request["load"])
    mark("loaded")
    source = request["source"]
    if isinstance(source, dict):
        import numpy as np

        source = {name: np.load(path) for name, path in source.items()}
    answer = runtime(source)
    mark("answered")
    for _ in range(answers - 1):
        runtime(source)
    return runtime, {"stages": [[stage.variant, stage.processor] for stage in answer.stages]}


def open_engines(runtime: Any) -> list:
    return [list(key) for key in runtime._pool._engines]


def memory_mb() -> dict[str, float]:
    """Return what `/proc` says of this process: resident, of it its own (USS), anonymous."""
    with open("/proc/self/smaps_rollup") as lines:  # noqa: PTH123 (pathlib takes memory)
        kb = {line.split()[0].rstrip(":"): int(line.split()[1]) for line in lines if line.rstrip().endswith("kB")}
    own = kb["Private_Clean"] + kb["Private_Dirty"]
    return {"rss": kb["Rss"] / 1e3, "uss": own / 1e3, "pss": kb["Pss"] / 1e3, "anonymous": kb["Anonymous"] / 1e3}


if __name__ == "__main__":
    main()
