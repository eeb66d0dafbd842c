"""The merged records of a bundle: what devices recorded, as one table in sorted buckets that are read in pieces.

A row is a stage that ran. Rows of a bucket are sorted by installation, session, answer and stage; a session lies in one
bucket, an answer in one row group.
"""

import contextlib
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError, require
from compsel.fleet.held_out import is_held_out
from compsel.fleet.layout import FleetFolder
from compsel.runtime.recording.part_format import STAGE_COLUMNS, STATE_COLUMNS
from compsel.storage.files import atomic_file
from compsel.storage.parquet import opened_parquet, parquet_errors

__all__ = ["DEVICES_NAME", "KEYS", "MergedRecords", "bucket_of", "merged_schema", "write_bucket"]

DEVICES_NAME = "devices.parquet"
KEYS = ("installation", "session", "answer", "stage")
_GROUP_ROWS = 1 << 17

# of every row, before those of `STAGE_COLUMNS`: who recorded it
_WHO = {"device_id": "string", "installation": "string", "session": "string"}
_MORE = {"share": "float", "right": "double"}


def bucket_of(session: str, buckets: int = 64) -> int:
    """Return the number of the bucket where the rows of a session lie: sessions are drawn at random.

    >>> bucket_of("00000000000000ff", 64)
    63
    """
    return int(session, 16) % buckets


def merged_schema(features: Sequence[str] = ()) -> Any:
    """Return the Arrow schema of merged rows, with these features of inputs; what is not known is null."""
    pa = require("pyarrow", "train")
    types = {**_WHO, **STAGE_COLUMNS, **_MORE, **dict.fromkeys((*STATE_COLUMNS, *sorted(features)), "float")}
    utc = pa.timestamp("us", "UTC")
    return pa.schema([(name, utc if name == "time" else pa.type_for_alias(kind)) for name, kind in types.items()])


def write_bucket(path: Path, batches: Iterator[Any], schema: Any) -> int:
    """Write sorted rows as a bucket, whole or not at all; an answer is not cut. Return the number of rows.

    Args:
        path: of the file.
        batches: Arrow tables of the schema, sorted by `KEYS`, within and among each other.
        schema: of `merged_schema`.

    Raises:
        StorageError: a full disk, no permission.
    """
    parquet = require("pyarrow.parquet", "train")
    rows = 0
    with atomic_file(path) as temporary, parquet.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for table in _whole_answers(batches):
            writer.write_table(table, row_group_size=max(table.num_rows, 1))
            rows += table.num_rows
    return rows


def _whole_answers(batches: Iterator[Any]) -> Iterator[Any]:
    """Cut sorted tables into groups of about so many rows that each hold whole answers."""
    pa = require("pyarrow", "train")
    kept: Any = None
    for table in batches:
        kept = table if kept is None else pa.concat_tables([kept, table])
        while kept.num_rows > _GROUP_ROWS:
            cut = _begin_of_answer(kept, _GROUP_ROWS)
            if cut == 0:
                break
            yield kept.slice(0, cut).combine_chunks()
            kept = kept.slice(cut)
    if kept is not None and kept.num_rows:
        yield kept.combine_chunks()


def _begin_of_answer(table: Any, row: int) -> int:
    """Return the last row up to `row` at which an answer begins."""
    stages = table.column("stage").slice(max(0, row - 128), min(row, 128) + 1).to_numpy()
    begins = np.flatnonzero(stages == 0)
    return int(max(0, row - 128) + begins[-1]) if len(begins) else 0


