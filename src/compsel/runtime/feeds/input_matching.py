"""Which variants take the tensors that an app gives."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from onnxruntime import OrtValue

from compsel.bundle.bundle import Bundle
from compsel.errors import InputError
from compsel.inputs.tensor_specs import TensorSpec, check_numbers, element_name, holds_nan
from compsel.models.ort_errors import InvalidFeedError, both
from compsel.runtime.feeds.empty_inputs import EmptyInputs
from compsel.variants.variant import Variant

__all__ = ["InputMatcher"]

_MOST_KNOWN = 4096  # forms that are remembered: lengths of texts are many
# ONNX Runtime raises this for what is no tensor
_OF_OBJECTS = both(InvalidFeedError, RuntimeError)
Form = tuple[tuple[str, object, tuple[int, ...] | None], ...]


class InputMatcher:
    """Finds the variants that take exactly these inputs, and remembers them by form.

    Args:
        variants: by name.
        empty: knows which of them take inputs without elements; None: all.

    >>> InputMatcher({}).variants({"x": np.zeros(1)})
    Traceback (most recent call last):
    compsel.models.ort_errors.InvalidFeedError: inputs: got [('x', 'float64', (1,))], this bundle takes nothing
    """

    def __init__(self, variants: Mapping[str, Variant], empty: EmptyInputs | None = None) -> None:
        self._variants, self._empty = variants, empty
        fed = [spec for variant in variants.values() for spec in (*variant.inputs, *variant.defaults)]
        self._specs = {spec.name: spec for spec in reversed(fed)}
        self._known: dict[Form, frozenset[str]] = {}
        self._sets: dict[frozenset[str], frozenset[str]] = {}

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """Return the matcher of a bundle, which refuses what would end the process."""
        return cls(bundle.variants, EmptyInputs(bundle.folder, bundle.files))

    def arrays(self, feed: Mapping[str, Any]) -> dict[str, Any]:
        """Return a feed with an array in the place of each list and each `OrtValue`, as ONNX Runtime makes them.

        Raises:
            InputError: a list that is no array.
        """
        return {name: value if type(value) is np.ndarray else self._array(name, value) for name, value in feed.items()}

    def _array(self, name: str, value: Any) -> Any:
        if isinstance(value, OrtValue):
            from compsel.runtime.feeds.ort_values import as_array  # few apps give them

            return as_array(value)
        if type(value) is not list:
            return value
        spec = self._specs.get(name)
        if spec is None or spec.dtype in ("other", "bfloat16"):
            return value
        try:
            return np.array(value, dtype=object if spec.dtype == "string" else spec.dtype)
        except (TypeError, ValueError, OverflowError) as error:
            raise _OF_OBJECTS(f"input {name!r}: got a list, allowed is an array of {spec.dtype}: {error}") from error

    def variants(self, feed: Mapping[str, Any]) -> frozenset[str]:
        """Return the names of the variants; the same object for feeds of the same form.

        Raises:
            InvalidFeedError: there is none.
        """
        key = tuple([(name, *_key(value)) for name, value in feed.items()])
        found = self._known.get(key)
        if found is None:
            found = frozenset(variant.name for variant in self._variants.values() if _takes(variant, feed))
            if not found:
                takes = sorted({str([(s.name, s.dtype, s.shape) for s in v.inputs]) for v in self._variants.values()})
                got = [(name, *_form(value)) for name, value in feed.items()]
                kind = InvalidFeedError if all(map(_is_tensor, feed.values())) else _OF_OBJECTS
                raise kind(f"inputs: got {got}, this bundle takes {' or '.join(takes) or 'nothing'}")
            if self._empty is not None and self._empty.is_one(feed):
                found = frozenset(name for name in found if self._empty.takes(self._variants[name]))
                if not found:
                    got = [(name, *_form(value)) for name, value in feed.items()]
                    raise InvalidFeedError(
                        f"inputs: got {got}, without elements: ONNX Runtime ends the process on such an input where a "
                        "model has a GRU or an LSTM, as this one: leave it out"
                    )
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = self._known[key] = self._sets.setdefault(found, found)
        return found

    def checked(self, feed: Mapping[str, Any]) -> frozenset[str]:
        """Return the names of the variants that take a feed without NaN.

        Raises:
            InputError: there is none, or there is NaN.
        """
        check_numbers(feed)
        return self.variants(feed)

    def rows(self, given: Mapping[str, Any], *, split: bool) -> tuple[dict[str, Any], list[frozenset[str]]]:
        """Return a feed as ONNX Runtime takes it, and the variants that may run it, or each of its rows.

        Args:
            given: the feed.
            split: whether a batch is answered row by row, where all variants were proven to give the same then.

        Raises:
            InvalidFeedError: no variant takes it.
        """
        feed = self.arrays(given)
        allowed = self.variants(feed)
        rows = self._independent_rows(feed, allowed) if split else 1
        if not any(map(holds_nan, feed.values())):
            return feed, [allowed] * rows
        # compressed variants make numbers of what is none
        uncompressed = self._uncompressed(allowed)
        if rows == 1:
            return feed, [uncompressed]
        holding = [any(holds_nan(value[row : row + 1]) for value in feed.values()) for row in range(rows)]
        return feed, [uncompressed if held else allowed for held in holding]

    def _independent_rows(self, feed: Mapping[str, Any], allowed: frozenset[str]) -> int:
        """Return how many rows a batch has that all of these variants may answer one by one; 1 where they may not."""
        lengths = {len(value) if isinstance(value, np.ndarray) and value.ndim else -1 for value in feed.values()}
        rows = lengths.pop() if len(lengths) == 1 else 1
        return rows if rows > 1 and all(self._variants[name].independent_rows for name in allowed) else 1

    def _uncompressed(self, allowed: frozenset[str]) -> frozenset[str]:
        return frozenset(name for name in allowed if self._variants[name].technique == "none") or allowed


def _is_tensor(value: Any) -> bool:
    return isinstance(value, (np.ndarray, OrtValue))


def _form(value: Any) -> tuple[str, tuple[int, ...] | None]:
    """Return the element type of an array, or else the type of the value, and the shape if there is one."""
    if isinstance(value, np.ndarray):
        return element_name(value.dtype), value.shape
    if isinstance(value, OrtValue):
        return value.data_type(), tuple(value.shape()) if value.is_tensor() else None
    return type(value).__name__, None


def _key(value: Any) -> tuple[object, tuple[int, ...] | None]:
    """Return what `_form` tells apart, found with less: this is on the path of every answer."""
    if type(value) is np.ndarray and value.dtype.kind not in "OUS":
        return value.dtype, value.shape
    return _form(value)


def _takes(variant: Variant, feed: Mapping[str, Any]) -> bool:
    specs = {spec.name: spec for spec in variant.inputs}
    known = {**specs, **{spec.name: spec for spec in variant.defaults}}
    # what is no tensor may be optional, which ONNX Runtime knows
    left_out = all(spec.dtype == "other" for name, spec in specs.items() if name not in feed)
    return left_out and feed.keys() <= known.keys() and all(_fits(known[name], feed[name]) for name in feed)


def _fits(spec: TensorSpec, value: Any) -> bool:
    # ONNX Runtime takes any shape for a scalar
    spec = TensorSpec(spec.name, spec.dtype, spec.shape or None)
    if isinstance(value, OrtValue):
        from compsel.runtime.feeds.ort_values import fits

        return fits(spec, value)
    try:
        spec.check_form(value)
    except InputError:
        return False
    return True
