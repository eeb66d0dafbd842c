"""Files of other frameworks: what they are, and how a model in one becomes an ONNX file."""

from pathlib import Path

__all__ = ["what_it_is"]

_TORCH = "a PyTorch file: torch.onnx.export(model, example, 'model.onnx') writes an ONNX model"
_KERAS = "a Keras model: model.export('model.onnx', format='onnx') or tf2onnx writes an ONNX model"
_TENSORFLOW = "a TensorFlow model: python -m tf2onnx.convert writes an ONNX model"
_FORMATS = {
    ".pt": _TORCH,
    ".pth": _TORCH,
    ".ckpt": _TORCH,
    ".bin": _TORCH,
    ".pt2": _TORCH,
    ".safetensors": "weights without a network: compsel networks export NAME --weights FILE writes an ONNX model",
    ".h5": _KERAS,
    ".hdf5": _KERAS,
    ".keras": _KERAS,
    ".tflite": "a TensorFlow Lite model: python -m tf2onnx.convert --tflite FILE --output model.onnx",
    ".pb": _TENSORFLOW,
    ".pkl": "a pickle: for scikit-learn, skl2onnx.to_onnx(model, X[:1]) writes an ONNX model",
    ".joblib": "a pickle: for scikit-learn, skl2onnx.to_onnx(model, X[:1]) writes an ONNX model",
    ".gguf": "a model for llama.cpp: export the original by optimum-cli export onnx",
    ".mlmodel": "a Core ML model: export the original to ONNX",
    ".ort": "a model in ONNX Runtime's own format: give the ONNX file that it was made from",
    ".engine": "a TensorRT engine: give the ONNX file that it was made from",
    ".xml": "perhaps an OpenVINO model: give the ONNX file that it was made from",
}


def what_it_is(path: Path) -> str:
    """Return what a file that is no ONNX model probably is, and what to do.

    >>> what_it_is(Path("model.keras"))
    "not an ONNX model but a Keras model: model.export('model.onnx', format='onnx') or tf2onnx writes an ONNX model"
    >>> what_it_is(Path("model.onnx"))
    'not an ONNX model, or a truncated one: export it again'
    """
    if path.is_dir():
        return "is a folder: give the .onnx file in it, or export the model to ONNX"
    known = _FORMATS.get(path.suffix.lower())
    return f"not an ONNX model but {known}" if known else "not an ONNX model, or a truncated one: export it again"
