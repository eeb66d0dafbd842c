"""Pack integers of any width up to 8 bits into bytes, in the form that graphs unpack with standard operators."""

import numpy as np

__all__ = ["pack", "plane_widths"]


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
