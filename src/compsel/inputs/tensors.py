"""The tensors modality: a model's own inputs by name, for models without preprocessing."""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compsel.errors import InputError, SamplesError
from compsel.inputs.modality import Modality, ModelLike
from compsel.inputs.synthetic_feeds import synthetic_feeds
from compsel.inputs.tensor_specs import TensorSpec

if TYPE_CHECKING:
    from compsel.inputs.samples import Samples

__all__ = ["TENSORS", "TensorModality"]

# lengths of open axes: tokens, small images, then signals; the same for all inputs first, then each input its own
_LENGTHS = (8, 32, 1, 256, 512, 4096)
_OWN_LENGTHS = (1, 8, 256, 512)
_MOST_TRIES = 40


class TensorModality(Modality):
    """Named tensors, for every model.

    >>> TENSORS.size({"tokens": np.zeros((1, 12), np.int64), "mask": np.ones((1, 12), np.int64)})
    24.0
    """

    name = "tensors"
    preprocessing = None

    def takes(self, model: ModelLike) -> bool:
        """Whether a model takes tensors: each does, whatever else it takes."""
        return True

    def decode(self, source: Any) -> dict[str, np.ndarray]:
        """Return named tensors as they are, and those of an `.npz` file without label and target."""
        if isinstance(source, Mapping):
            return source if isinstance(source, dict) else dict(source)
        if isinstance(source, (str, os.PathLike)):
            from compsel.inputs.samples.tensor_folder import read_tensors  # the runtime is rarely given such a file

            try:
                return read_tensors(Path(source))
            except SamplesError as error:
                raise InputError(str(error)) from error
        raise InputError(f"tensors: got {type(source).__name__}, allowed are tensors by name, or the path of an .npz")

    def _size(self, value: Mapping[str, np.ndarray]) -> float:
        return sum(np.size(array) for array in value.values())

    def _feeds(self, model: ModelLike, value: Any) -> dict[str, np.ndarray]:
        names = [spec.name for spec in model.inputs]
        raise InputError(f"{model.name} takes tensors {names}, got {type(value).__name__}: give tensors by name")

    def synthetic(
        self, model: ModelLike, count: int, refusal: Callable[[Mapping[str, np.ndarray]], str]
    ) -> Sequence[dict[str, np.ndarray]]:
        """Make noise of fitting types; where the model leaves the length of an axis open, lengths are tried."""
        reason = ""
        for lengths in itertools.islice(_candidate_lengths(model.inputs), _MOST_TRIES):
            feeds = [synthetic_feeds(model.inputs, seed, lengths) for seed in range(count)]
            refused = refusal(feeds[0])
            if not refused:
                return feeds
            reason = reason or refused
        raise InputError(f"{model.name!r} does not run on made-up inputs ({reason}): give samples")

    def recognises(self, path: Path) -> bool:
        """Whether a folder has `.npz` files."""
        return path.is_dir() and any(path.glob("*.npz"))

    def open_samples(self, path: Path) -> "Samples":
        """Open a folder of `.npz` files."""
        from compsel.inputs.samples import TensorFolder  # the runtime reads no samples

        return TensorFolder(path)


def _candidate_lengths(inputs: Sequence[TensorSpec]) -> Iterator[dict[str, int]]:
    """Give lengths of the open axes behind the first, by input."""
    names = [spec.name for spec in inputs if None in (spec.shape or ())[1:]]
    if not names:
        yield {}
        return
    yield from (dict.fromkeys(names, length) for length in _LENGTHS)
    if len(names) > 1:
        yield from (dict(zip(names, own, strict=True)) for own in itertools.product(_OWN_LENGTHS, repeat=len(names)))


TENSORS = TensorModality()
