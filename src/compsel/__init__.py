"""Choose, for every input and every state of the device, which compressed version of a model to run, and where.

The public names are loaded when they are first used, so that `import compsel` costs next to nothing and an app
that only runs a bundle never imports what training needs.

`compress`, `profile`, `train`, `build`, `evaluate`, `report`, `port`, `perf`, `head` and `student` do what the commands
of the same names do, with options of the same names.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from compsel.building.options import Measuring
    from compsel.building.verbs.build import build
    from compsel.building.verbs.compress import compress
    from compsel.building.verbs.evaluate import evaluate
    from compsel.building.verbs.fit import head, student
    from compsel.building.verbs.perf import perf
    from compsel.building.verbs.port import port
    from compsel.building.verbs.profile import profile
    from compsel.building.verbs.report import report
    from compsel.building.verbs.train import train
    from compsel.bundle.signing.sign import sign
    from compsel.bundle.signing.signers import Signers
    from compsel.evaluation.results import Evaluation
    from compsel.inputs.images.preprocessing import ImagePreprocessing
    from compsel.inputs.modalities import open_samples
    from compsel.inputs.samples import ArraySamples, ImageFolder, Samples, TensorFolder, TextTable
    from compsel.inputs.texts.preprocessing import TextPreprocessing
    from compsel.models.fetching import fetch
    from compsel.models.model import Model
    from compsel.notebook.explanation import explain
    from compsel.notebook.show import show
    from compsel.parallel.backend import Backend
    from compsel.processors import Processor, ProcessorFamily, register_processor
    from compsel.profiling.output_quality import OutputQuality
    from compsel.profiling.profile import Profile
    from compsel.runtime import Answer, Bundle, Runtime, RuntimeStats, load
    from compsel.runtime.interfaces.inference_session import InferenceSession
    from compsel.runtime.recording.outcomes import feedback
    from compsel.runtime.recording.recording import Recording
    from compsel.runtime.recording.records import records
    from compsel.selection import Objective
    from compsel.selection.training.trained import Trained
    from compsel.techniques import Technique, register_technique
    from compsel.techniques.heads.fitting import fit_head
    from compsel.techniques.students.making import make_student
    from compsel.techniques.students.static_encoder import make_static_encoder

_HOME = {
    "Answer": "compsel.runtime",
    "ArraySamples": "compsel.inputs.samples",
    "Backend": "compsel.parallel.backend",
    "Bundle": "compsel.runtime",
    "Evaluation": "compsel.evaluation.results",
    "ImageFolder": "compsel.inputs.samples",
    "ImagePreprocessing": "compsel.inputs.images.preprocessing",
    "InferenceSession": "compsel.runtime.interfaces.inference_session",
    "Measuring": "compsel.building.options",
    "Model": "compsel.models.model",
    "Objective": "compsel.selection",
    "OutputQuality": "compsel.profiling.output_quality",
    "Processor": "compsel.processors",
    "ProcessorFamily": "compsel.processors",
    "Profile": "compsel.profiling.profile",
    "Recording": "compsel.runtime.recording.recording",
    "Runtime": "compsel.runtime",
    "RuntimeStats": "compsel.runtime",
    "Samples": "compsel.inputs.samples",
    "Signers": "compsel.bundle.signing.signers",
    "Technique": "compsel.techniques",
    "TensorFolder": "compsel.inputs.samples",
    "TextPreprocessing": "compsel.inputs.texts.preprocessing",
    "TextTable": "compsel.inputs.samples",
    "Trained": "compsel.selection.training.trained",
    "build": "compsel.building.verbs.build",
    "compress": "compsel.building.verbs.compress",
    "evaluate": "compsel.building.verbs.evaluate",
    "explain": "compsel.notebook.explanation",
    "feedback": "compsel.runtime.recording.outcomes",
    "fetch": "compsel.models.fetching",
    "fit_head": "compsel.techniques.heads.fitting",
    "head": "compsel.building.verbs.fit",
    "load": "compsel.runtime.loading",
    "make_static_encoder": "compsel.techniques.students.static_encoder",
    "make_student": "compsel.techniques.students.making",
    "open_samples": "compsel.inputs.modalities",
    "perf": "compsel.building.verbs.perf",
    "port": "compsel.building.verbs.port",
    "profile": "compsel.building.verbs.profile",
    "records": "compsel.runtime.recording.records",
    "register_processor": "compsel.processors",
    "register_technique": "compsel.techniques",
    "report": "compsel.building.verbs.report",
    "show": "compsel.notebook.show",
    "sign": "compsel.bundle.signing.sign",
    "student": "compsel.building.verbs.fit",
    "train": "compsel.building.verbs.train",
}

__all__ = [
    "Answer",
    "ArraySamples",
    "Backend",
    "Bundle",
    "Evaluation",
    "ImageFolder",
    "ImagePreprocessing",
    "InferenceSession",
    "Measuring",
    "Model",
    "Objective",
    "OutputQuality",
    "Processor",
    "ProcessorFamily",
    "Profile",
    "Recording",
    "Runtime",
    "RuntimeStats",
    "Samples",
    "Signers",
    "Technique",
    "TensorFolder",
    "TextPreprocessing",
    "TextTable",
    "Trained",
    "__version__",
    "build",
    "compress",
    "evaluate",
    "explain",
    "feedback",
    "fetch",
    "fit_head",
    "head",
    "load",
    "make_static_encoder",
    "make_student",
    "open_samples",
    "perf",
    "port",
    "profile",
    "records",
    "register_processor",
    "register_technique",
    "report",
    "show",
    "sign",
    "student",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        try:
            return getattr(import_module(_HOME[name]), name)
        except ModuleNotFoundError as error:
            # what an app needs is here; the verbs need an extra
            from compsel.errors import missing_dependency

            raise missing_dependency(error) from error
    raise AttributeError(f"module 'compsel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
