"""Whether a table holds texts or names image files."""

from pathlib import Path

from compsel.errors import SamplesError
from compsel.inputs.samples.image_table import file_column, looks_like_image
from compsel.inputs.samples.tables import TABLE_SUFFIXES, SampleTable, read_table
from compsel.inputs.samples.text_table import text_column
from compsel.storage.paths import is_file

__all__ = ["is_table", "names_images", "table_holds"]

_TRIED_ROWS = 20


def is_table(path: Path) -> bool:
    """Whether a path is that of a table, there or not."""
    return path.suffix.lower() in TABLE_SUFFIXES and not path.is_dir()


def table_holds(path: Path) -> frozenset[str]:
    """Return "text", "image" or both: what a table may hold; "text" too where it cannot be read, which opening tells.

    >>> sorted(table_holds(Path("absent.csv")))
    ['text']
    """
    try:
        table = read_table(path)
    except SamplesError:
        return frozenset({"text"})
    images = names_images(table)
    texts = _has_texts(table, images)
    return frozenset({*(["image"] if images else []), *(["text"] if texts or not images else [])})


def names_images(table: SampleTable) -> bool:
    """Whether the column of files is called so, or one of its first fields looks like an image's path or is one."""
    try:
        column = file_column(table)
    except SamplesError:
        return True  # several columns could be it, which opening tells
    if column is None:
        return False
    said = [str(value).strip() for value in table.values(column)[:_TRIED_ROWS] if value]
    return column == "file" or any(looks_like_image(name) or is_file(table.path.parent / name) for name in said)


def _has_texts(table: SampleTable, images: bool) -> bool:
    try:
        column = text_column(table)
        return column is not None and not (images and column == file_column(table))
    except SamplesError:
        return True
