"""Outcomes, sorted into the buckets of the answers that they are of; the last one of an answer counts."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import require
from compsel.fleet.merged import bucket_of
from compsel.runtime.recording.part_format import OUTCOME_COLUMNS
from compsel.runtime.recording.part_reader import read_part

__all__ = ["OutcomeBuckets"]

_TOGETHER, _MOST_ROWS = 64, 2_000_000  # parts, and their rows, that are sorted at a time
_KEYS = ["session", "answer"]


class OutcomeBuckets:
    """Outcomes of a fleet, by bucket, in a folder of temporary files.

    Args:
        parts: of outcomes, in the order in which they were written.
        buckets: how many there are.
        work: folder of the temporary files.

    >>> import tempfile
    >>> OutcomeBuckets((), 64, Path(tempfile.mkdtemp())).of(3, None) is None
    True
    """

    def __init__(self, parts: Sequence[Path], buckets: int, work: Path) -> None:
        self._parts, self._buckets, self._work = parts, buckets, work

    @cached_property
    def _files(self) -> dict[int, list[Path]]:
        """Temporary files, by bucket: made when they are first asked for."""
        found: dict[int, list[Path]] = {}
        for number, tables in enumerate(self._some()):
            for bucket, path in self._split(tables, number):
                found.setdefault(bucket, []).append(path)
        return found

    def of(self, bucket: int, answers: Any) -> Any:
        """Return the outcomes of some answers of a bucket, one an answer.

        Memory is bounded by the answers, however many outcomes anybody sent.

        Args:
            bucket: its number.
            answers: as pandas sees them, each once: session, answer.

        Returns:
            As pandas sees them: session, answer, right; None: there are none.
        """
        pandas, parquet = require("pandas", "train"), require("pyarrow.parquet", "train")
        found: Any = None
        for path in self._files.get(bucket, ()):
            heard = parquet.read_table(path).to_pandas().merge(answers, on=_KEYS)
            found = heard if found is None else pandas.concat([found, heard], ignore_index=True)
            found = found.sort_values("time", kind="stable").drop_duplicates(_KEYS, keep="last")
        return None if found is None else found[[*_KEYS, "right"]]

    def digest(self, bucket: int) -> str:
        """Return a hash of the outcomes of a bucket in their order; "": there are none."""
        parquet = require("pyarrow.parquet", "train")
        paths = self._files.get(bucket, ())
        digests = [hashlib.sha256() for _ in OUTCOME_COLUMNS]  # of columns: pieces may be cut anywhere
        for path in paths:
            table = parquet.read_table(path)
            for digest, name in zip(digests, OUTCOME_COLUMNS, strict=True):
                column = table.column(name).combine_chunks()
                if name == "session":
                    digest.update("".join(column.to_pylist()).encode())
                else:
                    digest.update(column.cast("double" if name == "right" else "int64").to_numpy().tobytes())
        return hashlib.sha256(b"".join(one.digest() for one in digests)).hexdigest() if paths else ""

    def _some(self) -> Iterator[list[Any]]:
        """Give the tables of some parts at a time."""
        tables: list[Any] = []
        for path in self._parts:
            table = read_part(path, known=True)[1].replace_schema_metadata(None)
            if len(tables) == _TOGETHER or sum(one.num_rows for one in tables) + table.num_rows > _MOST_ROWS:
                yield tables
                tables = []
            tables.append(table)
        if tables:
            yield tables

    def _split(self, tables: Sequence[Any], number: int) -> Iterator[tuple[int, Path]]:
        pa, parquet = require("pyarrow", "train"), require("pyarrow.parquet", "train")
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
