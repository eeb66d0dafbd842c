"""File names for the names of models and variants."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

__all__ = ["clashing", "cut", "slug"]

# a file name may have 255 bytes; suffixes and names of temporary files come on top
_MOST_BYTES = 120
# names of devices on Windows, whatever follows them after a dot
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$)", re.IGNORECASE)


def slug(name: str) -> str:
    """Return `name` as a file name: letters, digits, dot, hyphen and underscore, at most 120 bytes in UTF-8.

    The end of a longer one is replaced by a hash of the whole name.

    >>> slug("efficientnet-lite0/resolution:192+int8-static")
    'efficientnet-lite0_resolution-192_int8-static'
    """
    table = {"/": "_", "+": "_", ":": "-", "=": "-", ",": "_"}
    # some file systems do not tell how an accent is composed
    name = unicodedata.normalize("NFC", name)
    text = "".join(table.get(char, char if char.isalnum() or char in ".-_" else "-") for char in name)
    text = _RESERVED.sub(r"\1_", text.strip("."), count=1) or "model"
    if len(text.encode()) <= _MOST_BYTES:
        return text
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:16]
    return f"{cut(text, _MOST_BYTES - 17)}-{digest}"


def cut(name: str, most_bytes: int) -> str:
    """Return the beginning of a name, at most so many bytes in UTF-8."""
    return name.encode(errors="surrogateescape")[:most_bytes].decode(errors="ignore")


def clashing(names: Iterable[str]) -> list[str]:
    """Return those of the names that would be one file, also where upper and lower case are not told apart.

    >>> clashing(["net v1", "net-v1", "Other", "third"]), clashing(["A", "a"])
    (['net v1', 'net-v1'], ['A', 'a'])
    """
    files: dict[str, list[str]] = {}
    for name in names:
        files.setdefault(unicodedata.normalize("NFC", slug(name).casefold()), []).append(name)
    return [name for alike in files.values() if len(alike) > 1 for name in alike]
