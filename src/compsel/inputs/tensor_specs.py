"""Specifications of a model's inputs and outputs (name, element type, shape), and the check of feeds against them."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from compsel.errors import InputError
from compsel.values import dataclass

__all__ = ["TensorSpec", "check_feeds", "check_numbers", "element_name", "holds_nan"]

_HALF = np.dtype(np.float16)
_INFINITE, _MINUS_INFINITE = 0x7C00, 0xFC00  # the bits of float16


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, element type and shape of an input or an output.

    Attributes:
        name: the name in the graph.
        dtype: numpy name of the element type ("float32", "int64", ...), "string", or "other" (sequences, maps).
        shape: one entry an axis: a length, or None where any length is allowed; None when the rank is open.

    >>> spec = TensorSpec("input", "float32", (None, 3, 224, 224))
    >>> spec.check(np.zeros((1, 3, 224, 224), np.float32))
    >>> spec.check(np.zeros((1, 3, 200, 224), np.float32))
    Traceback (most recent call last):
    compsel.errors.InputError: input 'input': got shape (1, 3, 200, 224), allowed is (any, 3, 224, 224)
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None

    @property
    def type(self) -> str:
        """The element type as ONNX Runtime writes it, for example "tensor(float)"."""
        names = {"float32": "float", "float64": "double"}
        return "other" if self.dtype == "other" else f"tensor({names.get(self.dtype, self.dtype)})"

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Read the JSON form.

        Raises:
            ValueError, LookupError, TypeError: content that is no specification.
        """
        name, dtype, shape = content["name"], content["dtype"], content["shape"]
        if not (isinstance(name, str) and isinstance(dtype, str)):
            raise TypeError(f"tensor: got name {name!r}, dtype {dtype!r}, allowed are texts")
        if shape is not None and not all(axis is None or (type(axis) is int and axis >= 0) for axis in shape):
            raise ValueError(f"tensor {name!r}: got shape {shape!r}, allowed are lengths, and null where one is open")
        return cls(name, dtype, None if shape is None else tuple(shape))

    def check(self, value: np.ndarray) -> None:
        """Raise InputError unless `value` has the dtype and shape of this specification and holds no NaN."""
        self.check_form(value)
        if self.dtype != "other":
            check_numbers({self.name: value})

    def check_form(self, value: np.ndarray) -> None:
        """Raise InputError unless `value` has the dtype and shape of this specification."""
        if self.dtype == "other":
            return
        if not isinstance(value, np.ndarray):
            raise InputError(f"input {self.name!r}: got {type(value).__name__}, allowed is a numpy array")
        got = element_name(value.dtype)
        if got != self.dtype:
            raise InputError(f"input {self.name!r}: got dtype {got}, allowed is {self.dtype}")
        if not self.allows_shape(value.shape):
            raise InputError(f"input {self.name!r}: got shape {value.shape}, allowed is {self.shape_words}")

    @property
    def shape_words(self) -> str:
        """The shape as messages show it, for example "(any, 3)"."""
        return f"({', '.join('any' if axis is None else str(axis) for axis in self.shape or ())})"

    def allows_shape(self, shape: tuple[int, ...]) -> bool:
        """Tell whether a tensor may have this shape."""
        return self.shape is None or (
            len(shape) == len(self.shape)
            and all(want is None or want == have for want, have in zip(self.shape, shape, strict=True))
        )


def element_name(dtype: np.dtype[Any]) -> str:
    """Return the name of an element type as specifications have it: objects, texts and plain bytes are strings.

    >>> element_name(np.dtype("<U3")), element_name(np.dtype("V2")), element_name(np.dtype(np.float32))
    ('string', 'string', 'float32')
    """
    return "string" if dtype.kind in "OUS" or dtype.type is np.void else dtype.name


def holds_nan(value: Any) -> bool:
    """Tell whether a value is an array with NaN in it.

    >>> holds_nan(np.float32([1, np.nan])), holds_nan(np.float32([np.inf, -np.inf])), holds_nan([np.nan])
    (True, False, False)
    """
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or not value.size:
        return False
    if not value.flags.c_contiguous:
        value = value.ravel("K")  # as it lies in memory: `argmax` would copy what has its axes swapped
    if value.dtype == _HALF:
        # processors have no such numbers: as integers, those beyond the infinities of either sign are NaN
        signed, unsigned = value.view(np.int16), value.view(np.uint16)
        return bool(signed.item(signed.argmax()) > _INFINITE or unsigned.item(unsigned.argmax()) > _MINUS_INFINITE)
    # NaN counts as the largest; of all that finds it in one pass this touches the least memory: after an inference that
    # is out of the caches
    largest = value.item(value.argmax())
    return bool(largest != largest)


def check_numbers(feeds: Mapping[str, Any]) -> None:
    """Raise InputError where an array holds NaN.

    >>> check_numbers({"x": np.float32([np.nan])})
    Traceback (most recent call last):
    compsel.errors.InputError: input 'x': got NaN, allowed are numbers: check what made it
    """
    for name, value in feeds.items():
        if holds_nan(value):
            raise InputError(f"input {name!r}: got NaN, allowed are numbers: check what made it")


def check_feeds(specs: Sequence[TensorSpec], feeds: Mapping[str, np.ndarray]) -> None:
    """Raise InputError unless `feeds` has exactly the inputs of `specs`, each as specified."""
    names = {spec.name for spec in specs}
    if feeds.keys() != names:
        raise InputError(f"got inputs {sorted(feeds)}, allowed are exactly {sorted(names)}")
    for spec in specs:
        spec.check(feeds[spec.name])
