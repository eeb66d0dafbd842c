"""Whether the rows of a batch may be answered one by one: proven on the model, since shapes alone do not tell.

A first axis may be time (recurrent layers), one of two sets that are compared with each other, or that of a state.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import onnxruntime

from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.inputs.tensor_specs import TensorSpec
from compsel.models.graph_session import open_session
from compsel.models.model import Model

__all__ = ["has_independent_rows"]

_ROWS = 3
_MOST_ERROR = 1e-3
_FACTORS = (1000.0, -1000.0, 1.0)
Feeds = Mapping[str, np.ndarray]


def has_independent_rows(model: Model, samples: Samples) -> bool:
    """Run a batch as a whole and row by row: tell whether every output has a row for each, with the same numbers.

    False where an input or output has no open first axis, or no batch can be made of the samples.

    Raises:
        ModelError: it does not load.

    >>> from compsel.inputs.samples import ArraySamples
    >>> from compsel.networks import build
    >>> images = np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3), np.uint8)
    >>> has_independent_rows(build("mobilenet-v1", width=0.25, resolution=32), ArraySamples(list(images)))
    True
    """
    specs = (*model.inputs, *model.outputs)
    if not model.inputs or not all(_has_open_rows(spec) for spec in specs):
        return False
    batch = _batch(feeds_of(model, sample.value) for sample in samples.spread(_ROWS))
    if batch is None:
        return False
    session = open_session(model.proto)
    return all(_answers_alike(session, one) for one in (batch, _stretched(batch)))


def _answers_alike(session: onnxruntime.InferenceSession, batch: Feeds) -> bool:
    """Whether a batch and its rows one by one give the same."""
    rows = len(next(iter(batch.values())))
    try:
        whole = session.run(None, dict(batch))
        parts = [
            session.run(None, {name: value[row : row + 1] for name, value in batch.items()}) for row in range(rows)
        ]
    except Exception:  # ONNX Runtime's exceptions have no common base: a model that takes no such batch
        return False
    return all(_same(want, [part[index] for part in parts]) for index, want in enumerate(whole))


def _has_open_rows(spec: TensorSpec) -> bool:
    return spec.dtype != "other" and bool(spec.shape) and spec.shape is not None and spec.shape[0] is None


def _batch(feeds: Iterable[Feeds]) -> Feeds | None:
    """Return rows of several samples of one form, or those of one sample and others made of it; None without any."""
    given = list(feeds)
    alike = [feed for feed in given if _form(feed) == _form(given[0])]
    if len(alike) == 1:
        alike = [given[0], {name: _shifted(value) for name, value in given[0].items()}]
    if len({len(value) for feed in alike for value in feed.values()}) != 1 or not len(next(iter(alike[0].values()))):
        return None
    return {name: np.concatenate([feed[name] for feed in alike]) for name in alike[0]}


def _stretched(batch: Feeds) -> Feeds:
    """Return the batch with rows of very different sizes: some graphs mix rows for large numbers only."""
    factors = np.resize(_FACTORS, len(next(iter(batch.values()))))
    return {
        name: (value * factors.reshape(-1, *(1,) * (value.ndim - 1))).astype(value.dtype)
        if value.dtype.kind == "f"
        else value
        for name, value in batch.items()
    }


def _form(feed: Feeds) -> Sequence[tuple[str, tuple[int, ...], np.dtype]]:
    return [(name, value.shape, value.dtype) for name, value in sorted(feed.items())]


def _shifted(value: np.ndarray) -> np.ndarray:
    return np.roll(value, 1, axis=-1) if value.ndim > 1 else value


def _same(whole: object, parts: Sequence[object]) -> bool:
    if not isinstance(whole, np.ndarray) or not all(isinstance(part, np.ndarray) for part in parts):
        return False
    arrays = list(_arrays(parts))
    if whole.ndim == 0 or len(whole) != len(arrays) or any(part.shape != (1, *whole.shape[1:]) for part in arrays):
        return False
    joined = np.concatenate(arrays)
    if joined.dtype != whole.dtype:
        return False
    if whole.dtype.kind != "f":
        return bool(np.array_equal(joined, whole))
    finite = np.isfinite(whole)
    if not np.array_equal(finite, np.isfinite(joined)):
        return False
    largest = np.abs(whole[finite]).max(initial=0.0)
    return bool(np.abs(joined[finite] - whole[finite]).max(initial=0.0) <= _MOST_ERROR * largest)


def _arrays(parts: Iterable[object]) -> Iterator[np.ndarray]:
    return (part for part in parts if isinstance(part, np.ndarray))
