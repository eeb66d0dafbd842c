"""A folder of `.npz` files, one a sample: named tensors, and a label or a target where there is one."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import SamplesError
from compsel.inputs.sample_options import DEFAULT_SAMPLE_OPTIONS, SampleOptions
from compsel.inputs.samples.classes import MOST_CLASSES
from compsel.inputs.samples.findings import Findings
from compsel.inputs.samples.listed import ListedSamples
from compsel.inputs.samples.npz import has_array, read_npz
from compsel.inputs.samples.versions import file_version

__all__ = ["TensorFolder", "read_tensors"]


class TensorFolder(ListedSamples):
    """A folder of `.npz` files, one a sample: the model's inputs by name, and optionally `label` or `target`.

    The target is an array of any kind, for a function of quality; without one it is the label. Files that cannot be
    read are left out, and `notes` say so.

    Args:
        folder: where the files are.
        options: whether leaving a file out is an error.

    Raises:
        SamplesError: no folder, one without `.npz` files that can be read, a label that is no class.

    >>> TensorFolder("recordings")
    Traceback (most recent call last):
    compsel.errors.SamplesError: recordings: no such folder: give a folder of .npz files
    """

    def __init__(self, folder: str | os.PathLike[str], options: SampleOptions = DEFAULT_SAMPLE_OPTIONS) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise SamplesError(f"{self.folder}: no such folder: give a folder of .npz files")
        files = sorted(path for path in self.folder.glob("*.npz") if not path.name.startswith("."))
        if not files:
            raise SamplesError(f"{self.folder}: has no .npz files: each holds the inputs of one sample by name")
        findings = Findings(options.strict, noun="samples")
        labels: dict[str, int | None] = {}
        refused: dict[str, SamplesError] = {}
        for path in files:
            try:
                found = read_npz(path, {"label"}.__contains__).get("label")
            except SamplesError as error:
                refused[path.name] = error
            else:
                labels[path.name] = _label(path, found)
        if not labels:
            raise next(iter(refused.values()))
        findings.leave_out(list(refused), "cannot be read")
        if any(label is not None for label in labels.values()):
            findings.labels_from = "the arrays called label"
        if any(has_array(self.folder / name, "target") for name in labels):
            findings.targets_from = "the arrays called target"
        super().__init__(list(labels), list(labels.values()), findings=findings)

    def value(self, index: int) -> dict[str, np.ndarray]:
        """Read the tensors of the sample at `index`."""
        return read_tensors(self.folder / self.names[index])

    def target(self, index: int) -> Any:
        """Read the target of the sample at `index`."""
        return read_npz(self.folder / self.names[index], {"target"}.__contains__).get("target", self.labels[index])

    def check(self, index: int) -> None:
        """Read the sample at `index`.

        Raises:
            SamplesError: it is damaged.
        """
        self.value(index)

    def version(self, index: int) -> str:
        """Return size and time of change of the file at `index`."""
        return file_version(self.folder / self.names[index])


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Read an `.npz` file without its label and target.

    Raises:
        SamplesError: not an archive of plain arrays, or a damaged one.
    """
    return read_npz(path, lambda name: name not in ("label", "target"))


def _label(path: Path, label: np.ndarray | None) -> int | None:
    if label is None:
        return None
    if label.size != 1 or label.dtype.kind not in "iu" or not 0 <= int(label.reshape(())) < MOST_CLASSES:
        got = label.tolist() if label.size <= 1 else f"an array of shape {label.shape}"
        raise SamplesError(
            f"{path}: got label {got}, allowed is one whole number from 0; what is several, or real, goes into an "
            "array called target"
        )
    return int(label.reshape(()))
