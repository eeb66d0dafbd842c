"""Reading an `.npz` that strangers send: how much it unpacks to is known before anything is unpacked."""

import io
import zipfile

import numpy as np

from compsel.serving.request_error import RequestError
from compsel.storage.archives import open_archive
from compsel.storage.numpy_files import arrays_in

__all__ = ["read_npz_bytes"]

_MOST_ARRAYS = 64
_ANY = 1 << 62  # checked here, with a status of its own
_KINDS = "biufUS"
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
        with open_archive(io.BytesIO(data), most_bytes=_ANY) as archive:
            entries = archive.infolist()
            unpacked = sum(entry.file_size for entry in entries)
            if len(entries) > _MOST_ARRAYS or unpacked > max_bytes:
                raise RequestError(
                    413,
                    f"npz: got {len(entries)} arrays of {unpacked} bytes, allowed are {_MOST_ARRAYS} of {max_bytes}",
                )
            arrays = arrays_in(archive, lambda name: name not in _BESIDE)
    except (ValueError, OSError, NotImplementedError, zipfile.BadZipFile) as error:
        raise RequestError(400, f"npz: not an archive of plain arrays, or a damaged one: {error}") from None
    for name, array in arrays.items():
        if array.dtype.kind not in _KINDS:
            raise RequestError(400, f"npz: {name}: got an array of {array.dtype}, allowed are numbers and texts")
    return arrays
