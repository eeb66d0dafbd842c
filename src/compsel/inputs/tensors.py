"""The tensors modality: a model's own inputs by name, for models without preprocessing."""

import itertools
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compsel.errors import InputError, SamplesError
from compsel.inputs.modality import Modality, ModelLike
from compsel.inputs.sample_options import DEFAULT_SAMPLE_OPTIONS, SampleOptions
from compsel.inputs.tensor_specs import TensorSpec

if TYPE_CHECKING:
    from compsel.inputs.samples import Samples

__all__ = ["TENSORS", "TensorModality", "open_axes"]

# lengths of open axes: tokens, small images, then signals; the same for all inputs first, then each input its own
_LENGTHS = (8, 32, 1, 256, 512, 4096)
_OWN_LENGTHS = (1, 8, 256, 512)
_MOST_TRIES = 40
_ARRAY_SUFFIXES = (".npz", ".npy")
_MOST_SCALE, _BISECTIONS = 2**20, 50


class TensorModality(Modality):
    """Named tensors, for every model; an array without a name is that of a model with one input.

    >>> TENSORS.size({"tokens": np.zeros((1, 12), np.int64), "mask": np.ones((1, 12), np.int64)})
    24.0
    """

    name = "tensors"
    unit = "elements"
    preprocessing = None

    def takes(self, model: ModelLike) -> bool:
        """Whether a model takes tensors: each does, whatever else it takes."""
        return True

    def decode(self, source: Any) -> dict[str, np.ndarray] | np.ndarray:
        """Return tensors as they are, named or not, and those of an `.npz` file without label and target."""
        if isinstance(source, np.ndarray):
            return source
        if isinstance(source, Mapping):
            return source if isinstance(source, dict) else dict(source)
        if isinstance(source, (str, os.PathLike)):
            from compsel.inputs.samples.tensor_folder import read_tensors  # the runtime is rarely given such a file

            try:
                return read_tensors(Path(source))
            except SamplesError as error:
                raise InputError(str(error)) from error
        raise InputError(f"tensors: got {type(source).__name__}, allowed are tensors by name, or the path of an .npz")

    def _size(self, value: Mapping[str, np.ndarray] | np.ndarray, model: ModelLike | None) -> float:
        if isinstance(value, np.ndarray):
            return value.size
        return sum(map(_elements, value.values()))

    def resized(
        self, value: Mapping[str, np.ndarray] | np.ndarray, size: float, model: ModelLike | None = None
    ) -> dict[str, np.ndarray] | np.ndarray:
        """Return the tensors with open axes cut, or repeated, all by the same factor: equal lengths stay equal.

        The first axis, the batch, stays. Without a model every other axis counts as open.
        """
        if isinstance(value, np.ndarray):
            if model is None or len(model.inputs) != 1:
                return value
            return self.resized(self._feeds(model, value), size, model)
        arrays = {name: np.asarray(array) for name, array in value.items() if not _is_structure(array)}
        others = {name: part for name, part in value.items() if name not in arrays}
        axes = {name: tuple(range(1, array.ndim)) for name, array in arrays.items()}
        if model is not None:
            axes = {spec.name: open_axes(spec) for spec in model.inputs}
        scale = _scale(arrays, axes, size)
        for name, array in arrays.items():
            for axis in axes.get(name, ()):
                length = array.shape[axis]
                array = np.take(array, np.arange(_scaled(length, scale)) % max(1, length), axis)
            arrays[name] = array
        return {**arrays, **others}

    def largest_size(self, model: ModelLike) -> float | None:
        """Return infinity for a model with open axes behind the batch, else None."""
        return math.inf if any(spec.shape is None or open_axes(spec) for spec in model.inputs) else None

    def _feeds(self, model: ModelLike, value: Any) -> dict[str, np.ndarray]:
        names = [spec.name for spec in model.inputs]
        bytes_only = model.inputs[0].dtype != "uint8" and getattr(value, "dtype", None) == np.uint8
        if isinstance(value, np.ndarray) and len(names) == 1 and not bytes_only:  # those are an image's
            return {names[0]: _batch_of(value, model.inputs[0])}
        do = _what_to_give(model) if isinstance(value, str) else "give tensors by name"
        raise InputError(f"{model.name} takes tensors {names}, got {type(value).__name__}: {do}")

    def synthetic(
        self, model: ModelLike, count: int, refusal: Callable[[Mapping[str, np.ndarray]], str]
    ) -> Sequence[dict[str, np.ndarray]]:
        """Make noise of fitting types; where the model leaves the length of an axis open, lengths are tried."""
        from compsel.inputs.synthetic_feeds import synthetic_feeds  # an app has inputs

        reason = ""
        for lengths in itertools.islice(_candidate_lengths(model.inputs), _MOST_TRIES):
            feeds = [synthetic_feeds(model.inputs, seed, lengths) for seed in range(count)]
            refused = refusal(feeds[0])
            if not refused:
                return feeds
            reason = reason or refused
        raise InputError(f"{model.name!r} does not run on made-up inputs ({reason}): give samples")

    def recognises(self, path: Path) -> bool:
        """Whether a folder has `.npz` files, or a file is one, or an `.npy`."""
        if path.is_dir():
            return any(path.glob("*.npz"))
        return path.suffix.lower() in _ARRAY_SUFFIXES

    def open_samples(self, path: Path, options: SampleOptions = DEFAULT_SAMPLE_OPTIONS) -> "Samples":
        """Open a folder of `.npz` files, or one file of arrays with a sample a row."""
        from compsel.inputs.samples import TensorFolder  # the runtime reads no samples
        from compsel.inputs.samples.stacked import is_stacked, open_array_file

        if path.suffix.lower() in _ARRAY_SUFFIXES and not path.is_dir():
            return open_array_file(path, options)
        files = sorted(path.glob("*.npz")) if path.is_dir() else []
        return (
            open_array_file(files[0], options)
            if len(files) == 1 and is_stacked(files[0])
            else TensorFolder(path, options)
        )


