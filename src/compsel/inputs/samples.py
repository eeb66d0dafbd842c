"""Samples: the inputs that a model is calibrated, measured and trained on, with their labels where there are any."""

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import SamplesError
from compsel.inputs.sample_files import has_column, hash_of, read_csv, read_npz, repeated, version_of_file

__all__ = ["ArraySamples", "ImageFolder", "Sample", "Samples", "Subset", "TensorFolder"]

_MOST_CLASSES = 2**31  # labels are stored as whole numbers of the machine
_LONGEST_LABEL = 20
_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One input.

    Attributes:
        name: what it is called in tables; unique among its samples.
        value: a uint8 (height, width, 3) RGB image, or the named tensors of a model without preprocessing.
        label: index of its class, or None.
    """

    name: str
    value: np.ndarray | Mapping[str, np.ndarray]
    label: int | None = None


class Samples(ABC):
    """A sequence of samples that are read one by one, when they are asked for: memory does not grow with them."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Name of every sample."""

    @property
    @abstractmethod
    def labels(self) -> tuple[int | None, ...]:
        """Label of every sample."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Group of every sample: those of one group, such as versions of one photograph, are never split between
        training and test. Each sample is a group of its own unless something else is said.
        """
        return self.names

    @abstractmethod
    def value(self, index: int) -> np.ndarray | Mapping[str, np.ndarray]:
        """Read the input at `index`."""

    def target(self, index: int) -> Any:
        """Return what a user's function of quality is told about the sample at `index`: its label, or more."""
        return self.labels[index]

    def version(self, index: int) -> str:
        """Return a text that is another one when the content at `index` is; "" where that cannot be told."""
        return ""

    def digest(self, count: int | None = None) -> str:
        """Return a hash of names, labels and versions of the first `count` samples; None: of all.

        What was measured with samples of another digest has to be measured again.
        """
        names, labels = self.names[:count], self.labels[:count]
        rows = [[names[index], labels[index], self.version(index)] for index in range(len(names))]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.names[index], self.value(index), self.labels[index])

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    @property
    def labelled(self) -> bool:
        """Whether every sample has a label."""
        return all(label is not None for label in self.labels)

    def subset(self, indices: Sequence[int]) -> "Subset":
        """Return the samples at `indices`."""
        return Subset(self, indices)

    def spread(self, count: int) -> "Subset":
        """Return at most `count` samples, evenly spread; the same ones each time."""
        count = min(count, len(self))
        return Subset(self, [index * len(self) // count for index in range(count)])


class Subset(Samples):
    """Some of other samples."""

    def __init__(self, samples: Samples, indices: Sequence[int]) -> None:
        self.samples = samples
        self.indices = tuple(int(index) for index in indices)
        names, labels = samples.names, samples.labels
        self._names = tuple(names[index] for index in self.indices)
        self._labels = tuple(labels[index] for index in self.indices)
        groups = samples.groups
        self._groups = tuple(groups[index] for index in self.indices)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of every sample."""
        return self._names

    @property
    def labels(self) -> tuple[int | None, ...]:
        """Label of every sample."""
        return self._labels

    @property
    def groups(self) -> tuple[str, ...]:
        """Group of every sample."""
        return self._groups

    def value(self, index: int) -> np.ndarray | Mapping[str, np.ndarray]:
        """Read the input at `index`."""
        return self.samples.value(self.indices[index])

    def target(self, index: int) -> Any:
        """Return what a user's function of quality is told about the sample at `index`."""
        return self.samples.target(self.indices[index])

    def version(self, index: int) -> str:
        """Return a text that is another one when the content at `index` is."""
        return self.samples.version(self.indices[index])


class ArraySamples(Samples):
    """Samples that are in memory already.

    Args:
        values: images, or mappings of named tensors.
        labels: one each; None when there are none.
        names: one each; None numbers them.
        groups: one each, see `Samples.groups`; None: each sample is its own.
        targets: arrays or numbers, one each, that a function of quality is told; None: the labels.

    Raises:
        SamplesError: other numbers of labels, names, groups or targets than of values, a name that stands there twice.

    >>> samples = ArraySamples([np.zeros((8, 8, 3), np.uint8)], labels=[4])
    >>> samples[0].label, samples.names
    (4, ('0',))
    """

    def __init__(
        self,
        values: Sequence[np.ndarray | Mapping[str, np.ndarray]],
        labels: Sequence[int] | None = None,
        names: Sequence[str] | None = None,
        groups: Sequence[str] | None = None,
        targets: Sequence[Any] | None = None,
    ) -> None:
        if len({len(part) for part in (values, labels, names, groups, targets) if part is not None}) > 1:
            raise SamplesError(
                f"got {len(values)} values and other numbers of labels, names, groups or targets: give one of each"
            )
        self._values = tuple(values)
        self._labels = tuple(labels) if labels is not None else (None,) * len(self._values)
        self._names = tuple(names) if names is not None else tuple(map(str, range(len(self._values))))
        if len(set(self._names)) < len(self._names):
            raise SamplesError(f"got the name {repeated(self._names)!r} twice: name each sample once")
        self._groups = tuple(groups) if groups is not None else self._names
        self._targets = tuple(targets) if targets is not None else None
        self._versions: dict[int, str] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Name of every sample."""
        return self._names

    @property
    def labels(self) -> tuple[int | None, ...]:
        """Label of every sample."""
        return self._labels

    @property
    def groups(self) -> tuple[str, ...]:
        """Group of every sample."""
        return self._groups

    def value(self, index: int) -> np.ndarray | Mapping[str, np.ndarray]:
        """Return the input at `index`."""
        return self._values[index]

    def target(self, index: int) -> Any:
        """Return the target at `index`."""
        return self._labels[index] if self._targets is None else self._targets[index]

    def version(self, index: int) -> str:
        """Return a hash of the arrays at `index`, the target's too."""
        if index not in self._versions:
            target = "" if self._targets is None else hash_of(np.asarray(self._targets[index]))
            self._versions[index] = hash_of(self._values[index]) + target
        return self._versions[index]


class ImageFolder(Samples):
    """A folder of images, with a `labels.csv` when it has labels: columns `file`, `label`, and optionally `group`.

    Images of one group, such as versions of one photograph, are never split between training and test. Other columns
    are ignored.

    Without a `labels.csv` every image in the folder is a sample without label. Images are decoded when they are
    asked for.

    Args:
        folder: where the images are.
        classes: number of classes; labels must be below it. None: any label from 0.

    Raises:
        SamplesError: no folder, an empty one, a malformed `labels.csv`, a label out of range, a file that is not there.
    """

    def __init__(self, folder: str | os.PathLike[str], classes: int | None = None) -> None:
        self.folder = Path(folder)
        self.classes = classes
        if not self.folder.is_dir():
            raise SamplesError(f"{self.folder}: no such folder: give a folder of images")
        table = self.folder / "labels.csv"
        self._files: tuple[str, ...]
        self._labels: tuple[int, ...] | None
        self._files, self._labels = self._read(table) if table.exists() else (self._list(), None)
        self._groups = self._files
        if table.exists() and has_column(table, "group"):
            self._groups = tuple(group for _, (group,) in read_csv(table, ("group",)))
        if not self._files:
            raise SamplesError(f"{self.folder}: has no images: allowed are {', '.join(sorted(_IMAGE_SUFFIXES))}")

    @property
    def names(self) -> tuple[str, ...]:
        """File of every sample, relative to the folder."""
        return self._files

    @property
    def labels(self) -> tuple[int | None, ...]:
        """Label of every sample."""
        return self._labels if self._labels is not None else (None,) * len(self._files)

    @property
    def groups(self) -> tuple[str, ...]:
        """Group of every sample."""
        return self._groups

    def path(self, index: int) -> Path:
        """Return the path of the image at `index`."""
        return self.folder / self._files[index]

    def value(self, index: int) -> np.ndarray:
        """Decode the image at `index`: uint8 (height, width, 3), RGB.

        Raises:
            ImageError: it cannot be decoded.
        """
        from compsel.inputs.image_decoding import decode

        return decode(self.path(index))

    def version(self, index: int) -> str:
        """Return size and time of change of the file at `index`."""
        return version_of_file(self.path(index))

    def _list(self) -> tuple[str, ...]:
        files = (path for path in self.folder.iterdir() if path.suffix.lower() in _IMAGE_SUFFIXES and path.is_file())
        return tuple(sorted(path.name for path in files))

    def _read(self, table: Path) -> tuple[tuple[str, ...], tuple[int, ...]]:
        rows = read_csv(table, ("file", "label"))
        labels = tuple(self._label(text, line, table) for line, (_, text) in rows)
        files = tuple(name for _, (name, _) in rows)
        if len(set(files)) < len(files):
            raise SamplesError(f"{table}: {repeated(files)} stands there twice: name each file once")
        root = self.folder.resolve()
        for line, (name, _) in rows:
            try:
                inside, found = (self.folder / name).resolve().is_relative_to(root), (self.folder / name).is_file()
            except (OSError, ValueError):  # a name too long, or with a zero byte in it
                inside, found = True, False
            if not inside:
                raise SamplesError(f"{table}, line {line}: {name!r} lies outside the folder: name files inside it")
            if not found:
                raise SamplesError(f"{table}, line {line}: names {name!r}, which is not a file in the folder")
        return files, labels

    def _label(self, text: str, line: int, table: Path) -> int:
        allowed = f"0 to {(self.classes or _MOST_CLASSES) - 1}"
        # int() alone would take -1, +1 and 1_0 as well
        label = int(text) if text.strip().isdecimal() and len(text) < _LONGEST_LABEL else -1
        if not 0 <= label < (self.classes or _MOST_CLASSES):
            raise SamplesError(f"{table}, line {line}: got label {text!r}, allowed is a whole number, {allowed}")
        return label


class TensorFolder(Samples):
    """A folder of `.npz` files, one a sample: the model's inputs by name, and optionally `label` or `target`.

    The target is an array of any kind, for a function of quality; without one it is the label.

    Raises:
        SamplesError: no folder, one without `.npz` files, a file that is damaged, a label that is no class.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise SamplesError(f"{self.folder}: no such folder: give a folder of .npz files")
        self._files = tuple(sorted(path.name for path in self.folder.glob("*.npz")))
        if not self._files:
            raise SamplesError(f"{self.folder}: has no .npz files: each holds the inputs of one sample by name")
        self._labels = tuple(self._label(name) for name in self._files)

    @property
    def names(self) -> tuple[str, ...]:
        """File of every sample."""
        return self._files

    @property
    def labels(self) -> tuple[int | None, ...]:
        """Label of every sample."""
        return self._labels

    def value(self, index: int) -> Mapping[str, np.ndarray]:
        """Read the tensors of the sample at `index`."""
        arrays = read_npz(self.folder / self._files[index])
        return {name: array for name, array in arrays.items() if name not in ("label", "target")}

    def target(self, index: int) -> Any:
        """Read the target of the sample at `index`."""
        return read_npz(self.folder / self._files[index], only="target").get("target", self._labels[index])

    def version(self, index: int) -> str:
        """Return size and time of change of the file at `index`."""
        return version_of_file(self.folder / self._files[index])

    def _label(self, name: str) -> int | None:
        label = read_npz(self.folder / name, only="label").get("label")
        if label is None:
            return None
        if label.size != 1 or label.dtype.kind not in "iu" or not 0 <= int(label.reshape(())) < _MOST_CLASSES:
            got = label.tolist() if label.size <= 1 else f"an array of shape {label.shape}"
            raise SamplesError(f"{self.folder / name}: got label {got}, allowed is one whole number from 0")
        return int(label.reshape(()))
