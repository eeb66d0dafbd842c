"""A folder of images: without labels, in folders by class, or with a table that names the files."""

import os
from pathlib import Path

from compsel.errors import SamplesError
from compsel.inputs.sample_options import DEFAULT_SAMPLE_OPTIONS, SampleOptions
from compsel.inputs.samples.classes import ClassLabels
from compsel.inputs.samples.findings import Findings, plural, some
from compsel.inputs.samples.image_files import (
    IMAGE_SUFFIXES,
    FilesInFolder,
    ImageFiles,
    list_files,
    without_unreadable,
)
from compsel.inputs.samples.image_table import ImageRows, find_image_table, read_image_rows
from compsel.inputs.samples.tables import SampleTable
from compsel.storage.locations.using import fetch
from compsel.storage.paths import is_file, is_folder

__all__ = ["ImageFolder"]

_SPLITS = frozenset(["train", "training", "val", "valid", "validation", "test", "testing", "dev", "eval", "evaluation"])


class ImageFolder(ImageFiles):
    """A folder of images, which are decoded when they are asked for.

    Labels are those of a table in the folder that names the files (`labels.csv` with the columns `file`, `label` and
    optionally `group`; other names, formats, columns and delimiters are recognised: `compsel.inputs.samples.columns`),
    or else the names of the folders inside, or else there are none. Images of one group, such as versions of one
    photograph, are never split between training and test.

    What is missing, cannot be read, or is not named by the table is left out, and `notes` say so.

    Args:
        folder: where the images are; or a table that names them relative to it.
        classes: number of classes; labels must be below it. None: any label from 0.
        options: columns of the table, order of the classes, whether leaving something out is an error.

    Raises:
        SamplesError: no folder, one without images, a table that cannot be read, a label that is no class, a file
            outside the folder.

    >>> ImageFolder("photographs")
    Traceback (most recent call last):
    compsel.errors.SamplesError: photographs: no such folder: give a folder of images
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        classes: int | None = None,
        options: SampleOptions = DEFAULT_SAMPLE_OPTIONS,
    ) -> None:
        given = fetch(folder)
        table = None if is_folder(given) or not given.suffix or not is_file(given) else given
        self.folder = given if table is None else given.parent
        self.classes = classes
        findings = Findings(options.strict, noun="images")
        files = list_files(self.folder)
        rows = self._rows(files, table, options, findings)
        if not rows.files:
            raise SamplesError(f"{given}: has no images: allowed are {', '.join(sorted(IMAGE_SUFFIXES))}")
        places = without_unreadable(rows.files, self._path_of, findings)
        labels = _classes(rows, places, self.folder, classes, options)
        names = [rows.files[place] for place in places]
        groups = [rows.groups[place] for place in places] if rows.groups else None
        super().__init__([self._path_of(name) for name in names], names, labels, groups, findings)

    def _path_of(self, name: str) -> Path:
        return self.folder / name

    def _rows(self, files: FilesInFolder, given: Path | None, options: SampleOptions, findings: Findings) -> ImageRows:
        """Return the files that count, with what is said of each."""
        table: SampleTable | None = find_image_table(self.folder, given, files, options, findings)
        if table is not None:
            return read_image_rows(table, files, options, findings, given is not None)
        files.say(findings)
        if files.at_top:
            inside = [name for name in files.images if "/" in name]
            findings.leave_out(inside, "lie in folders inside, beside images", f"{plural(len(inside), 'images')}")
            return ImageRows(files.at_top)
        return _by_folder(self.folder, files, findings)


def _by_folder(folder: Path, files: FilesInFolder, findings: Findings, inside: str = "") -> ImageRows:
    """Return images labelled by the folder that they lie in; where that is the only one, by those inside it."""
    names = files.images
    prefix = len(inside.split("/")) if inside else 0
    parts = [name.split("/")[prefix:] for name in names]
    classes = sorted({part[0] for part in parts if len(part) > 1})
    if len(classes) == 1 and all(len(part) > 1 for part in parts):
        inside = f"{inside}/{classes[0]}".lstrip("/")
        findings.note(f"the images are those in {folder / inside}")
        return _by_folder(folder, files, findings, inside)
    if not classes:
        return ImageRows(names)
    if len(classes) > 1 and {name.casefold() for name in classes} <= _SPLITS:
        raise SamplesError(
            f"{folder / inside}: holds {' and '.join(f'{name}/' for name in classes)}, parts of a data set: give the "
            f"one that the model has not learned from, such as {folder / inside / _judging(classes)}"
        )
    at_top = [name for name, part in zip(names, parts, strict=True) if len(part) == 1]
    findings.leave_out(at_top, "lie beside the folders by class")
    kept = [(name, part) for name, part in zip(names, parts, strict=True) if len(part) > 1]
    deeper = sum(len(part) > 2 for _, part in kept)
    if deeper:
        findings.note(
            f"deeper inside: {plural(deeper, 'images')}: their class is the folder directly in {folder / inside} "
            f"({some(classes)})"
        )
    findings.labels_from = "folder names"
    return ImageRows(tuple(name for name, _ in kept), tuple(part[0] for _, part in kept))


def _judging(splits: list[str]) -> str:
    """Return the part of a data set that judges models."""
    words = ("val", "valid", "validation", "dev", "eval", "evaluation", "test", "testing")
    return next((name for word in words for name in splits if name.casefold() == word), splits[0])


def _classes(
    rows: ImageRows, places: list[int], folder: Path, classes: int | None, options: SampleOptions
) -> ClassLabels | None:
    if not rows.said:
        return None
    said = [rows.said[place] for place in places]
    lines = [rows.places[place] if rows.places else rows.files[place] for place in places]
    labels = ClassLabels.read(said, folder, lines.__getitem__, options.labels, beside=folder)
    if classes is None:
        return labels
    labels.check()
    for index, label in enumerate(labels.indices):
        if label is not None and label >= classes:
            raise SamplesError(
                f"{lines[index]}: got label {said[index]!r}, allowed is a whole number, 0 to {classes - 1}"
            )
    return labels
