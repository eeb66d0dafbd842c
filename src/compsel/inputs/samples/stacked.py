"""Arrays with a sample a row: `(X, y)`, a dict of arrays, an `.npz` or `.npy` file."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import SamplesError
from compsel.inputs.images.decoding import decode
from compsel.inputs.sample_options import DEFAULT_SAMPLE_OPTIONS, SampleOptions
from compsel.inputs.samples.arrays import ArraySamples
from compsel.inputs.samples.columns import find_column
from compsel.inputs.samples.findings import Findings, some
from compsel.inputs.samples.labels_in_memory import read_answers
from compsel.inputs.samples.npz import read_npy, read_npz
from compsel.inputs.samples.values import as_array, as_value, is_picture
from compsel.storage.paths import is_file
from compsel.storage.sizes import MOST_FIELDS

__all__ = ["is_stacked", "open_array_file", "stacked_pair", "stacked_samples"]

_INPUT_WORDS = frozenset(
    ["x", "data", "images", "image", "inputs", "input", "features", "samples", "arr_0", "texts", "text", "sentences"]
)
_ANSWER_WORDS = frozenset(["y", "label", "labels", "target", "targets", "class", "classes", "arr_1"])
_LABEL_WORDS = frozenset(("y", "label", "labels", "arr_1"))
# parts of a data set, the one that judges models first
_PARTS = ("test", "val", "valid", "validation", "train")
_IMAGE_CHANNELS = (1, 3, 4)
_IMAGE_RANKS = (3, 4)  # with the axis of samples
_LEAST_SIDE = 8  # pixels


def open_array_file(
    path: Path, options: SampleOptions = DEFAULT_SAMPLE_OPTIONS, *, images: bool = True
) -> ArraySamples:
    """Open an `.npz` of stacked arrays, or an `.npy` with inputs alone; see `stacked_samples`.

    Raises:
        SamplesError: no such file, a damaged one, arrays of other lengths.
    """
    if not is_file(path):
        raise SamplesError(f"{path}: no such file: give an .npz or .npy with a sample a row")
    if path.suffix.lower() == ".npy":
        return stacked_pair(read_npy(path), None, path.name, options, images=images)
    return stacked_samples(read_npz(path), path.name, options, images=images)


def is_stacked(path: Path) -> bool:
    """Whether the labels in an archive are many, so that it holds a sample a row, not one sample."""
    try:
        labels = read_npz(path, lambda name: _word(name) in _LABEL_WORDS)
        return any(array.size > 1 for array in labels.values())
    except SamplesError:
        return False


def stacked_samples(
    arrays: Mapping[str, Any], source: str, options: SampleOptions = DEFAULT_SAMPLE_OPTIONS, *, images: bool = True
) -> ArraySamples:
    """Make samples of arrays by name, whose first axis counts the samples.

    An array that is called y, label, target or so holds the labels; one that is called x, data, images or so the
    inputs, for a model with one input of any name; others are the model's inputs of that name. Of arrays for training
    and test (`x_train`, `x_test`) those for test are taken.

    Args:
        arrays: by name.
        source: in messages.
        options: `label` names the array of labels.
        images: whether bytes that have the shape of images are images.

    Raises:
        SamplesError: arrays of other lengths, or none for the inputs.

    >>> stacked_samples({"x_test": np.zeros((2, 5)), "y_test": [1, 0]}, "digits").labels
    (1, 0)
    """
    findings = Findings(options.strict)
    arrays = _part(arrays, source, findings)
    label = options.label or _called(arrays, _ANSWER_WORDS, "label", source)
    if label is not None and label not in arrays:
        raise SamplesError(f"{source}: got arrays {list(arrays)}, needed is {label!r}")
    group = options.group or find_column("group", list(arrays), None, source)
    given = {name: array for name, array in arrays.items() if name not in (label, group)}
    answers = None if label is None else arrays[label]
    groups = None if group is None else [str(one) for one in np.asarray(arrays[group]).tolist()]
    if len(given) == 1 and _word(next(iter(given))) in _INPUT_WORDS:
        return _stacked(next(iter(given.values())), answers, (source, groups), options, findings, images=images)
    inputs = {name: as_array(array) for name, array in given.items()}
    if not inputs:
        raise SamplesError(f"{source}: got arrays {list(arrays)}, and none for the inputs: name one x")
    lengths = {name: len(array) if array.ndim else 0 for name, array in inputs.items()}
    if len({*lengths.values()}) > 1:
        raise SamplesError(f"{source}: the first axis counts samples, and is of other lengths: {lengths}")
    _check_rows(source, max(lengths.values()))
    # a model's own inputs keep the axis of the batch
    rows = [{name: array[i : i + 1] for name, array in inputs.items()} for i in range(next(iter(lengths.values())))]
    return _with_answers(rows, answers, (source, groups), options, findings)


def stacked_pair(
    inputs: Any,
    answers: Sequence[Any] | None,
    source: str = "y",
    options: SampleOptions = DEFAULT_SAMPLE_OPTIONS,
    *,
    images: bool = True,
) -> ArraySamples:
    """Make samples of inputs and, where there are any, labels or targets: a row each.

    Raises:
        SamplesError: other numbers of labels than of inputs.

    >>> stacked_pair(np.zeros((3, 32, 32, 3), np.uint8), ["cat", "ant", "cat"]).description
    '3 images of 2 classes, 1 to 2 each; labels from y'
    """
    return _stacked(inputs, answers, (source, None), options, Findings(options.strict), images=images)


def _stacked(
    inputs: Any,
    answers: Sequence[Any] | None,
    source: tuple[str, Sequence[str] | None],
    options: SampleOptions,
    findings: Findings,
    *,
    images: bool,
) -> ArraySamples:
    if _are_single(inputs):
        values = [as_value(one) for one in inputs]
        if images and all(isinstance(value, np.ndarray) and _are_images(value[None]) for value in values):
            findings.noun = "images"
            values = [decode(image) for image in values]
        return _with_answers(values, answers, source, options, findings)
    array = as_array(inputs)
    if not array.ndim:
        raise SamplesError(f"{source[0]}: got one number for the inputs, needed is an array with a sample a row")
    _check_rows(source[0], len(array))
    rows: list[Any] = list(array)
    if array.dtype.kind in "US":
        findings.noun = "texts"
        rows = [str(text) for text in array.reshape(len(array)).tolist()]
    elif images and _are_images(array):
        findings.noun = "images"
        rows = [decode(image) for image in array]
    return _with_answers(rows, answers, source, options, findings)


def _with_answers(
    rows: Sequence[Any],
    answers: Sequence[Any] | None,
    source: tuple[str, Sequence[str] | None],
    options: SampleOptions,
    findings: Findings,
) -> ArraySamples:
    name, groups = source
    if not len(rows):
        raise SamplesError(f"{name}: has no samples: the first axis counts them")
    if answers is None:
        return ArraySamples(rows, groups=groups, findings=findings)
    if len(answers) != len(rows):
        raise SamplesError(f"{name}: got {len(rows)} inputs and {len(answers)} labels: give one of each")
    read = read_answers(list(answers), name, options, findings)
    return ArraySamples(rows, read.classes, groups=groups, targets=read.targets, findings=findings)


def _check_rows(source: str, count: int) -> None:
    if count > MOST_FIELDS:
        raise SamplesError(f"{source}: has {count:,} samples, allowed are {MOST_FIELDS:,}: give a part of them")


def _are_single(inputs: Any) -> bool:
    """Whether inputs are no rows of one array: files, pictures, or arrays of different shapes."""
    listed = isinstance(inputs, (list, tuple)) or (isinstance(inputs, np.ndarray) and inputs.dtype == object)
    if not listed or not len(inputs):
        return False
    if isinstance(inputs[0], (bytes, bytearray, memoryview)) or is_picture(inputs[0]):
        return True
    return len({np.shape(one) for one in inputs if hasattr(one, "shape")}) > 1


def _are_images(array: np.ndarray) -> bool:
    """Whether an array is one of bytes in the shape of images: (n, height, width), or with channels at the end."""
    return (
        array.dtype == np.uint8
        and array.ndim in _IMAGE_RANKS
        and min(array.shape[1:3]) >= _LEAST_SIDE
        and (array.ndim == _IMAGE_RANKS[0] or array.shape[3] in _IMAGE_CHANNELS)
    )


def _part(arrays: Mapping[str, Any], source: str, findings: Findings) -> dict[str, Any]:
    """Return the arrays of one part of a data set, and say which."""
    of_part = {part: [name for name in arrays if _word(name, part) is not None] for part in _PARTS}
    present = [part for part in _PARTS if of_part[part]]
    if not present:
        return dict(arrays)
    kept = of_part[present[0]]
    left = [name for name in arrays if name not in kept]
    if left:
        findings.note(
            f"{source}: the samples are {some(kept)}; {some(left)} {'is' if len(left) == 1 else 'are'} not used"
        )
    return {name: arrays[name] for name in kept}


def _word(name: str, part: str | None = None) -> str | None:
    """Return the name of an array without the part of the data set that it is of; None where it is not of `part`."""
    words = [word for word in re.split(r"[_\-. ]+", name.casefold()) if word]
    if part is not None:
        return "_".join(word for word in words if word != part) if part in words and len(words) > 1 else None
    return "_".join(word for word in words if word not in _PARTS) or name.casefold()


def _called(arrays: Mapping[str, Any], words: frozenset[str], kind: str, source: str) -> str | None:
    found = [name for name in arrays if _word(name) in words]
    if len(found) > 1:
        raise SamplesError(
            f"{source}: arrays {' and '.join(map(repr, found))} both hold the {kind}s: name one: --{kind} {found[0]}"
        )
    return found[0] if found else None