def _is_structure(value: Any) -> bool:
    """Whether a value is a map, or a sequence of tensors or maps."""
    parts = value if isinstance(value, (list, tuple)) else ()
    return isinstance(value, Mapping) or any(isinstance(part, (np.ndarray, Mapping)) for part in parts)


def _elements(value: Any) -> int:
    """Return how many numbers and texts are in a tensor, a sequence or a map."""
    if isinstance(value, Mapping):
        return sum(map(_elements, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(_elements, value))
    return int(np.size(value))


def _what_to_give(model: ModelLike) -> str:
    """Return what to do where a model got a text."""
    from compsel.inputs.images.image_input import image_input

    if image_input(model.inputs) is not None:
        return "it may take pictures: give these, and say how they are prepared, or give tensors by name"
    if all(np.dtype(spec.dtype).kind in "iu" for spec in model.inputs if spec.dtype != "object"):
        return "put its tokenizer.json beside it, or name it"
    return "it takes no tokens: give tensors by name"


def _batch_of(array: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Return an array as the input of a model: with an axis for the batch, where it lacks one, in its type."""
    if spec.shape is not None and array.ndim == len(spec.shape) - 1:
        array = array[None]
    if array.dtype.kind == "f" and spec.dtype in ("float16", "float32", "float64"):
        array = array.astype(spec.dtype, copy=False)
    return array


def _candidate_lengths(inputs: Sequence[TensorSpec]) -> Iterator[dict[str, int]]:
    """Give lengths of the open axes behind the first, by input."""
    names = [spec.name for spec in inputs if None in (spec.shape or ())[1:]]
    if not names:
        yield {}
        return
    yield from (dict.fromkeys(names, length) for length in _LENGTHS)
    if len(names) > 1:
        yield from (dict(zip(names, own, strict=True)) for own in itertools.product(_OWN_LENGTHS, repeat=len(names)))


def open_axes(spec: TensorSpec) -> tuple[int, ...]:
    """Return the axes behind the batch whose length a model leaves open.

    >>> open_axes(TensorSpec("image", "float32", (None, 3, None, None)))
    (2, 3)
    """
    return tuple(number for number, length in enumerate(spec.shape or ()) if number and length is None)


def _scaled(length: int, scale: float) -> int:
    return max(1, round(length * scale)) if length else 0


def _shape(array: np.ndarray, axes: Sequence[int], scale: float) -> list[int]:
    return [_scaled(length, scale) if axis in axes else length for axis, length in enumerate(array.shape)]


def _scale(arrays: Mapping[str, np.ndarray], axes: Mapping[str, Sequence[int]], size: float) -> float:
    """Return by how much open axes have to be scaled for so many elements in all, by bisection."""

    def elements(scale: float) -> int:
        return sum(math.prod(_shape(array, axes.get(name, ()), scale)) for name, array in arrays.items())

    low, high = 0.0, 2.0
    while elements(high) < size and high < _MOST_SCALE:
        high *= 2
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if elements(middle) < size else (low, middle)
    return min(low, high, key=lambda scale: abs(elements(scale) - size))


TENSORS = TensorModality()
