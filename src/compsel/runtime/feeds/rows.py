"""Several inputs at once: given as the rows of tensors, or one by one; and which of them one inference can answer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from compsel.processors.run_options import FeedsWithOptions
from compsel.variants.engine import Engine

__all__ = ["Rows", "TensorRows", "ValueRows"]

Feeds = Mapping[str, Any]


class Rows(Protocol):
    """Inputs, by number."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def value(self, row: int) -> Any:
        """Return one of them, as a call would be given it."""
        ...

    def batches(self, engine: Engine, rows: Sequence[int]) -> Iterator[tuple[list[int], Feeds]]:
        """Give what an engine has to be fed for some of them: which ones, and their tensors.

        Several at once only where the engine's variant was proven to give the same for each.
        """
        ...


class TensorRows:
    """The rows of tensors that all have as many.

    Args:
        feed: the tensors by name; options of the call that come with them hold for every part.

    >>> rows = TensorRows({"x": np.arange(6).reshape(3, 2)})
    >>> len(rows), rows.value(2)
    (3, {'x': array([[4, 5]])})
    """

    def __init__(self, feed: Mapping[str, np.ndarray]) -> None:
        self._feed = feed
        self._count = len(next(iter(feed.values())))

    def __len__(self) -> int:
        return self._count

    def value(self, row: int) -> dict[str, np.ndarray]:
        """Return the tensors of one row."""
        return self._part({name: tensor[row : row + 1] for name, tensor in self._feed.items()})

    def batches(self, engine: Engine, rows: Sequence[int]) -> Iterator[tuple[list[int], Feeds]]:
        """Give all of the rows at once where they are independent."""
        if not engine.variant.independent_rows:
            for row in rows:
                yield [row], engine.prepare(self.value(row))
        elif len(rows) == self._count:
            yield list(rows), engine.prepare(self._feed)
        else:
            yield list(rows), engine.prepare(self._part({name: tensor[rows] for name, tensor in self._feed.items()}))

    def _part(self, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        given = self._feed
        return FeedsWithOptions(tensors, given.run_options) if isinstance(given, FeedsWithOptions) else tensors


class ValueRows:
    """Values of a modality, or tensors by name, each of one input.

    Args:
        values: what `Modality.decode` gives, or tensors.

    >>> ValueRows(["a text", "another one"]).value(1)
    'another one'
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def value(self, row: int) -> Any:
        """Return one of the values."""
        return self._values[row]

    def batches(self, engine: Engine, rows: Sequence[int]) -> Iterator[tuple[list[int], Feeds]]:
        """Give those at once whose tensors have the same form, where rows are independent and the graph takes several.

        Raises:
            InputError: not an input of this model.
        """
        together: dict[Any, list[tuple[int, Feeds]]] = {}
        takes_several = engine.variant.independent_rows and all(
            spec.shape is not None and spec.shape[:1] == (None,) for spec in engine.session.inputs
        )
        for row in rows:
            feeds = engine.prepare(self._values[row])
            form = _form(feeds) if takes_several else None
            if form is None:
                yield [row], feeds
            else:
                together.setdefault(form, []).append((row, feeds))
        for alike in together.values():
            some = [feeds for _, feeds in alike]
            stacked = {name: np.concatenate([feeds[name] for feeds in some]) for name in some[0]}
            yield [row for row, _ in alike], some[0] if len(some) == 1 else stacked


def _form(feeds: Feeds) -> tuple[Any, ...] | None:
    """Return names, element types and shapes of the tensors of one input; None where they are not."""
    if not all(isinstance(tensor, np.ndarray) and tensor.shape[:1] == (1,) for tensor in feeds.values()):
        return None
    return tuple(sorted((name, tensor.dtype.str, tensor.shape) for name, tensor in feeds.items()))
