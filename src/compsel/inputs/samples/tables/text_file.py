"""Read text files in the encodings that tables come in."""

import codecs
from pathlib import Path

from compsel.errors import SamplesError
from compsel.storage.regular_files import read_regular
from compsel.storage.sizes import TABLE_BYTES

__all__ = ["read_text"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path, most_bytes: int = TABLE_BYTES) -> tuple[str, str]:
    """Return the text of a file, and a remark where its encoding had to be guessed.

    A byte-order mark says which encoding it is; without one it is UTF-8, or else what Windows calls Latin-1.

    Raises:
        SamplesError: it cannot be read, is no text, or has more bytes than that.
    """
    try:
        data = read_regular(path, most_bytes)
    except OSError as error:
        raise SamplesError(f"{path}: cannot be read: {error.strerror}") from error
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    try:
        if encoding is not None:
            return data.decode(encoding), ""
        if b"\0" in data:
            raise SamplesError(f"{path}: not a table: it has zero bytes; save it as text in UTF-8")
        return data.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise SamplesError(f"{path}: not in {encoding}, as its first bytes say: {error}") from error
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text, f"{path} is not in UTF-8: read as Latin-1: look at letters with accents, or save it in UTF-8"
