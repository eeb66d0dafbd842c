"""Weights files: tensors by name, read without executing anything, and fitted to the parameters of a network."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from compsel.errors import WeightsError
from compsel.networks.checkpoints.safetensors_file import read_safetensors
from compsel.networks.checkpoints.tensorflowjs import read_tensorflowjs
from compsel.networks.checkpoints.torch_file import read_torch_checkpoint
from compsel.networks.graph_builder import Parameter
from compsel.storage.numpy_files import read_npz
from compsel.storage.paths import is_folder, is_there
from compsel.storage.regular_files import open_regular
from compsel.storage.sizes import physical_memory_bytes

__all__ = ["fit", "load_weights"]

_SHOWN = 10
# counters of training steps that torch keeps beside the statistics of batch normalisation
_COUNTER = "num_batches_tracked"


def load_weights(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read the tensors of a weights file by name. Nothing in the file is ever executed.

    Args:
        path: `.npz`, `.safetensors`, a torch checkpoint (`.pth`, `.pt`, `.bin`; the old format or the zip format),
            or the `model.json` of a TensorFlow.js model, or its folder.

    Raises:
        WeightsError: no such file, another format, a damaged file, or one that holds more than tensors.
    """
    path = Path(path)
    if is_folder(path):
        return read_tensorflowjs(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise WeightsError(f"{path}: got a file ending in {path.suffix!r}, allowed are {', '.join(_READERS)}")
    if not is_there(path):
        raise WeightsError(f"{path}: no such file: give the path of a weights file")
    try:
        return reader(path)
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}") from error


def fit(
    name: str,
    parameters: Sequence[Parameter],
    arrays: Mapping[str, np.ndarray],
    naming: str,
    ignored: Iterable[str] = (),
) -> dict[str, np.ndarray]:
    """Return the array of every parameter as float32.

    Args:
        name: of the network, for messages.
        parameters: what the network needs.
        arrays: what the file holds.
        naming: whose parameter names the network takes, for messages.
        ignored: prefixes of arrays that inference does not need.

    Raises:
        WeightsError: a parameter without array, an array without parameter, another shape, no numbers.
    """
    needed = {parameter.name: parameter.shape for parameter in parameters}
    skipped = tuple(ignored)
    missing = [key for key in needed if key not in arrays]
    unexpected = [
        key for key in arrays if key not in needed and not key.endswith(_COUNTER) and not key.startswith(skipped)
    ]
    shapes = [
        f"{key}: got {tuple(arrays[key].shape)}, wanted {shape}"
        for key, shape in needed.items()
        if key in arrays and tuple(arrays[key].shape) != shape
    ]
    problems = [
        f"{kind} ({len(found)}): {', '.join(found[:_SHOWN])}{', ...' if len(found) > _SHOWN else ''}"
        for kind, found in (("missing", missing), ("unexpected", unexpected), ("shape", shapes))
        if found
    ]
    if problems:
        advice = f"names are those of {naming}" if missing or unexpected else "build it with their width and classes"
        raise WeightsError(f"{name}: the weights do not fit: {'; '.join(problems)}: {advice}")
    return {key: _float32(name, key, arrays[key]) for key in needed}


def _float32(name: str, key: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        raise WeightsError(f"{name}: {key}: got {array.dtype}, allowed are floating-point numbers")
    result = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(result).all():
        raise WeightsError(f"{name}: {key}: got numbers that are not finite: the weights file is damaged")
    return result


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with open_regular(path, physical_memory_bytes()) as stream:
        try:
            return read_npz(stream)
        except ValueError as error:
            raise WeightsError(f"{path}: not an .npz of plain arrays: {error}") from error


_READERS: Mapping[str, Callable[[Path], dict[str, np.ndarray]]] = {
    ".npz": _read_npz,
    ".safetensors": read_safetensors,
    ".pth": read_torch_checkpoint,
    ".pt": read_torch_checkpoint,
    ".bin": read_torch_checkpoint,
    ".json": read_tensorflowjs,
}
