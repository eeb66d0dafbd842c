"""Choose, for every input and every state of the device, which compressed version of a model to run, and where.

The public names are loaded when they are first used, so that `import compsel` costs next to nothing and an app
that only runs a bundle never imports what training needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from compsel.building.build import build
    from compsel.building.options import Measuring
    from compsel.inputs.images.preprocessing import ImagePreprocessing
    from compsel.inputs.samples import ImageFolder, TensorFolder, TextTable
    from compsel.inputs.texts.preprocessing import TextPreprocessing
    from compsel.models.model import Model
    from compsel.profiling.output_quality import OutputQuality
    from compsel.runtime import Answer, Runtime, load
    from compsel.selection import Objective
    from compsel.techniques.heads.fitting import fit_head
    from compsel.techniques.students.making import make_student
    from compsel.techniques.students.static_encoder import make_static_encoder

_HOME = {
    "Answer": "compsel.runtime",
    "ImageFolder": "compsel.inputs.samples",
    "ImagePreprocessing": "compsel.inputs.images.preprocessing",
    "Measuring": "compsel.building.options",
    "Model": "compsel.models.model",
    "OutputQuality": "compsel.profiling.output_quality",
    "Objective": "compsel.selection",
    "Runtime": "compsel.runtime",
    "TensorFolder": "compsel.inputs.samples",
    "TextPreprocessing": "compsel.inputs.texts.preprocessing",
    "TextTable": "compsel.inputs.samples",
    "build": "compsel.building.build",
    "fit_head": "compsel.techniques.heads.fitting",
    "load": "compsel.runtime",
    "make_static_encoder": "compsel.techniques.students.static_encoder",
    "make_student": "compsel.techniques.students.making",
}

__all__ = [
    "Answer",
    "ImageFolder",
    "ImagePreprocessing",
    "Measuring",
    "Model",
    "Objective",
    "OutputQuality",
    "Runtime",
    "TensorFolder",
    "TextPreprocessing",
    "TextTable",
    "__version__",
    "build",
    "fit_head",
    "load",
    "make_static_encoder",
    "make_student",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'compsel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
