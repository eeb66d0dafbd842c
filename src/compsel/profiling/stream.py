"""A profile that is read in batches of rows, for tables that do not fit memory."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError, require
from compsel.features.evidence import Evidence
from compsel.profiling.header import read_header
from compsel.profiling.latency_table import LatencyTable
from compsel.profiling.name_hashes import name_hashes
from compsel.profiling.profile import Profile
from compsel.profiling.quality_table import evidence_in, quality_path
from compsel.storage.parquet import opened_parquet, parquet_errors
from compsel.storage.parquet_rows import ParquetRows
from compsel.variants.variant import Variant

__all__ = ["BATCH_ROWS", "ProfileRows", "ProfileStream"]

BATCH_ROWS, _LEAST_BATCH_ROWS, _BATCH_VALUES = 65_536, 4_096, 1_500_000
_EVIDENCE = ("classes", "probabilities", "confidence", "sketch")
_FEATURES, _GROUPS, _FOLDS, _SIZES = "features.parquet", "groups.parquet", "folds.parquet", "sizes.parquet"


@dataclass(frozen=True)
class ProfileRows:
    """Some samples that follow each other in a profile; fields that were not asked for are empty.

    Attributes:
        start: place of the first one in the profile.
        names: Arrow array (n,), of the samples.
        labels: (n,), see `Profile.labels`.
        groups: Arrow array (n,), of each sample; None where each is a group of its own.
        units: uint64 (n,), a hash of the group of each sample, or of its name: what is alike stays together.
        hashes: uint64 (n,), of the name of each sample.
        quality: float32 (n, n_variants asked for).
        evidence: of these variants, or () where it was not asked for or is not there.
        features: float32 (n, n_features), or (n, 0).
        folds, sizes: (n,), see `Profile`; None where there are none.

    >>> import pyarrow as pa
    >>> nothing = np.empty((1, 0), np.float32)
    >>> ProfileRows(0, pa.array(["a"]), np.zeros(1, np.int64), None, *2 * (np.zeros(1, np.uint64),), nothing).n
    1
    """

    start: int
    names: Any
    labels: NDArray[np.int64]
    groups: Any
    units: NDArray[np.uint64]
    hashes: NDArray[np.uint64]
    quality: NDArray[np.float32]
    evidence: tuple[Evidence, ...] = ()
    features: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    folds: NDArray[np.int64] | None = None
    sizes: NDArray[np.float64] | None = None

    @property
    def n(self) -> int:
        """How many samples."""
        return len(self.labels)


@dataclass(frozen=True)
class ProfileStream:
    """A profile whose rows are read when they are asked for.

    Attributes:
        folder: of the profile.
        profile: without samples: variants, costs and all else that is small.
        n_samples: how many there are.
        n_evidence: how many numbers of what each variant said there are of a sample; 0: none.
        feature_names: (n_features,).
        n_classes: of the models.
        stamps: by file, its size and time of change when it was checked.

    >>> ProfileStream.open("nowhere")
    Traceback (most recent call last):
    compsel.errors.ProfileError: nowhere: has no profile.json, it is no folder: ...
    """

    folder: Path
    profile: Profile
    n_samples: int
    n_evidence: int
    feature_names: tuple[str, ...]
    n_classes: int
    stamps: dict[Path, tuple[int, int]]

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> "ProfileStream":
        """Check what can be checked without reading rows: the header, every table's columns and number of rows.

        Raises:
            ProfileError: no profile there, or tables that do not fit together.
            VersionError: written by a newer compsel.
        """
        folder = Path(folder)
        profile = Profile.without_samples(folder)
        paths = [quality_path(folder, variant) for variant in profile.variants]
        tables = {path: _table(path) for path in [*paths, folder / _FEATURES]}
        for path, variant in zip(paths, profile.variants, strict=True):
            _check_columns(path, tables[path], ("sample", "label", "quality"))
            if tables[path].metadata.get("sha256") != variant.sha256:
                raise ProfileError(f"{path}: was measured with another file of {variant.name}")
        for name, column in ((_GROUPS, "group"), (_FOLDS, "fold"), (_SIZES, "size")):
            if (folder / name).exists():
                tables[folder / name] = _table(folder / name)
                _check_columns(folder / name, tables[folder / name], ("sample", column))
        rows = {path: table.rows for path, table in tables.items()}
        first, *others = rows
        for path in others:
            if rows[path] != rows[first]:
                raise ProfileError(f"{path}: has {rows[path]:,} samples, {first} has {rows[first]:,}: measure again")
        return cls(
            folder,
            profile,
            rows[first],
            min(tables[path].evidence for path in paths),
            tuple(name for name in tables[folder / _FEATURES].columns if name != "sample"),
            int(read_header(folder)["n_classes"]),
            {path: _stamp(path) for path in tables},
        )

    # many parameters: what is read, each by itself
    def batches(
        self,
        variants: Sequence[str] | None = None,
        *,
        evidence: bool = False,
        features: Sequence[str] = (),
        rows: int | None = None,
    ) -> Iterator[ProfileRows]:
        """Read all rows once, in order.

        Args:
            variants: whose quality is read; None: of all.
            evidence: whether to read what these variants said.
            features: names of those to read.
            rows: of a batch; None: as many as take some ten megabytes.

        Raises:
            ProfileError: a damaged table, or one that has changed since `open`.
        """
        names = self.profile.names if variants is None else variants
        chosen = [self.profile.variants[self.profile.names.index(name)] for name in names]
        rows = rows or self.batch_rows(len(chosen))
        with ExitStack() as stack:
            tables = self._opened(stack, chosen, evidence, features, rows)
            for start in range(0, self.n_samples, rows):
                yield self._rows(start, {key: table.take(rows) for key, table in tables.items()}, chosen)

    def with_latency(self, latency: LatencyTable) -> "ProfileStream":
        """Return the same with other latencies."""
        return replace(self, profile=replace(self.profile, latency=latency))

    @property
    def has_evidence(self) -> bool:
        """Whether what each variant said is there."""
        return self.n_evidence > 0

    def batch_rows(self, n_variants: int) -> int:
        """Return how many rows of so many variants are read at once."""
        return max(_LEAST_BATCH_ROWS, min(BATCH_ROWS, _BATCH_VALUES // max(1, n_variants)))

    def n_batches(self, n_variants: int) -> int:
        """Return how many batches of so many variants there are, for progress."""
        return -(-self.n_samples // self.batch_rows(n_variants))

    def _opened(
        self, stack: ExitStack, chosen: Sequence[Variant], evidence: bool, features: Sequence[str], rows: int
    ) -> dict[str, ParquetRows]:
        said: tuple[str, ...] = ()
        if evidence and self.has_evidence:
            said = _EVIDENCE[:2] if self.profile.quality_criterion is None else _EVIDENCE[2:]
        wanted = {f"quality/{one.name}": (quality_path(self.folder, one), ("quality", *said)) for one in chosen}
        wanted["names"] = (quality_path(self.folder, self.profile.variants[0]), ("sample", "label"))
        if features:
            wanted["features"] = (self.folder / _FEATURES, tuple(features))
        for key, name, column in (("group", _GROUPS, "group"), ("fold", _FOLDS, "fold"), ("size", _SIZES, "size")):
            if self.folder / name in self.stamps:
                wanted[key] = (self.folder / name, (column,))
        for path, _ in wanted.values():
            self.check_unchanged(path)
        return {key: stack.enter_context(ParquetRows(path, columns, rows)) for key, (path, columns) in wanted.items()}

    def check_unchanged(self, path: Path) -> None:
        """Raise ProfileError where a table has changed since `open`."""
        if _stamp(path) != self.stamps[path]:
            raise ProfileError(f"{path}: has changed while it was read: start again when nothing writes it")

    def _rows(self, start: int, read: dict[str, dict[str, Any]], chosen: Sequence[Variant]) -> ProfileRows:
        names, labels = read["names"]["sample"], read["names"]["label"]
        tables = [read[f"quality/{one.name}"] for one in chosen]
        n = len(names)
        quality = np.empty((n, len(tables)), np.float32)
        for column, table in enumerate(tables):
            quality[:, column] = _numbers(self.folder, table["quality"])
        found = read.get("features", {})
        columns = [_numbers(self.folder, values) for values in found.values()]
        features = np.stack(columns, axis=1).astype(np.float32) if columns else np.empty((n, 0), np.float32)
        hashes = name_hashes(names)
        groups = read["group"]["group"] if "group" in read else None
        return ProfileRows(
            start,
            names,
            _numbers(self.folder, labels).astype(np.int64),
            groups,
            hashes if groups is None else name_hashes(groups),
            hashes,
            quality,
            self._evidence(tables),
            features,
            _numbers(self.folder, read["fold"]["fold"]).astype(np.int64) if "fold" in read else None,
            _numbers(self.folder, read["size"]["size"]).astype(np.float64) if "size" in read else None,
        )

    def _evidence(self, tables: Sequence[dict[str, Any]]) -> tuple[Evidence, ...]:
        if not tables or len(tables[0]) <= 1 or not {"classes", "sketch"} & set(tables[0]):
            return ()
        criterion, n_classes = self.profile.quality_criterion, self.n_classes
        columns = [{name: _matrix(self.folder, values) for name, values in table.items()} for table in tables]
        found = (evidence_in(table, n_classes, criterion) for table in columns)
        return tuple(one for one in found if one is not None)


@dataclass(frozen=True)
class _Table:
    rows: int
    columns: tuple[str, ...]
    metadata: dict[str, str]
    evidence: int


def _table(path: Path) -> _Table:
    with parquet_errors(path), opened_parquet(path) as file:
        found = file.schema_arrow.metadata or {}
        metadata = {key.decode(): value.decode() for key, value in found.items()}
        schema = file.schema_arrow
        said = [schema.field(name).type for name in _EVIDENCE if name in schema.names]
        numbers = sum(getattr(kind, "list_size", 1) for kind in said)
        return _Table(file.metadata.num_rows, tuple(schema.names), metadata, numbers)


def _check_columns(path: Path, table: _Table, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise ProfileError(f"{path}: has no column {missing[0]!r}: measure it again")


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    return found.st_size, found.st_mtime_ns


def _numbers(folder: Path, values: Any) -> NDArray[Any]:
    pa = require("pyarrow", "train")
    if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)) or values.null_count:
        raise ProfileError(f"{folder}: a table has {values.type} with {values.null_count} gaps in place of numbers")
    return np.asarray(values.to_numpy(zero_copy_only=False))


def _matrix(folder: Path, values: Any) -> NDArray[Any]:
    pa = require("pyarrow", "train")
    if not pa.types.is_fixed_size_list(values.type):
        return _numbers(folder, values)
    return _numbers(folder, values.flatten()).reshape(len(values), values.type.list_size)
