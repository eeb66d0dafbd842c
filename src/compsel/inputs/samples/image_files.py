"""Image files, in a folder or anywhere: listed by suffix, their headers read, the pixels decoded when asked for."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from compsel.errors import ImageError, SamplesError
from compsel.inputs.images.decoding import decode, read_source
from compsel.inputs.images.encoded import EncodedImage
from compsel.inputs.images.reduction import REDUCTIONS
from compsel.inputs.samples.classes import ClassLabels
from compsel.inputs.samples.findings import Findings, plural, some
from compsel.inputs.samples.listed import ListedSamples
from compsel.inputs.samples.versions import file_version

__all__ = ["IMAGE_SUFFIXES", "FilesInFolder", "ImageFiles", "holds_images", "list_files", "without_unreadable"]

#: of files that are read as images
IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff"))
# pictures that people have and no decoder here reads, or that are no single picture
_OTHER_PICTURES = frozenset((".heic", ".heif", ".avif", ".gif", ".jxl", ".jp2", ".svg", ".dng", ".cr2", ".nef", ".arw"))
_OF_THE_SYSTEM = frozenset(("thumbs.db", "desktop.ini"))


class ImageFiles(ListedSamples):
    """Image files with names and, where there are any, labels.

    Args:
        paths: of the files.
        names, labels, groups, findings: as for `ListedSamples`.

    >>> ImageFiles([Path("cat.jpg")], ["cat.jpg"]).path(0).name
    'cat.jpg'
    """

    def __init__(
        self,
        paths: Sequence[Path],
        names: Sequence[str],
        labels: Sequence[int | None] | ClassLabels | None = None,
        groups: Sequence[str] | None = None,
        findings: Findings | None = None,
    ) -> None:
        super().__init__(names, labels, groups, findings)
        self._paths = tuple(paths)

    def path(self, index: int) -> Path:
        """Return the path of the image at `index`."""
        return self._paths[index]

    def value(self, index: int) -> np.ndarray:
        """Decode the image at `index`: uint8 (height, width, 3), RGB, upright.

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

    def check(self, index: int) -> None:
        """Decode the image at `index`, as coarsely as its format allows.

        Raises:
            ImageError: it cannot be decoded.
        """
        self.undecoded(index).decode(REDUCTIONS[0])


@dataclass(frozen=True)
class FilesInFolder:
    """What lies in a folder, as paths relative to it.

    Attributes:
        images: files to read as images, by name.
        other_pictures: files of pictures that are not read.
        hidden: files whose name begins with a dot, and would be pictures without it.

    >>> FilesInFolder(("cats/1.jpg",), (), ()).of_sub_folder("cats")
    ('cats/1.jpg',)
    """

    images: tuple[str, ...]
    other_pictures: tuple[str, ...]
    hidden: tuple[str, ...]

    @property
    def at_top(self) -> tuple[str, ...]:
        """Images that lie in no folder inside."""
        return tuple(name for name in self.images if "/" not in name)

    @property
    def sub_folders(self) -> tuple[str, ...]:
        """Folders directly inside that hold images, by name."""
        return tuple(sorted({PurePosixPath(name).parts[0] for name in self.images if "/" in name}))

    def of_sub_folder(self, folder: str) -> tuple[str, ...]:
        """Images in a folder inside, at any depth."""
        return tuple(name for name in self.images if name.startswith(f"{folder}/"))

    def say(self, findings: Findings) -> None:
        """Say which pictures are not read, and what makes them count.

        Raises:
            SamplesError: there are some, and samples have to be complete.
        """
        if self.hidden:
            findings.note(f"{plural(len(self.hidden), 'hidden files')} ignored: {some(self.hidden)}")
        kinds = sorted({PurePosixPath(name).suffix.lower() for name in self.other_pictures})
        if kinds:
            subject = f"{plural(len(self.other_pictures), 'files')} of a kind that is not read ({', '.join(kinds)})"
            findings.leave_out(self.other_pictures, "", subject, "save as JPEG or PNG what shall count")


def list_files(folder: Path) -> FilesInFolder:
    """List a folder and those inside, without hidden folders; the same order on every machine.

    Raises:
        SamplesError: no such folder, or one that cannot be read.
    """
    if not folder.is_dir():
        raise SamplesError(f"{folder}: no such folder: give a folder of images")

    def refuse(error: OSError) -> None:
        raise SamplesError(f"{folder}: cannot be read: {error.strerror}") from error

    images, other, hidden = [], [], []
    for root, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        for name in files:
            relative = Path(root, name).relative_to(folder).as_posix()
            suffix = PurePosixPath(name).suffix.lower()
            if name.startswith(".") or name.lower() in _OF_THE_SYSTEM:
                hidden += [relative] if suffix in IMAGE_SUFFIXES | _OTHER_PICTURES else []
            elif suffix in IMAGE_SUFFIXES and Path(root, name).is_file():
                images.append(relative)
            elif suffix in _OTHER_PICTURES:
                other.append(relative)
    return FilesInFolder(tuple(sorted(images)), tuple(sorted(other)), tuple(sorted(hidden)))


def without_unreadable(names: Sequence[str], path: Callable[[str], Path], findings: Findings) -> list[int]:
    """Return the places of the files whose headers are those of whole images, and say what is left out.

    Raises:
        SamplesError: none is, or some are not and samples have to be complete.
    """
    refused: dict[int, ImageError] = {}
    for place, name in enumerate(names):
        try:
            EncodedImage(path(name))
        except ImageError as error:
            refused[place] = error
    if refused and len(refused) == len(names):
        first = next(iter(refused.values()))
        raise SamplesError(f"no image of {len(names):,} can be read; the first: {first}") from first
    reasons = [f"{names[place]} ({_reason(error, path(names[place]))})" for place, error in refused.items()]
    findings.leave_out(reasons, "cannot be read")
    return [place for place in range(len(names)) if place not in refused]


def _reason(error: ImageError, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ").partition(":")[0]


def holds_images(folder: Path) -> bool:
    """Whether a folder, or one inside it, holds a file that is read as an image; the first one ends the search."""
    for _, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        if any(PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith(".") for name in files):
            return True
    return False
