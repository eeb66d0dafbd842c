"""Outcomes, sorted into the buckets of the answers that they are of; the last one of an answer counts."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import require
from compsel.fleet.merged import bucket_of
from compsel.runtime.recording.part_reader import read_part

__all__ = ["OutcomeBuckets"]

_TOGETHER = 64


class OutcomeBuckets:
    """Outcomes of a fleet, by bucket, in a folder of temporary files.

    Args:
        parts: of outcomes, in the order in which they were written.
        buckets: how many there are.
        work: folder of the temporary files.

    >>> import tempfile
    >>> OutcomeBuckets((), 64, Path(tempfile.mkdtemp())).of(3) is None
    True
    """

    def __init__(self, parts: Sequence[Path], buckets: int, work: Path) -> None:
        self._parts, self._buckets, self._work = parts, buckets, work

    @cached_property
    def _files(self) -> dict[int, list[Path]]:
        """Temporary files, by bucket: made when they are first asked for."""
        found: dict[int, list[Path]] = {}
        for begin in range(0, len(self._parts), _TOGETHER):
            for bucket, path in self._split(self._parts[begin : begin + _TOGETHER], begin):
                found.setdefault(bucket, []).append(path)
        return found

    def of(self, bucket: int) -> Any:
        """Return the outcomes of a bucket as pandas sees them, one an answer: session, answer, right; None: none."""
        pandas, parquet = require("pandas", "train"), require("pyarrow.parquet", "train")
        paths = self._files.get(bucket)
        if not paths:
            return None
        frame = pandas.concat([parquet.read_table(path).to_pandas() for path in paths], ignore_index=True)
        frame = frame.sort_values("time", kind="stable")
        return frame.drop_duplicates(["session", "answer"], keep="last")[["session", "answer", "right"]]

    def digest(self, bucket: int) -> str:
        """Return a hash of what `of` returns, whatever the parts that it came in."""
        frame = self.of(bucket)
        if frame is None:
            return ""
        frame = frame.sort_values(["session", "answer"])
        digest = hashlib.sha256("".join(frame["session"]).encode())
        digest.update(frame["answer"].to_numpy().tobytes())
        digest.update(frame["right"].to_numpy().tobytes())
        return digest.hexdigest()

    def _split(self, parts: Sequence[Path], number: int) -> Iterator[tuple[int, Path]]:
        pa, parquet = require("pyarrow", "train"), require("pyarrow.parquet", "train")
        tables = [read_part(path, known=True)[1].replace_schema_metadata(None) for path in parts]
        table = pa.concat_tables(tables, promote_options="default").combine_chunks()
        encoded = table.column("session").combine_chunks().dictionary_encode()
        known = np.array([bucket_of(session, self._buckets) for session in encoded.dictionary.to_pylist()], np.intp)
        places = known[encoded.indices.to_numpy()] if len(known) else known
        order = np.argsort(places, kind="stable")
        ends = np.searchsorted(places[order], np.arange(self._buckets + 1))
        for bucket in range(self._buckets):
            rows = order[ends[bucket] : ends[bucket + 1]]
            if len(rows):
                path = self._work / f"outcomes-{number}-{bucket}.parquet"
                parquet.write_table(table.take(pa.array(rows)), path)
                yield bucket, path
