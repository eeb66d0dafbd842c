"""Read NumPy's files of plain arrays."""

import errno
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from compsel.errors import SamplesError
from compsel.inputs.npz_errors import NPZ_ERRORS

__all__ = ["has_array", "read_npy", "read_npz"]

_SHOWN = 100  # characters of what is no path, but a text


def read_npz(path: Path, only: str | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of an archive by name, or at most the one called `only`.

    Raises:
        SamplesError: not an archive of plain arrays, or a damaged one.
    """
    try:
        # opened here, for `np.load` leaves a file open that is no archive
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, NpzFile):
                raise ValueError("it holds one array without a name")
            with archive:
                arrays = {key: archive[key] for key in archive.files if only in (None, key)}
        other = [key for key, array in arrays.items() if not isinstance(array, np.ndarray)]
        if other:
            raise ValueError(f"{other[0]} is not an array")
        return arrays
    except NPZ_ERRORS as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
            shown = str(path) if len(str(path)) <= _SHOWN else f"{str(path)[:_SHOWN]}..."
            raise SamplesError(f"{shown}: no such file: give the path of an .npz") from error
        raise SamplesError(f"{path}: not an .npz of plain arrays, or a damaged one: {error}") from error


def has_array(path: Path, name: str) -> bool:
    """Whether an archive that can be read has an array of that name; the array is not read."""
    with zipfile.ZipFile(path) as archive:
        return f"{name}.npy" in archive.namelist()


def read_npy(path: Path) -> np.ndarray:
    """Return the array of an `.npy` file.

    Raises:
        SamplesError: not one plain array, or a damaged file.
    """
    try:
        with path.open("rb") as stream:
            array = np.load(stream, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it holds several arrays")
        return array
    except NPZ_ERRORS as error:
        raise SamplesError(f"{path}: not an .npy of one plain array, or a damaged one: {error}") from error
