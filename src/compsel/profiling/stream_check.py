"""Whether the tables of a profile that does not fit memory are of the same samples: one table after the other."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import ProfileError
from compsel.profiling.quality_table import quality_path
from compsel.profiling.stream import BATCH_ROWS, ProfileStream
from compsel.progress import SILENT, Reporter
from compsel.storage.parquet_rows import ParquetRows

__all__ = ["check_alike"]


def check_alike(stream: ProfileStream, reporter: Reporter = SILENT) -> None:
    """Raise ProfileError where tables of a profile are of other samples, or have other labels, than the first one.

    What is compared is a digest of all names, and one of all labels: of each table the next rows alone are in memory.
    """
    labelled = {quality_path(stream.folder, variant) for variant in stream.profile.variants}
    first = quality_path(stream.folder, stream.profile.variants[0])
    wanted = _digests(stream, first, True)
    for path in reporter.track(sorted(stream.stamps.keys() - {first}), "comparing the samples of all tables"):
        names, labels = _digests(stream, path, path in labelled)
        if names != wanted[0]:
            raise ProfileError(f"{path}: is of other samples than {first}: measure them again")
        if path in labelled and labels != wanted[1]:
            raise ProfileError(f"{path}: has other labels than {first}: measure them again")


def _digests(stream: ProfileStream, path: Path, labelled: bool) -> tuple[bytes, bytes]:
    stream.check_unchanged(path)
    # texts one after the other, and where each ends: however many are read at once
    texts, lengths, labels = (hashlib.blake2b() for _ in range(3))
    columns = ("sample", "label") if labelled else ("sample",)
    with ParquetRows(path, columns, BATCH_ROWS) as rows:
        while found := rows.take(BATCH_ROWS):
            offsets, data = _buffers(path, found["sample"])
            texts.update(data)
            lengths.update(np.diff(offsets).tobytes())
            if labelled:
                labels.update(np.asarray(found["label"].to_numpy(zero_copy_only=False), "<i8").tobytes())
    return texts.digest() + lengths.digest(), labels.digest()


def _buffers(path: Path, names: Any) -> tuple[Any, Any]:
    if str(names.type) != "string" or names.null_count:
        raise ProfileError(f"{path}: has {names.type} with {names.null_count} gaps in place of names: measure again")
    offsets = np.frombuffer(names.buffers()[1], np.int32)[names.offset : names.offset + len(names) + 1]
    buffer = names.buffers()[2]
    data = np.empty(0, np.uint8) if buffer is None else np.frombuffer(buffer, np.uint8)
    return offsets, data[offsets[0] : offsets[-1]]
