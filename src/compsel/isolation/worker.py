"""The worker's side: call functions by name, one after the other, until the other side ends."""

import importlib
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from compsel.isolation.messages import receive, send

__all__ = ["serve"]

_OOM_SCORE = "500"


def serve() -> None:
    """Answer calls from standard input on standard output; whatever else prints goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other side hears it too, and ends this one
    # where memory runs out, the system ends this process and not the one that has the results
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
    send(answers, "ready")
    calls = sys.stdin.buffer
    while True:
        try:
            name, arguments = receive(calls)
        except EOFError:
            return
        send(answers, _answer(name, arguments))


def _answer(name: str, arguments: list[Any]) -> dict[str, Any]:
    try:
        module, _, function = name.partition(":")
        return {"result": getattr(importlib.import_module(module), function)(*arguments)}
    except Exception as error:  # every one is raised again on the other side
        return {"error": [type(error).__module__, type(error).__name__, str(error)]}
