"""Shapes that a file of others names: checked before anything is multiplied or reserved."""

from collections.abc import Sequence
from typing import Any

__all__ = ["element_count"]

_MOST_DIMENSIONS = 32  # of NumPy before 2.0
_MOST_ELEMENTS = 1 << 48


def element_count(shape: Sequence[Any]) -> int:
    """Return how many elements an array of a shape has.

    Raises:
        ValueError: more than 32 dimensions, what is no whole number from 0, a product that no memory holds (that of
            the other dimensions where one is 0).

    >>> element_count([2, 3, 4]), element_count([])
    (24, 1)
    >>> element_count([2**40, 2**40])
    Traceback (most recent call last):
    ValueError: got a shape of more than 2**48 elements
    """
    if len(shape) > _MOST_DIMENSIONS:
        raise ValueError(f"got {len(shape):,} dimensions, allowed are {_MOST_DIMENSIONS}")
    count = 1
    for length in shape:
        if type(length) is not int or length < 0:
            raise ValueError(f"got length {str(length)[:40]} in a shape, allowed are whole numbers from 0")
        count *= max(1, length)
        if count > _MOST_ELEMENTS:
            raise ValueError("got a shape of more than 2**48 elements")
    return 0 if 0 in shape else count
