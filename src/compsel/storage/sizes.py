"""Sizes of files in words."""

__all__ = ["size_words"]


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
