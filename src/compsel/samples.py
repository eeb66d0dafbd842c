"""Samples: the inputs that a model is calibrated, measured and trained on, with their labels where there are any."""

import csv
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import InputError, SamplesError

__all__ = ["ArraySamples", "ImageFolder", "Sample", "Samples", "Subset", "TensorFolder"]

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

    @abstractmethod
    def value(self, index: int) -> np.ndarray | Mapping[str, np.ndarray]:
        """Read the input at `index`."""

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

    @property
    def names(self) -> tuple[str, ...]:
        """Name of every sample."""
        names = self.samples.names
        return tuple(names[index] for index in self.indices)

    @property
    def labels(self) -> tuple[int | None, ...]:
        """Label of every sample."""
        labels = self.samples.labels
        return tuple(labels[index] for index in self.indices)

    def value(self, index: int) -> np.ndarray | Mapping[str, np.ndarray]:
        """Read the input at `index`."""
        return self.samples.value(self.indices[index])


class ArraySamples(Samples):
    """Samples that are in memory already.

    Args:
        values: images, or mappings of named tensors.
        labels: one each; None when there are none.
        names: one each; None numbers them.

    >>> samples = ArraySamples([np.zeros((8, 8, 3), np.uint8)], labels=[4])
    >>> samples[0].label, samples.names
    (4, ('0',))
    """

    def __init__(
        self,
        values: Sequence[np.ndarray | Mapping[str, np.ndarray]],
        labels: Sequence[int] | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        if len({len(part) for part in (values, labels, names) if part is not None}) > 1:
            raise SamplesError(f"got {len(values)} values and other numbers of labels or names: give one of each")
        self._values = tuple(values)
        self._labels = tuple(labels) if labels is not None else (None,) * len(self._values)
        self._names = tuple(names) if names is not None else tuple(map(str, range(len(self._values))))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of every sample."""
        return self._names

    @property
    def labels(self) -> tuple[int | None, ...]:
        """Label of every sample."""
        return self._labels

    def value(self, index: int) -> np.ndarray | Mapping[str, np.ndarray]:
        """Return the input at `index`."""
        return self._values[index]


class ImageFolder(Samples):
    """A folder of images, with a `labels.csv` (columns `file`, `label`, others are ignored) when it has labels.

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

    def path(self, index: int) -> Path:
        """Return the path of the image at `index`."""
        return self.folder / self._files[index]

    def value(self, index: int) -> np.ndarray:
        """Decode the image at `index`: uint8 (height, width, 3), RGB.

        Raises:
            ImageError: it cannot be decoded.
        """
        from compsel.images import decode

        return decode(self.path(index))

    def _list(self) -> tuple[str, ...]:
        files = (path for path in self.folder.iterdir() if path.suffix.lower() in _IMAGE_SUFFIXES)
        return tuple(sorted(path.name for path in files))

    def _read(self, table: Path) -> tuple[tuple[str, ...], tuple[int, ...]]:
        try:
            with table.open(newline="", encoding="utf-8-sig") as stream:
                rows = list(csv.DictReader(stream, strict=True))
                columns = set(rows[0]) if rows else set()
        except (csv.Error, UnicodeDecodeError) as error:
            raise SamplesError(f"{table}: not a CSV table in UTF-8: {error}") from error
        if not {"file", "label"} <= columns:
            raise SamplesError(f"{table}: got columns {sorted(map(str, columns))}, needed are 'file' and 'label'")
        labels = tuple(self._label(row, line, table) for line, row in enumerate(rows, start=2))
        files = tuple(str(row["file"]) for row in rows)
        if len(set(files)) < len(files):
            repeated = next(name for name in files if files.count(name) > 1)
            raise SamplesError(f"{table}: {repeated} stands there twice: name each file once")
        root = self.folder.resolve()
        for name in files:
            path = (self.folder / name).resolve()
            if not path.is_relative_to(root):
                raise SamplesError(f"{table}: {name} lies outside the folder: name files inside it")
            if not path.is_file():
                raise SamplesError(f"{table}: names {name}, which is not in the folder")
        return files, labels

    def _label(self, row: dict[str | Any, str | Any], line: int, table: Path) -> int:
        text = row["label"]
        allowed = f"0 to {self.classes - 1}" if self.classes else "a whole number from 0"
        try:
            label = int(text)
        except (TypeError, ValueError):
            label = -1
        if label < 0 or (self.classes is not None and label >= self.classes):
            raise SamplesError(f"{table}, line {line}: got label {text!r}, allowed is {allowed}")
        return label


class TensorFolder(Samples):
    """A folder of `.npz` files, one a sample: the model's inputs by name, and optionally `label`.

    Raises:
        SamplesError: no folder, or one without `.npz` files.
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
        arrays = self._load(self._files[index])
        arrays.pop("label", None)
        return arrays

    def _label(self, name: str) -> int | None:
        label = self._load(name, only="label").get("label")
        return None if label is None else int(label)

    def _load(self, name: str, only: str | None = None) -> dict[str, np.ndarray]:
        try:
            with np.load(self.folder / name, allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files if only in (None, key)}
        except (OSError, ValueError) as error:
            raise InputError(f"{self.folder / name}: not an .npz of plain arrays: {error}") from error
