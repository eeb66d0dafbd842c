"""Run a graph on a processor in a process of its own first: a provider that ends its process is a reason."""

import os
from collections.abc import Mapping
from contextlib import closing

import numpy as np

from compsel.errors import CrashError
from compsel.isolation.process import WorkerProcess
from compsel.processors.base import Processor

__all__ = ["run_here", "trial"]


def trial(processor: Processor, graph: str | os.PathLike[str], feeds: Mapping[str, np.ndarray]) -> str:
    """Open a graph on a processor, run it once and close it, in a process of its own.

    Args:
        processor: one that other processes know by its name, too; others are not tried.
        graph: path of the ONNX file.
        feeds: of one inference.

    Returns:
        How the process ended; "" where it did not: errors come again where the graph is opened for work.

    >>> from compsel.processors.cpu import CpuProcessor
    >>> trial(CpuProcessor(1), "no_such_file.onnx", {})
    ''
    """
    try:
        process = WorkerProcess()
    except OSError:  # no process can be started here
        return ""
    with closing(process):
        try:
            process.call(f"{__name__}:run_here", processor.name, os.fspath(graph), dict(feeds), doing="ran the graph")
        except CrashError as error:
            return f"on {processor.name} {error}"
        except Exception:  # an error is no end: it is raised again, and handled, where the graph is opened
            return ""
    return ""


def run_here(name: str, graph: str, feeds: dict[str, np.ndarray]) -> None:
    """Open a graph on a processor of this process and run it."""
    from compsel.processors import parse

    with closing(parse(name).open(graph)) as session:
        session.run(feeds)
