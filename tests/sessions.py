"""Sessions of one model, to be compared: ONNX Runtime's of the file, and ours of a bundle of it."""

from pathlib import Path
from typing import Any

import onnx
import onnxruntime

import compsel
from compsel.models.model import Model
from compsel.models.ort_options import session_options
from tests.pinned_bundles import pinned

CPU = ["CPUExecutionProvider"]
Pair = tuple[onnxruntime.InferenceSession, compsel.InferenceSession]


def bundle_of(model: onnx.ModelProto, folder: Path, **options: Any) -> Path:
    """Write a model, and a bundle of it."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    pinned(Model.load(folder / "model.onnx"), folder / "pinned", **options).close()
    return folder / "pinned" / "bundle"


def both(model: onnx.ModelProto, folder: Path) -> Pair:
    """Return a session of ONNX Runtime, and ours of a bundle."""
    bundle = bundle_of(model, folder)
    quiet = session_options(2)
    return onnxruntime.InferenceSession(folder / "model.onnx", quiet, providers=CPU), compsel.InferenceSession(bundle)
