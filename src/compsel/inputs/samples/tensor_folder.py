"""A folder of `.npz` files, one a sample: named tensors, and a label or a target where there is one."""

import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from compsel.errors import SamplesError
from compsel.inputs.samples.base import MOST_CLASSES, ListedSamples
from compsel.inputs.samples.versions import file_version

__all__ = ["TensorFolder", "read_npz", "read_tensors"]


class TensorFolder(ListedSamples):
    """A folder of `.npz` files, one a sample: the model's inputs by name, and optionally `label` or `target`.

    The target is an array of any kind, for a function of quality; without one it is the label.

    Raises:
        SamplesError: no folder, one without `.npz` files, a file that is damaged, a label that is no class.

    >>> TensorFolder("recordings")
    Traceback (most recent call last):
    compsel.errors.SamplesError: recordings: no such folder: give a folder of .npz files
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise SamplesError(f"{self.folder}: no such folder: give a folder of .npz files")
        files = sorted(self.folder.glob("*.npz"))
        if not files:
            raise SamplesError(f"{self.folder}: has no .npz files: each holds the inputs of one sample by name")
        super().__init__([path.name for path in files], [_read_label(path) for path in files])

    def value(self, index: int) -> dict[str, np.ndarray]:
        """Read the tensors of the sample at `index`."""
        return read_tensors(self.folder / self.names[index])

    def target(self, index: int) -> Any:
        """Read the target of the sample at `index`."""
        return read_npz(self.folder / self.names[index], only="target").get("target", self.labels[index])

    def version(self, index: int) -> str:
        """Return size and time of change of the file at `index`."""
        return file_version(self.folder / self.names[index])


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Read an `.npz` file without its label and target.

    Raises:
        SamplesError: not an archive of plain arrays, or a damaged one.
    """
    return {name: array for name, array in read_npz(path).items() if name not in ("label", "target")}


def _read_label(path: Path) -> int | None:
    label = read_npz(path, only="label").get("label")
    if label is None:
        return None
    if label.size != 1 or label.dtype.kind not in "iu" or not 0 <= int(label.reshape(())) < MOST_CLASSES:
        got = label.tolist() if label.size <= 1 else f"an array of shape {label.shape}"
        raise SamplesError(f"{path}: got label {got}, allowed is one whole number from 0")
    return int(label.reshape(()))


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
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise SamplesError(f"{path}: not an .npz of plain arrays, or a damaged one: {error}") from error
