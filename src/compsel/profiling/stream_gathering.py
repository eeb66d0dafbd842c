"""Some rows of a profile that does not fit memory, as a profile in memory."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.features.evidence import Evidence, stack_evidence
from compsel.profiling.profile import Profile
from compsel.profiling.stream import ProfileRows, ProfileStream
from compsel.progress import SILENT, Reporter

__all__ = ["gathered"]


def gathered(
    stream: ProfileStream,
    rows: NDArray[np.int64],
    variants: Sequence[str],
    *,
    evidence: bool = True,
    reporter: Reporter = SILENT,
) -> Profile:
    """Return some rows as a profile, in their order in the table.

    Args:
        stream: the profile that they are of.
        rows: places in it, ascending.
        variants: whose quality is kept; the profile has only these.
        evidence: whether what these variants said is kept.
        reporter: hears how far it is.

    Raises:
        ProfileError: see `ProfileStream.batches`.
    """
    parts: list[_Part] = []
    batches = stream.batches(variants, evidence=evidence, features=stream.feature_names)
    for batch in reporter.track(batches, "reading the samples that were drawn", stream.n_batches(len(variants))):
        first, last = np.searchsorted(rows, [batch.start, batch.start + batch.n])
        if last > first:
            parts.append(_Part(batch, (rows[first:last] - batch.start).astype(np.intp)))
    return _joined(stream, parts, variants)


class _Part:
    """What is kept of a batch: a copy, so that the batch itself is not."""

    def __init__(self, batch: ProfileRows, rows: NDArray[np.intp]) -> None:
        self.samples = batch.names.take(rows).to_pylist()
        self.groups = [] if batch.groups is None else batch.groups.take(rows).to_pylist()
        self.labels, self.quality, self.features = batch.labels[rows], batch.quality[rows], batch.features[rows]
        self.folds = None if batch.folds is None else batch.folds[rows]
        self.sizes = None if batch.sizes is None else batch.sizes[rows]
        self.evidence: tuple[Evidence, ...] = tuple(one.take(rows) for one in batch.evidence)


def _joined(stream: ProfileStream, parts: Sequence[_Part], variants: Sequence[str]) -> Profile:
    def column(name: str, empty: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts]) if parts else empty

    profile = stream.profile.among(variants)
    has = {name: bool(parts) and getattr(parts[0], name) is not None for name in ("folds", "sizes")}
    n_evidence = len(parts[0].evidence) if parts else 0
    return replace(
        profile,
        samples=tuple(name for part in parts for name in part.samples),
        groups=tuple(name for part in parts for name in part.groups),
        labels=column("labels", profile.labels),
        quality=column("quality", profile.quality).astype(np.float64),
        features=column("features", profile.features),
        feature_names=stream.feature_names,
        evidence=tuple(stack_evidence([part.evidence[number] for part in parts]) for number in range(n_evidence)),
        folds=column("folds", np.empty(0)) if has["folds"] else None,
        sizes=column("sizes", np.empty(0)) if has["sizes"] else None,
    )
