"""Reading an `.npz` that strangers send: how much it unpacks to is known before anything is unpacked."""

import io
import math
import zipfile

import numpy as np
from numpy.lib import format as npy

from compsel.inputs.npz_errors import NPZ_ERRORS
from compsel.serving.request_error import RequestError

__all__ = ["read_npz_bytes"]

_MOST_ARRAYS = 64
# those of NumPy; others are unpacked whole, whatever size the archive names
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BESIDE = ("label", "target")  # what files of samples hold beside the inputs


def read_npz_bytes(data: bytes, max_bytes: int) -> dict[str, np.ndarray]:
    """Return the arrays of an archive by name, without label and target.

    Args:
        data: of the archive.
        max_bytes: that it may unpack to.

    Raises:
        RequestError: 400 not an archive of plain arrays, 413 too large once unpacked.

    >>> stream = io.BytesIO()
    >>> np.savez_compressed(stream, x=np.zeros((2, 3), np.float32), label=1)
    >>> {name: array.shape for name, array in read_npz_bytes(stream.getvalue(), 1000).items()}
    {'x': (2, 3)}
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            unpacked = sum(entry.file_size for entry in entries)
            if len(entries) > _MOST_ARRAYS or unpacked > max_bytes:
                raise RequestError(
                    413,
                    f"npz: got {len(entries)} arrays of {unpacked} bytes, allowed are {_MOST_ARRAYS} of {max_bytes}",
                )
            other = [entry.filename for entry in entries if entry.compress_type not in _COMPRESSIONS]
            if other:
                raise ValueError(f"{other[0]!r} is compressed as numpy.savez and numpy.savez_compressed never do")
            named = {entry.filename.removesuffix(".npy"): entry for entry in entries}
            # reading ends at the size that the archive names, so that a false one cannot unpack to more
            return {name: _array(archive.read(entry)) for name, entry in named.items() if name not in _BESIDE}
    except NPZ_ERRORS as error:
        raise RequestError(400, f"npz: not an archive of plain arrays, or a damaged one: {error}") from None


def _array(data: bytes) -> np.ndarray:
    stream = io.BytesIO(data)
    version = npy.read_magic(stream)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"an array of format {version}")
    shape, fortran, dtype = read(stream)
    if dtype.kind not in "biufUS" or not dtype.itemsize:
        raise ValueError(f"an array of {dtype}")
    values = data[stream.tell() :]
    # before the array is made: a header may name any size
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(values):
        raise ValueError(f"an array of shape {shape} and {dtype} in {len(values)} bytes")
    return np.frombuffer(values, dtype).reshape(shape, order="F" if fortran else "C")
