"""Run a bundle: integrity, session pool, dispatch. Needs only numpy, onnxruntime, psutil and OpenCV."""

from compsel.bundle.bundle import Bundle
from compsel.runtime.answer import Answer, Stage
from compsel.runtime.loading import load
from compsel.runtime.runtime import Runtime

__all__ = ["Answer", "Bundle", "Runtime", "Stage", "load"]
