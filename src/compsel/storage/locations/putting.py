"""Put files elsewhere, each whole or not at all."""

import contextlib
from pathlib import Path
from typing import Any

__all__ = ["put_all", "put_whole", "shows_whole_files"]

# what shows a file when all of it has arrived; memory:// is of this process
_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "memory"})
# drivers send files of this size, and larger ones, in several parts
_SEVERAL_PARTS_BYTES = 32_000_000


def shows_whole_files(files: Any) -> bool:
    """Whether a file system shows an upload only when all of it has arrived."""
    protocol = files.protocol
    return bool(_WHOLE & ({protocol} if isinstance(protocol, str) else {*protocol}))


def put_whole(files: Any, path: Path, there: str) -> None:
    """Put a file, so that it is there whole or not at all.

    Args:
        files: the file system, of `driver_of`.
        path: of the file here.
        there: its path in the file system.
    """
    if shows_whole_files(files):
        put_all(files, [(path, there)])
        return
    files.makedirs(there.rpartition("/")[0], exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        files.rm_file(f"{there}.tmp")
    files.put_file(str(path), f"{there}.tmp")
    files.mv(f"{there}.tmp", there)


def put_all(files: Any, pairs: list[tuple[Path, str]]) -> None:
    """Put files, together where the file system shows whole files only, else one by one.

    Args:
        files: the file system, of `driver_of`.
        pairs: path here, path in the file system.
    """
    if not shows_whole_files(files):
        for path, there in pairs:
            put_whole(files, path, there)
        return
    for path, there in pairs:
        if path.stat().st_size >= _SEVERAL_PARTS_BYTES:
            _drop_parts(files, there)
    files.put([str(path) for path, _ in pairs], [there for _, there in pairs])


def _drop_parts(files: Any, there: str) -> None:
    """Remove the parts of an upload that broke off: nobody sees them, and they are paid for."""
    if not hasattr(files, "call_s3"):  # others remove them by themselves
        return
    bucket, key, _ = files.split_path(there)
    with contextlib.suppress(OSError):  # it may not be allowed, nor known to other servers; putting works without it
        for upload in files.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=key).get("Uploads", []):
            if upload["Key"] == key:
                files.call_s3("abort_multipart_upload", Bucket=bucket, Key=key, UploadId=upload["UploadId"])