class MergedRecords:
    """The merged records of one bundle.

    Args:
        folder: of the tables.
        since: of answers from then on, by the devices' clocks; None: of all.

    >>> MergedRecords(Path("nowhere"))
    Traceback (most recent call last):
    compsel.errors.ProfileError: nowhere: has no merged records: run compsel fleet merge
    """

    def __init__(self, folder: Path, since: datetime | None = None) -> None:
        self.folder, self.since = folder, since
        self._buckets = sorted(folder.glob("bucket-*.parquet")) if folder.is_dir() else []
        if not self._buckets:
            raise ProfileError(f"{folder}: has no merged records: run compsel fleet merge")

    @classmethod
    def open(cls, fleet: FleetFolder, bundle: str = "", since: datetime | None = None) -> Self:
        """Open the records of a bundle; "": of the only one there is; since: see `MergedRecords`.

        Raises:
            ProfileError: none were merged, or several bundles have some.
        """
        if not bundle:
            known = fleet.merged_bundles()
            if len(known) != 1:
                found = f"of {', '.join(known)}: name one (--bundle)" if known else "none: run compsel fleet merge"
                raise ProfileError(f"{fleet.root}: has merged records {found}")
            bundle = known[0]
        return cls(fleet.merged_of(bundle), since)

    @property
    def when(self) -> str:
        """From when on, in words; "": from the first one on."""
        return "" if self.since is None else f" since {self.since.isoformat()}"

    @cached_property
    def devices(self) -> Any:
        """An Arrow table, a row a kind of device: device_id, device (its fingerprint, JSON), n_answers, n_stages,
        n_installations, first_time, last_time.
        """
        with _opened(self.folder / DEVICES_NAME) as file:
            return file.read()

    @cached_property
    def schema(self) -> Any:
        """The Arrow schema of the rows: buckets lack features that none of their devices gave."""
        names: set[str] = set()
        for path in self._buckets:
            with _opened(path) as file:
                names.update(file.schema_arrow.names)
        return merged_schema(sorted(name for name in names if "." in name))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.schema.names)

    def batches(
        self,
        columns: Sequence[str] | None = None,
        *,
        device_ids: Collection[str] | None = None,
        held_out: bool | None = None,
        rows: int = 65536,
    ) -> Iterator[Any]:
        """Give the rows in Arrow record batches, in their order.

        Args:
            columns: which, in any order; None: all.
            device_ids: of these kinds of devices alone; None: of all.
            held_out: True: those that judge; False: those to train on; None: both.
            rows: of a batch at most.

        Raises:
            ProfileError: a table that is damaged, or a column that is not there.
        """
        pa, compute = require("pyarrow", "train"), require("pyarrow.compute", "train")
        wanted = list(self.columns if columns is None else columns)
        if missing := sorted(set(wanted) - set(self.columns)):
            raise ProfileError(f"{self.folder}: has no column {missing[0]!r}: it has {', '.join(self.columns)}")
        schema = pa.schema([self.schema.field(name) for name in wanted])
        needed = ("device_id", "session") if self.since is None else ("device_id", "session", "stage", "time")
        more = [name for name in needed if name not in wanted]
        for path in self._buckets:
            with _opened(path) as file:
                there = [name for name in (*wanted, *more) if name in file.schema_arrow.names]
                begun = True
                for batch in file.iter_batches(rows, columns=there):
                    kept = batch
                    if self.since is not None:
                        late = _begun_since(batch, self.since, begun)
                        kept, begun = batch.filter(pa.array(late)), bool(late[-1])
                    if device_ids is not None:
                        known = pa.array(sorted(device_ids), pa.string())
                        kept = kept.filter(compute.is_in(kept.column("device_id"), known))
                    if held_out is not None:
                        kept = kept.filter(_held_out(pa, kept.column("session"), held_out))
                    if kept.num_rows:
                        yield _with_all(pa, kept, schema)


def _begun_since(batch: Any, since: datetime, before: bool) -> NDArray[np.bool_]:
    """Return which rows (n,) are of answers that began then or later; before: whether the row before these is."""
    pa, compute = require("pyarrow", "train"), require("pyarrow.compute", "train")
    moment = pa.scalar(since, batch.schema.field("time").type)
    late = compute.greater_equal(batch.column("time"), moment).fill_null(False).to_numpy(zero_copy_only=False)
    begins = batch.column("stage").to_numpy(zero_copy_only=False) == 0
    last = np.maximum.accumulate(np.where(begins, np.arange(len(begins)), -1))
    return np.asarray(np.where(last >= 0, late[last], before), np.bool_)


def _with_all(pa: Any, batch: Any, schema: Any) -> Any:
    """Return the columns of a schema; what a batch lacks is null."""
    names = set(batch.schema.names)
    arrays = [
        batch.column(field.name) if field.name in names else pa.nulls(batch.num_rows, field.type) for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with parquet_errors(path, "run compsel fleet merge again"), opened_parquet(path, in_pieces=True) as file:
        yield file


def _held_out(pa: Any, sessions: Any, wanted: bool) -> Any:
    encoded = sessions.dictionary_encode()
    judges = np.array([is_held_out(session) for session in encoded.dictionary.to_pylist()], np.bool_)
    return pa.array(judges[encoded.indices.to_numpy()] == wanted) if len(judges) else pa.array([], pa.bool_())
