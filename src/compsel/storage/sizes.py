"""Sizes of files: in words, and how much a file of others may make us hold."""

__all__ = [
    "DOCUMENT_BYTES",
    "MOST_FIELDS",
    "MOST_VALUES",
    "TABLE_BYTES",
    "most_tensor_bytes",
    "most_unpacked_bytes",
    "physical_memory_bytes",
    "size_words",
]

#: of what is parsed as a whole: JSON, tokenizers, lists of classes
DOCUMENT_BYTES = 64_000_000
#: of a table of texts
TABLE_BYTES = 1_000_000_000
#: of a document, or a model: each is an object of its own in memory, of about 100 bytes
MOST_VALUES = 1_000_000
#: of all rows of a table of samples together; of an array, its rows
MOST_FIELDS = 5_000_000

_SMALL_BYTES = 64_000_000
_UNPACKED, _TENSORS = 50, 4


def size_words(size_mb: float) -> str:
    """Return a size, from kB to GB.

    Args:
        size_mb: in millions of bytes.

    >>> size_words(5.43), size_words(0.0123), size_words(553.2), size_words(1234.5), size_words(0.000042)
    ('5.4 MB', '12 kB', '553 MB', '1.2 GB', '42 bytes')
    """
    if size_mb >= 1000:
        return f"{size_mb / 1000:.1f} GB"
    if size_mb >= 100:
        return f"{size_mb:.0f} MB"
    if size_mb >= 1:
        return f"{size_mb:.1f} MB"
    return f"{1000 * size_mb:.0f} kB" if size_mb >= 0.001 else f"{1e6 * size_mb:.0f} bytes"


def most_unpacked_bytes(size_bytes: int) -> int:
    """Return how many bytes a compressed file of that size may hold: 64 MB, and 50 times its size.

    What people compress, masks of segmentation included, is below; zeros shrink by deflate to a thousandth.

    >>> most_unpacked_bytes(1_000_000)
    114000000
    """
    return _SMALL_BYTES + _UNPACKED * size_bytes


def most_tensor_bytes(size_bytes: int) -> int:
    """Return how many bytes the tensors in a file of that size may have: 64 MB, and 4 times its size.

    Half-precision numbers are widened, and two names may share their numbers.
    """
    return _SMALL_BYTES + _TENSORS * size_bytes


def physical_memory_bytes() -> int:
    """Return the memory of this machine: no file that is read as a whole can be larger."""
    import psutil  # no app asks at its start

    return int(psutil.virtual_memory().total)
