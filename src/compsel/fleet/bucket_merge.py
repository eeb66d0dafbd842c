"""One bucket: parts of sessions become sorted rows without duplicates, each with the outcome of its answer.

Sessions are merged some at a time, as many as memory allows: what parts take is known once they are read, whatever
their size as files. Nobody has to be believed for that, for anybody may send them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.errors import require
from compsel.fleet.merged import merged_schema
from compsel.runtime.recording.part_format import PartHeader
from compsel.runtime.recording.part_reader import read_head, read_part

__all__ = ["BucketMerge"]

# what a session may take in memory: a runtime ends one after 65,536 answers, some tens of megabytes
_SESSION_BYTES = 256_000_000
_ROW_BYTES, _FEATURE_BYTES = 200, 4  # of a merged row, texts of parts and features aside
_MOST_FEATURES = 256
_SLICE_ROWS = 1 << 16  # that stand there with all features of the bucket at once

Outcomes = Callable[[Any], Any]


@dataclass
class _Rows:
    """Rows of some sessions, and what they take in memory once they are one table."""

    tables: list[tuple[PartHeader, str, Any]] = field(default_factory=list)
    features: set[str] = field(default_factory=set)
    rows: int = 0
    text_bytes: int = 0

    def add(self, other: "_Rows") -> None:
        """Add others."""
        self.tables += other.tables
        self.features |= other.features
        self.rows += other.rows
        self.text_bytes += other.text_bytes

    def bytes_with(self, other: "_Rows") -> int:
        """Return what these and others take together."""
        features = len(self.features) + len(other.features - self.features)
        row_bytes = _ROW_BYTES + _FEATURE_BYTES * features
        return (self.rows + other.rows) * row_bytes + self.text_bytes + other.text_bytes


class BucketMerge:
    """Merges the parts of a bucket.

    Args:
        parts: of answers, in any order.
        outcomes: of answers (a pandas table with session and answer), as `OutcomeBuckets.of` returns them.
        most_bytes: that rows may take which are merged at a time; those of one session always are.

    Attributes:
        schema: Arrow, of `merged_schema`; of more than 256 features, those that most parts have.
        duplicates: rows that lay there more than once, so far.
        outcomes: that found their answer, so far.
        left_out: parts that are of a session with more rows than any runtime writes, so far.
        devices: the fingerprints, by device_id, of the parts that were merged so far.

    Raises:
        ProfileError: a part that is damaged.

    >>> merge = BucketMerge((), lambda answers: None, 1e9)
    >>> list(merge.tables()), merge.duplicates
    ([], 0)
    """

    def __init__(self, parts: Sequence[Path], outcomes: Outcomes, most_bytes: float) -> None:
        self._outcomes, self._most_bytes = outcomes, most_bytes
        self.duplicates = self.outcomes = self.left_out = 0
        self.devices: dict[str, Any] = {}
        self._dropped: dict[str, int] = {}
        found: dict[str, tuple[str, list[Path]]] = {}
        features: Counter[str] = Counter()
        for path in sorted(parts, key=lambda path: (path.name, str(path))):
            header, names = read_head(path)
            features.update(name for name in names if "." in name)
            # of runtimes that had none each session is by itself; a session is of one, whatever else its parts say
            _, paths = found.setdefault(header.session, (header.installation or header.session, []))
            paths.append(path)
        # a session after the other, in the order of the merged rows
        self._sessions = sorted((installation, session, paths) for session, (installation, paths) in found.items())
        most = sorted(features, key=lambda name: (-features[name], name))[:_MOST_FEATURES]
        self._features = frozenset(most)
        self.schema = merged_schema(sorted(most))

    @property
    def dropped(self) -> int:
        """Answers that the runtimes could not record, so far."""
        return sum(self._dropped.values())

    def tables(self) -> Iterator[Any]:
        """Give the merged rows as Arrow tables, sorted within and among each other."""
        some = _Rows()
        for installation, _, paths in self._sessions:
            more = self._session(paths, installation)
            if some.tables and some.bytes_with(more) > self._most_bytes:
                yield from self._merged(some)
                some = _Rows()
            some.add(more)
        if some.tables:
            yield from self._merged(some)

    def _session(self, paths: Sequence[Path], installation: str) -> _Rows:
        """Read the parts of a session, as far as one may go."""
        found = _Rows()
        for path in paths:
            header, table = read_part(path, known=True)
            names = {name for name in table.column_names if "." in name} & self._features
            texts = sum(table.column(name).nbytes for name in ("variant", "processor"))
            part = _Rows([(header, installation, table)], names, table.num_rows, texts)
            if found.bytes_with(part) > _SESSION_BYTES:
                self.left_out += 1
                continue
            found.add(part)
            self._dropped[header.session] = max(header.dropped, self._dropped.get(header.session, 0))
            self.devices[header.device_id] = dict(header.device or {})
        return found

    def _merged(self, some: _Rows) -> Iterator[Any]:
        pa = require("pyarrow", "train")
        schema = merged_schema(sorted(some.features))
        table = pa.concat_tables([_with_header(pa, *one, schema) for one in some.tables])
        some.tables.clear()
        rows = _sorted_once(table)
        self.duplicates += table.num_rows - len(rows)
        table = table.take(pa.array(rows)).combine_chunks()
        keys = table.select(["session", "answer"]).to_pandas()
        table, matched = _with_outcomes(pa, table, keys, self._outcomes(keys.drop_duplicates()))
        self.outcomes += matched
        for begin in range(0, table.num_rows, _SLICE_ROWS):
            yield _widened(pa, table.slice(begin, _SLICE_ROWS), self.schema)


def _with_header(pa: Any, header: PartHeader, installation: str, table: Any, schema: Any) -> Any:
    alike = {
        "device_id": header.device_id,
        "installation": installation,
        "session": header.session,
        "share": float(header.share),
    }
    alike_columns = {
        name: pa.repeat(pa.scalar(value, schema.field(name).type), table.num_rows) for name, value in alike.items()
    }
    known = {name: table.column(name) for name in table.column_names}
    return _widened(pa, pa.table({**known, **alike_columns}), schema)


def _widened(pa: Any, table: Any, schema: Any) -> Any:
    """Return the columns of a schema; what a table lacks is null."""
    names = set(table.column_names)
    columns = [
        table.column(field.name) if field.name in names else pa.nulls(table.num_rows, field.type) for field in schema
    ]
    return pa.table(columns, schema=schema)


def _sorted_once(table: Any) -> NDArray[np.intp]:
    """Return the rows in order, of those with one key the last."""
    session, answer, stage = (_codes(table, name) for name in ("session", "answer", "stage"))
    # stable: of equal keys the one that was read last stands last
    order = np.lexsort((stage, answer, session))
    last = np.ones(len(order), np.bool_)
    for values in (session, answer, stage):
        last[:-1] &= values[order][:-1] == values[order][1:]
    keep = order[np.r_[~last[:-1], True]] if len(order) else order
    installation = _codes(table, "installation")[keep]
    return keep[np.argsort(installation, kind="stable")]


def _codes(table: Any, name: str) -> NDArray[np.int64]:
    """Return numbers in the order of the values."""
    column = table.column(name).combine_chunks()
    if str(column.type) != "string":
        return np.asarray(column.to_numpy(zero_copy_only=False), np.int64)
    encoded = column.dictionary_encode()
    ranks = np.argsort(np.argsort(encoded.dictionary.to_numpy(zero_copy_only=False)))
    return np.asarray(ranks[encoded.indices.to_numpy()], np.int64)


def _with_outcomes(pa: Any, table: Any, keys: Any, outcomes: Any) -> tuple[Any, int]:
    if outcomes is None:
        return table, 0
    joined = keys.merge(outcomes.assign(known=True), on=["session", "answer"], how="left", validate="many_to_one")
    right = pa.array(joined["right"].to_numpy(), pa.float64(), from_pandas=True)
    matched = joined[joined["known"].notna()].drop_duplicates(["session", "answer"])
    return table.set_column(table.schema.get_field_index("right"), table.schema.field("right"), right), len(matched)
