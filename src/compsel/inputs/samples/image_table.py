"""Tables that name image files: which table of a folder it is, and which file each row means."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from compsel.errors import SamplesError
from compsel.inputs.sample_options import SampleOptions
from compsel.inputs.samples.classes import plain_label
from compsel.inputs.samples.columns import find_column, required_column
from compsel.inputs.samples.findings import Findings, plural, some
from compsel.inputs.samples.image_files import IMAGE_SUFFIXES, FilesInFolder
from compsel.inputs.samples.tables import TABLE_SUFFIXES, SampleTable, read_table
from compsel.storage.paths import is_file

__all__ = ["ImageRows", "file_column", "find_image_table", "looks_like_image", "read_image_rows"]

_TRIED_ROWS = 20


@dataclass(frozen=True)
class ImageRows:
    """Image files that are samples, and what is said of each.

    Attributes:
        files: relative to the folder, each once.
        said: label as it stands there, or None, for each file; () where nothing is said of labels.
        groups: for each; () where each is its own.
        places: where each stands, for messages.

    >>> ImageRows(("a.jpg",), ("cat",)).said
    ('cat',)
    """

    files: tuple[str, ...]
    said: tuple[str | None, ...] = ()
    groups: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


def find_image_table(
    folder: Path, given: Path | None, files: FilesInFolder, options: SampleOptions, findings: Findings
) -> SampleTable | None:
    """Return the table that names the images of a folder; None where there is none.

    A table that is called "labels" is it. Of others, one of whose first rows names an image.

    Raises:
        SamplesError: several tables that could be it; the one that is it cannot be read.
    """
    if given is not None:
        return read_table(given)
    tables = sorted(path for path in folder.iterdir() if _is_table(path))
    called = [path for path in tables if path.stem.casefold() == "labels"]
    if len(called) == 1:
        for other in tables:
            if other not in called:
                findings.note(f"{called[0].name} has the labels; {other.name} is not looked at")
        return read_table(called[0])
    fitting = []
    for path in tables:
        try:
            table = read_table(path)
            fits = _names_images(table, files, options)
        except SamplesError as error:
            if len(tables) == 1:
                raise
            findings.note(f"not used as labels: {error}")
            continue
        if fits:
            fitting.append(table)
        else:
            findings.note(f"{path.name} names no image of the folder in its columns {list(table.columns)}: not used")
    if len(fitting) > 1:
        names = [table.path.name for table in fitting]
        raise SamplesError(
            f"{folder}: {' and '.join(names)} all name its images: give the one that counts: {fitting[0].path}"
        )
    return fitting[0] if fitting else None


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in TABLE_SUFFIXES and not path.name.startswith(".")


def file_column(table: SampleTable, named: str | None = None) -> str | None:
    """Return the column of a table that names image files: by what it is called, or by what it holds; None for none.

    Raises:
        SamplesError: several that could be it, or a named one that is not there.
    """
    holding = [
        column
        for column in table.columns
        if any(looks_like_image(row.get(column)) for _, row in table.rows[:_TRIED_ROWS])
    ]
    if named is None and len(holding) == 1:
        return holding[0]
    if named is None and holding and "file" not in table.columns:
        return find_column("file", holding, None, table.path) or find_column("file", table.columns, None, table.path)
    return find_column("file", table.columns, named, table.path)


def looks_like_image(value: Any) -> bool:
    """Whether a field is text that ends as the name of an image file.

    >>> looks_like_image("a/b.JPG"), looks_like_image(3)
    (True, False)
    """
    return isinstance(value, str) and PurePosixPath(value.strip()).suffix.lower() in IMAGE_SUFFIXES


def _names_images(table: SampleTable, files: FilesInFolder, options: SampleOptions) -> bool:
    column = file_column(table, options.file if options.file in table.columns else None)
    if column is None:
        return False
    finder = _Finder(table.path.parent, files)
    return any(finder.find(str(value)) for value in table.values(column)[:_TRIED_ROWS] if value)


class _Finder:
    """Finds the file that a row means: at that path, or else the only one in the folder of that name or stem."""

    def __init__(self, folder: Path, files: FilesInFolder) -> None:
        self.folder = folder
        self.by_name: dict[str, list[str]] = {}
        for image in files.images:
            path = PurePosixPath(image)
            for key in {path.name, path.stem}:
                self.by_name.setdefault(key, []).append(image)
        self.elsewhere = 0

    def find(self, said: str) -> str | None:
        """Return the path of the file relative to the folder; None where there is none."""
        path = self.plain(said)
        if not path:
            return None
        if is_file(self.folder / path):
            return path
        found = self.by_name.get(PurePosixPath(path).name, [])
        self.elsewhere += len(found) == 1
        return found[0] if len(found) == 1 else None

    def plain(self, said: str) -> str:
        """Return a path with slashes, as it would be written here."""
        path = said.strip()
        if "\\" in path and not is_file(self.folder / path):
            path = PureWindowsPath(path).as_posix()
        return path.removeprefix("./")

    def is_outside(self, said: str) -> bool:
        """Whether a row names a file outside the folder."""
        try:
            path = (self.folder / self.plain(said)).resolve()
            return not path.is_relative_to(self.folder.resolve())
        except (OSError, ValueError):
            return False


def read_image_rows(
    table: SampleTable, files: FilesInFolder, options: SampleOptions, findings: Findings, given: bool = False
) -> ImageRows:
    """Return the files that the rows of a table name, and say what is missing, empty or not named.

    Where the table was `given` itself, rather than its folder, images that it does not name are nothing to speak of.

    Raises:
        SamplesError: no column of files, a file outside the folder or named twice, none that is there.
    """
    for remark in table.remarks:
        findings.note(remark)
    column = options.file or file_column(table) or required_column("file", table.columns, None, table.path)
    label, group = _other_columns(table, column, options)
    required = {column, *([label] if label else [])}
    _check_columns(table, required)
    finder = _Finder(table.path.parent, files)
    found = _found(table, column, finder, findings)
    said = {} if label is None else {row: plain_label(table.rows[row][1].get(label), table.place(row)) for row in found}
    found = _each_once(table, found, said)
    if not given:
        _say_what_is_not_named(table, files, found, findings)
    if finder.elsewhere:
        findings.note(f"{table.path.name} names files without their folder or suffix: found by name")
    unlabelled = [found[row] for row, text in said.items() if text is None and row in found]
    if unlabelled and len(unlabelled) < len(found):
        if findings.strict:
            findings.leave_out(unlabelled, "have no label")
        findings.note(f"{plural(len(unlabelled), 'images')} without a label: {some(unlabelled)}")
    if label is not None and len(unlabelled) < len(found):
        findings.labels_from = table.path.name + ("" if label == "label" else f", column {label!r}")
    rows = list(found)
    groups = tuple(_group(table.rows[row][1].get(group), found[row]) for row in rows) if group else ()
    return ImageRows(
        tuple(found[row] for row in rows),
        tuple(said[row] for row in rows) if label is not None else (),
        groups,
        tuple(table.place(row) for row in rows),
    )


def _other_columns(table: SampleTable, file: str, options: SampleOptions) -> tuple[str | None, str | None]:
    others = [column for column in table.columns if column != file]
    label = find_column("label", others, options.label, table.path, file)
    if label is None and len(others) == 1 and file in table.columns:
        label = others[0]
    return label, find_column("group", others, options.group, table.path, file)


def _check_columns(table: SampleTable, required: set[str]) -> None:
    missing = sorted(required - set(table.columns))
    if missing:
        raise SamplesError(f"{table.path}: got columns {list(table.columns)}, needed is {missing[0]!r}")


def _found(table: SampleTable, column: str, finder: _Finder, findings: Findings) -> dict[int, str]:
    """Return the file of each row that has one, and say which are missing."""
    if not table.rows:
        raise SamplesError(f"{table.path}: has no rows: name an image file in each")
    found, missing = {}, []
    for row, value in enumerate(table.values(column)):
        said = "" if value is None else str(value)
        file = finder.find(said)
        # the same name may lie inside; a path of another machine, not one with dots, is taken for it
        elsewhere = file not in (None, finder.plain(said)) and ".." not in PurePosixPath(finder.plain(said)).parts
        if not elsewhere and finder.is_outside(said):
            raise SamplesError(f"{table.place(row)}: {said!r} lies outside the folder: name files inside it")
        if file is None:
            missing.append(said or f"line {table.rows[row][0]} names none")
        else:
            found[row] = file
    total = plural(len(table.rows), "files")
    if missing and not found:
        raise SamplesError(f"{table.path}: names {total}, and none is there: {some(missing)}")
    subject = f"{len(missing):,} of {total} that {table.path.name} names"
    findings.leave_out(missing, "is missing" if len(missing) == 1 else "are missing", subject)
    return found


def _each_once(table: SampleTable, found: dict[int, str], said: dict[int, str | None]) -> dict[int, str]:
    """Return the rows without those that say the same again."""
    first: dict[str, int] = {}
    for row, file in found.items():
        before = first.setdefault(file, row)
        if said.get(before) != said.get(row):
            raise SamplesError(f"{table.path}: {file} stands there twice, with other labels: name each file once")
    return {row: file for file, row in first.items()}


def _say_what_is_not_named(table: SampleTable, files: FilesInFolder, found: dict[int, str], findings: Findings) -> None:
    named = set(found.values())
    others = [image for image in files.images if image not in named]
    findings.leave_out(others, f"names {len(named):,} of {plural(len(files.images), 'images')}", table.path.name)
    FilesInFolder(files.images, tuple(set(files.other_pictures) - named), files.hidden).say(findings)


def _group(value: Any, file: str) -> str:
    return file if value is None or value == "" else str(value)
