"""Whole numbers of any width up to 8 bits in as few bytes: the codec that graphs unpack with standard operators."""

import numpy as np

__all__ = ["pack", "plane_widths", "unpack"]


def plane_widths(bits: int) -> tuple[int, ...]:
    """Return the widths of the planes that numbers of `bits` bits are stored in: powers of two, so that bytes are full.

    >>> plane_widths(6), plane_widths(7), plane_widths(8)
    ((4, 2), (4, 2, 1), (8,))
    """
    return tuple(width for width in (8, 4, 2, 1) if bits & width)


def pack(codes: np.ndarray, bits: int) -> list[np.ndarray]:
    """Return the planes of numbers below 2 ** bits; the lowest bits are in the first plane.

    Args:
        codes: uint8 (n,).
        bits: 1 to 8.

    Returns:
        for each width of `plane_widths`, uint8 (bytes,); the first number lies in the lowest bits of the first byte.

    >>> [plane.tolist() for plane in pack(np.array([1, 2, 33], np.uint8), 6)]
    [[33, 1], [32]]
    """
    planes, shift = [], 0
    for width in plane_widths(bits):
        per_byte = 8 // width
        plane = np.zeros(-(-len(codes) // per_byte), np.uint8)
        # what stands at the same place of its byte, one place after the other
        for index in range(per_byte):
            part = (codes[index::per_byte] >> shift) & (2**width - 1)
            plane[: len(part)] |= part << (index * width)
        planes.append(plane)
        shift += width
    return planes


def unpack(planes: list[np.ndarray], bits: int, count: int) -> np.ndarray:
    """Return the numbers that `pack` was given, uint8 (count,).

    >>> unpack(pack(np.array([5, 0, 7], np.uint8), 3), 3, 3)
    array([5, 0, 7], dtype=uint8)
    """
    codes, shift = np.zeros(count, np.uint8), 0
    for width, plane in zip(plane_widths(bits), planes, strict=True):
        shifts = np.arange(0, 8, width, dtype=np.uint8)
        part = (plane[:, None] >> shifts) & np.uint8(2**width - 1)
        codes |= part.reshape(-1)[:count] << np.uint8(shift)
        shift += width
    return codes
