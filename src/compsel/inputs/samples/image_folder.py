"""A folder of images, with a table of labels where it has one."""

import os
from pathlib import Path

import numpy as np

from compsel.errors import SamplesError
from compsel.inputs.images.decoding import decode, read_source
from compsel.inputs.images.encoded import EncodedImage
from compsel.inputs.samples.base import MOST_CLASSES, ListedSamples, repeated
from compsel.inputs.samples.csv_table import read_rows
from compsel.inputs.samples.versions import file_version

__all__ = ["ImageFolder"]

_LONGEST_LABEL = 20
_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}


class ImageFolder(ListedSamples):
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

    >>> ImageFolder("photographs")
    Traceback (most recent call last):
    compsel.errors.SamplesError: photographs: no such folder: give a folder of images
    """

    def __init__(self, folder: str | os.PathLike[str], classes: int | None = None) -> None:
        self.folder = Path(folder)
        self.classes = classes
        if not self.folder.is_dir():
            raise SamplesError(f"{self.folder}: no such folder: give a folder of images")
        table = self.folder / "labels.csv"
        if table.exists():
            self._read(table)
        else:
            files = (path for path in self.folder.iterdir() if path.suffix.lower() in _IMAGE_SUFFIXES)
            super().__init__(sorted(path.name for path in files if path.is_file()))
        if not self.names:
            raise SamplesError(f"{self.folder}: has no images: allowed are {', '.join(sorted(_IMAGE_SUFFIXES))}")

    def path(self, index: int) -> Path:
        """Return the path of the image at `index`."""
        return self.folder / self.names[index]

    def value(self, index: int) -> np.ndarray:
        """Decode the image at `index`: uint8 (height, width, 3), RGB.

        Raises:
            ImageError: it cannot be decoded.
        """
        return decode(self.path(index))

    def source(self, index: int) -> bytes:
        """Read the bytes of the file at `index`.

        Raises:
            ImageError: it cannot be read.
        """
        return read_source(self.path(index))[1]

    def undecoded(self, index: int) -> EncodedImage:
        """Read the file at `index` and its header, and leave it encoded.

        Raises:
            ImageError: it cannot be read, or is not an image.
        """
        return EncodedImage(self.path(index))

    def version(self, index: int) -> str:
        """Return size and time of change of the file at `index`."""
        return file_version(self.path(index))

    def _read(self, table: Path) -> None:
        rows = read_rows(table, ("file", "label"))
        labels = [self._label(row["label"], f"{table}, line {line}") for line, row in rows]
        files = [row["file"] for _, row in rows]
        if (twice := repeated(files)) is not None:
            raise SamplesError(f"{table}: {twice} stands there twice: name each file once")
        for line, row in rows:
            self._check_file(row["file"], f"{table}, line {line}")
        super().__init__(files, labels, [row.get("group", row["file"]) for _, row in rows])

    def _check_file(self, name: str, place: str) -> None:
        try:
            inside = (self.folder / name).resolve().is_relative_to(self.folder.resolve())
            found = (self.folder / name).is_file()
        except (OSError, ValueError):  # a name too long, or with a zero byte in it
            inside, found = True, False
        if not inside:
            raise SamplesError(f"{place}: {name!r} lies outside the folder: name files inside it")
        if not found:
            raise SamplesError(f"{place}: names {name!r}, which is not a file in the folder")

    def _label(self, text: str, place: str) -> int:
        classes = self.classes or MOST_CLASSES
        # int() alone would take -1, +1 and 1_0 as well
        label = int(text) if text.strip().isdecimal() and len(text) < _LONGEST_LABEL else -1
        if not 0 <= label < classes:
            raise SamplesError(f"{place}: got label {text!r}, allowed is a whole number, 0 to {classes - 1}")
        return label
