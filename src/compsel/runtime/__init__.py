"""Run a bundle: integrity, session pool, dispatch. Needs only numpy, onnxruntime, psutil and OpenCV."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compsel.bundle.bundle import Bundle
    from compsel.runtime.answer import Answer, Stage
    from compsel.runtime.loading import load
    from compsel.runtime.monitoring.stats import RuntimeStats
    from compsel.runtime.runtime import Runtime

__all__ = ["Answer", "Bundle", "Runtime", "RuntimeStats", "Stage", "load"]

_HOME = {
    "Answer": "compsel.runtime.answer",
    "Bundle": "compsel.bundle.bundle",
    "Runtime": "compsel.runtime.runtime",
    "RuntimeStats": "compsel.runtime.monitoring.stats",
    "Stage": "compsel.runtime.answer",
    "load": "compsel.runtime.loading",
}


def __getattr__(name: str) -> Any:
    # `load` itself is light: it begins to check files before it imports what runs them
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
