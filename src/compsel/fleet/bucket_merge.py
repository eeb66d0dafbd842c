"""One bucket: parts of sessions become sorted rows without duplicates, each with the outcome of its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.errors import require
from compsel.fleet.merged import merged_schema
from compsel.runtime.recording.part_format import PartHeader
from compsel.runtime.recording.part_reader import read_part

__all__ = ["MergedBucket", "merge_bucket"]


@dataclass(frozen=True)
class MergedBucket:
    """What a bucket holds.

    Attributes:
        table: Arrow, of `merged_schema`.
        duplicates: rows that lay there more than once.
        dropped: answers that the runtimes could not record.
        outcomes: that found their answer.
        devices: the fingerprints, by device_id.

    >>> MergedBucket(None, 0, 0, 0, {}).duplicates
    0
    """

    table: Any
    duplicates: int
    dropped: int
    outcomes: int
    devices: dict[str, Any]


def merge_bucket(parts: Sequence[Path], outcomes: Any) -> MergedBucket:
    """Merge the parts of a bucket.

    Args:
        parts: of answers, in any order.
        outcomes: of `OutcomeBuckets.of`.
    """
    pa = require("pyarrow", "train")
    read = [read_part(path, known=True) for path in sorted(parts, key=lambda path: (path.name, str(path)))]
    features = {name for _, table in read for name in table.column_names if "." in name}
    schema = merged_schema(sorted(features))
    table = pa.concat_tables([_with_header(pa, header, table, schema) for header, table in read])
    rows = _sorted_once(table)
    duplicates = table.num_rows - len(rows)
    table = table.take(pa.array(rows)).combine_chunks()
    table, matched = _with_outcomes(pa, table, outcomes)
    dropped: dict[str, int] = {}
    for header, _ in read:
        dropped[header.session] = max(header.dropped, dropped.get(header.session, 0))
    devices = {header.device_id: dict(header.device or {}) for header, _ in read}
    return MergedBucket(table, duplicates, sum(dropped.values()), matched, devices)


def _with_header(pa: Any, header: PartHeader, table: Any, schema: Any) -> Any:
    alike = {
        "device_id": header.device_id,
        # of runtimes that had none each session is by itself
        "installation": header.installation or header.session,
        "session": header.session,
        "share": float(header.share),
    }
    columns, names = [], set(table.column_names)
    for field in schema:
        if field.name in alike:
            columns.append(pa.repeat(pa.scalar(alike[field.name], field.type), table.num_rows))
        elif field.name in names:
            columns.append(table.column(field.name))
        else:
            columns.append(pa.nulls(table.num_rows, field.type))
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


def _with_outcomes(pa: Any, table: Any, outcomes: Any) -> tuple[Any, int]:
    if outcomes is None:
        return table, 0
    keys = table.select(["session", "answer"]).to_pandas()
    joined = keys.merge(outcomes.assign(known=True), on=["session", "answer"], how="left", validate="many_to_one")
    right = pa.array(joined["right"].to_numpy(), pa.float64(), from_pandas=True)
    matched = joined[joined["known"].notna()].drop_duplicates(["session", "answer"])
    return table.set_column(table.schema.get_field_index("right"), table.schema.field("right"), right), len(matched)
