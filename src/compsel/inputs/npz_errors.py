"""What reading an `.npz` may raise."""

import zipfile
import zlib

try:
    from lzma import LZMAError
except ImportError:  # a Python without it says NotImplementedError
    LZMAError = zipfile.BadZipFile  # type: ignore[assignment,misc]  # stands in for it

__all__ = ["NPZ_ERRORS"]

#: of an archive that is damaged, holds something else than plain arrays, or is encrypted
NPZ_ERRORS = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
)
