"""Make samples of what people hold in memory: arrays, tables, lists, data sets of other libraries."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import SamplesError
from compsel.inputs.sample_options import DEFAULT_SAMPLE_OPTIONS, SampleOptions
from compsel.inputs.samples.base import Samples
from compsel.inputs.samples.classes import ClassLabels, plain_label
from compsel.inputs.samples.columns import find_column
from compsel.inputs.samples.datasets import from_columns, from_dataset, from_pairs
from compsel.inputs.samples.findings import Findings
from compsel.inputs.samples.image_files import ImageFiles, without_unreadable
from compsel.inputs.samples.image_table import file_column
from compsel.inputs.samples.stacked import stacked_pair, stacked_samples
from compsel.inputs.samples.tables import SampleTable
from compsel.inputs.samples.text_table import TextSamples, text_column
from compsel.storage.paths import is_file

__all__ = ["samples_in_memory"]


def samples_in_memory(source: Any, options: SampleOptions = DEFAULT_SAMPLE_OPTIONS, *, images: bool = True) -> Samples:
    """Make samples of arrays, a table, a data set or an iterable; see `compsel.open_samples`.

    Args:
        source: what holds them.
        options: columns, order of the classes, whether anything may be left out.
        images: whether arrays of bytes that have the shape of images are images.

    Raises:
        SamplesError: something else, or nothing in it.

    >>> samples_in_memory([("hello", "greeting"), ("off!", "lights")]).description
    '2 texts of 2 classes, 1 each; labels from the pairs'
    """
    if isinstance(source, Samples):
        return source
    if hasattr(source, "columns") and hasattr(source, "iloc"):
        return _from_frame(source, options)
    if hasattr(source, "column_names") and hasattr(source, "__getitem__"):
        return from_columns(source, options)
    if isinstance(source, Mapping):
        return _from_mapping(source, options, images=images)
    if isinstance(source, np.ndarray) or hasattr(source, "detach"):
        return stacked_pair(source, None, "the array", options, images=images)
    if isinstance(source, tuple) and len(source) == 2 and all(map(_is_stack, source)):
        if all(isinstance(one, Path) for one in source[0]) and len(source[0]) == len(source[1]):
            return _from_iterable(zip(*source, strict=True), options)
        return stacked_pair(source[0], source[1], "y", options, images=images)
    if hasattr(source, "batch_size") and hasattr(source, "dataset"):  # a loader of torch: its items, one by one
        return from_dataset(source.dataset, options)
    if (
        hasattr(source, "__len__")
        and hasattr(source, "__getitem__")
        and not isinstance(source, (list, tuple, str, bytes))
    ):
        return from_dataset(source, options)
    if isinstance(source, Iterable) and not isinstance(source, (str, bytes)):
        return _from_iterable(source, options)
    raise SamplesError(
        f"samples: got {type(source).__name__}, allowed are a folder or file, (X, y), arrays by name, a DataFrame, a "
        "data set of torch or Hugging Face, and pairs of input and label"
    )


def _is_stack(part: Any) -> bool:
    """Whether this is the inputs, or the labels, of many samples: an array, or a list of no pairs."""
    if isinstance(part, list):
        return not part or not isinstance(part[0], tuple)
    return bool(getattr(part, "shape", ()))


def _from_mapping(source: Mapping[str, Any], options: SampleOptions, *, images: bool) -> Samples:
    if source and all(hasattr(part, "column_names") for part in source.values()):
        raise SamplesError(
            f"samples: got a data set in parts {list(source)}: give the one that the model has not learned from"
        )
    return stacked_samples(source, "the arrays", options, images=images)


def _from_iterable(source: Iterable[Any], options: SampleOptions) -> Samples:
    items = list(source)
    pairs = [item if isinstance(item, tuple) and len(item) == 2 else (item, None) for item in items]
    if pairs and all(isinstance(value, Path) for value, _ in pairs):
        table = SampleTable(
            Path("the paths"),
            ("file", "label"),
            [(number, {"file": str(file), "label": label}) for number, (file, label) in enumerate(pairs, start=1)],
        )
        return _files_of(table, "file", options)
    return from_pairs(items, options)


def _from_frame(frame: Any, options: SampleOptions) -> Samples:
    """Make samples of a DataFrame: of texts, of paths of images, or else of its numbers, a row each."""
    columns = [str(column) for column in frame.columns]
    content = dict(zip(columns, (frame[column].tolist() for column in frame.columns), strict=True))
    rows = [dict(zip(columns, fields, strict=True)) for fields in zip(*content.values(), strict=True)]
    table = SampleTable(Path("the table"), tuple(columns), list(enumerate(rows, start=1)))
    if (
        options.text is None
        and (column := options.file or file_column(table)) is not None
        and _holds_paths(table, column)
    ):
        return _files_of(table, column, options)
    if options.text is not None or text_column(table) is not None:
        return TextSamples(table, options)
    label = find_column("label", columns, options.label, table.path)
    group = find_column("group", columns, options.group, table.path)
    numbers = [column for column in columns if column not in (label, group)]
    try:
        inputs = np.array([[row[column] for column in numbers] for row in rows], dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise SamplesError(
            f"{table.path}: got columns {columns}; neither texts nor paths of images, and not all numbers: {error}"
        ) from error
    arrays = {
        "x": inputs,
        **({"label": content[label]} if label else {}),
        **({"group": content[group]} if group else {}),
    }
    return stacked_samples(arrays, "the table", SampleOptions(labels=options.labels, strict=options.strict))


def _holds_paths(table: SampleTable, column: str) -> bool:
    return any(isinstance(value, (str, Path)) and is_file(Path(value)) for value in table.values(column)[:20])


def _files_of(table: SampleTable, column: str, options: SampleOptions) -> ImageFiles:
    """Make samples of image files anywhere: paths count from the working folder."""
    findings = Findings(options.strict, noun="images")
    label = find_column("label", table.columns, options.label, table.path)
    group = find_column("group", table.columns, options.group, table.path)
    files = [str(file) for file in table.values(column)]
    places = without_unreadable(files, Path, findings)
    kept = [files[place] for place in places]
    said = [None if label is None else plain_label(table.rows[place][1][label], table.place(place)) for place in places]
    classes = ClassLabels.read(said, table.path, given=options.labels)
    if classes.order != "none":
        findings.labels_from = str(table.path) if label == "label" else f"column {label!r}"
    groups = None if group is None else [str(table.rows[place][1][group]) for place in places]
    return ImageFiles([Path(file) for file in kept], kept, classes, groups, findings)
