"""Reading an open file by its descriptor, from any place in it, beside other threads."""

import os
from mmap import ACCESS_READ, mmap

__all__ = ["CHUNK_BYTES", "read_all", "read_into", "read_or_map", "signature"]

CHUNK_BYTES = 1 << 18


def signature(descriptor: int) -> tuple[int, ...]:
    """Return what changes when a file is written to, or another one lies in its place."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def read_into(descriptor: int, position: int, chunk: memoryview) -> int:
    """Read into memory that is used again: new memory for each piece leaves the allocator with holes."""
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [chunk], position)
    content = _read_at(descriptor, position)
    chunk[: len(content)] = content
    return len(content)


def _read_at(descriptor: int, position: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, CHUNK_BYTES, position)
    os.lseek(descriptor, position, os.SEEK_SET)
    return os.read(descriptor, CHUNK_BYTES)


def read_all(descriptor: int, size_bytes: int) -> bytes:
    """Return so many bytes, or those that there are."""
    parts, position = [], 0
    while position < size_bytes and (part := _read_at(descriptor, position)):
        parts.append(part)
        position += len(part)
    return b"".join(parts)[:size_bytes]


def read_or_map(descriptor: int) -> bytes | mmap:
    """Return the content, mapped where there is any."""
    return mmap(descriptor, 0, access=ACCESS_READ) if os.fstat(descriptor).st_size else b""
