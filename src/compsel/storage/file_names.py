"""File names for the names of models and variants."""

import hashlib

__all__ = ["slug"]

# a file name may have 255 bytes; suffixes and names of temporary files come on top
_MOST_BYTES = 120


def slug(name: str) -> str:
    """Return `name` as a file name: letters, digits, dot, hyphen and underscore, at most 120 bytes in UTF-8.

    The end of a longer one is replaced by a hash of the whole name.

    >>> slug("efficientnet-lite0/resolution:192+int8-static")
    'efficientnet-lite0_resolution-192_int8-static'
    """
    table = {"/": "_", "+": "_", ":": "-", "=": "-", ",": "_"}
    text = "".join(table.get(char, char if char.isalnum() or char in ".-_" else "-") for char in name)
    text = text.strip(".") or "model"
    if len(text.encode()) <= _MOST_BYTES:
        return text
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{text.encode()[: _MOST_BYTES - 17].decode(errors='ignore')}-{digest}"
