"""Read NumPy's files of plain arrays."""

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np

from compsel.errors import SamplesError
from compsel.storage import numpy_files
from compsel.storage.archives import open_archive
from compsel.storage.regular_files import open_regular
from compsel.storage.sizes import physical_memory_bytes

__all__ = ["has_array", "read_npy", "read_npz"]

_SHOWN = 100  # characters of what is no path, but a text


def read_npz(path: Path, wanted: Callable[[str], bool] = lambda _: True) -> dict[str, np.ndarray]:
    """Return arrays of an archive by name, of those that are `wanted`.

    Raises:
        SamplesError: not an archive of plain arrays, a damaged one, or one that unpacks to far more than its size.
    """
    try:
        with open_regular(path, physical_memory_bytes()) as stream:
            return numpy_files.read_npz(stream, wanted)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
            shown = str(path) if len(str(path)) <= _SHOWN else f"{str(path)[:_SHOWN]}..."
            raise SamplesError(f"{shown}: no such file: give the path of an .npz") from error
        raise SamplesError(f"{path}: not an .npz of plain arrays, or a damaged one: {_reason(error)}") from error


def has_array(path: Path, name: str) -> bool:
    """Whether an archive that can be read has an array of that name; the array is not read."""
    with open_regular(path, physical_memory_bytes()) as stream, open_archive(stream) as archive:
        return f"{name}.npy" in archive.namelist()


def read_npy(path: Path) -> np.ndarray:
    """Return the array of an `.npy` file.

    Raises:
        SamplesError: not one plain array, or a damaged file.
    """
    try:
        with open_regular(path, physical_memory_bytes()) as stream:
            return numpy_files.read_npy(stream)
    except (OSError, ValueError) as error:
        raise SamplesError(f"{path}: not an .npy of one plain array, or a damaged one: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
