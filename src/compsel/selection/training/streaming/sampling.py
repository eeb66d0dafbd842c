"""A stratified sample of a table that does not fit memory: the same samples whatever the order they are read in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.profiling.name_hashes import rehashed
from compsel.profiling.stream import ProfileStream
from compsel.progress import SILENT, Reporter
from compsel.selection.training.streaming.parts import part_of
from compsel.selection.training.streaming.rightness import Rightness
from compsel.selection.training.streaming.shortlist import pattern_of

__all__ = ["drawn"]

_SALT = 17
_MOST_STRATA_VARIANTS = 8


def drawn(
    stream: ProfileStream,
    rightness: Rightness,
    variants: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    reporter: Reporter = SILENT,
) -> list[NDArray[np.int64]]:
    """Draw samples of parts of a table, as many of each stratum as is its share of the part.

    A stratum is which of some variants are right. In it those come first whose names have the least hashes, so that
    the draw does not depend on the order of the table; samples of one group may be drawn or not, but are in one part.

    Args:
        stream: the table.
        rightness: which samples count, and what is right.
        variants: that make the strata, the first eight of them.
        sizes: by draw, the part that it is from and how many, more than 0.
        reporter: hears how far it is.

    Returns:
        For each draw the places in the table, ascending.

    Raises:
        ProfileError: see `ProfileStream.batches`.
    """
    variants = variants[:_MOST_STRATA_VARIANTS]
    draws = [_Draw(part, size, 2 ** len(variants)) for part, size in sizes]
    batches = rightness.batches(stream, variants)
    for batch in reporter.track(batches, "drawing samples", stream.n_batches(len(variants))):
        parts, strata = part_of(batch.rows)[batch.kept], pattern_of(batch.right)
        hashes = rehashed(batch.rows.hashes, _SALT)[batch.kept]
        for draw in draws:
            draw.offer(parts, strata, hashes, batch.rows.start + batch.kept)
    return [draw.rows() for draw in draws]


@dataclass
class _Stratum:
    n: int
    hashes: NDArray[np.uint64]
    rows: NDArray[np.int64]


class _Draw:
    def __init__(self, part: int, size: int, n_strata: int) -> None:
        self.part, self.size = part, size
        self._strata = [_Stratum(0, np.empty(0, np.uint64), np.empty(0, np.int64)) for _ in range(n_strata)]

    def offer(
        self,
        parts: NDArray[np.intp],
        strata: NDArray[np.intp],
        hashes: NDArray[np.uint64],
        rows: NDArray[np.int64],
    ) -> None:
        mine = np.flatnonzero(parts == self.part)
        for number in np.unique(strata[mine]).tolist():
            here = mine[strata[mine] == number]
            stratum = self._strata[number]
            stratum.n += len(here)
            all_hashes = np.concatenate([stratum.hashes, hashes[here]])
            all_rows = np.concatenate([stratum.rows, rows[here]])
            if len(all_hashes) > self.size:
                least = np.argpartition(all_hashes, self.size - 1)[: self.size]
                all_hashes, all_rows = all_hashes[least], all_rows[least]
            stratum.hashes, stratum.rows = all_hashes, all_rows

    def rows(self) -> NDArray[np.int64]:
        quotas = shared_out(self.size, [stratum.n for stratum in self._strata])
        chosen = [
            stratum.rows[np.argsort(stratum.hashes, kind="stable")[:quota]]
            for stratum, quota in zip(self._strata, quotas, strict=True)
        ]
        return np.sort(np.concatenate(chosen))


def shared_out(size: int, counts: Sequence[int]) -> list[int]:
    """Return how many of each stratum are drawn: in proportion, by largest remainders; no more than there are.

    >>> shared_out(10, [50, 25, 24, 1]), shared_out(10, [3, 4])
    ([5, 3, 2, 0], [3, 4])
    """
    total = sum(counts)
    if size >= total:
        return list(counts)
    shares = [size * count / total for count in counts]
    found = [int(share) for share in shares]
    order = sorted(range(len(counts)), key=lambda number: (found[number] - shares[number], number))
    for number in order[: size - sum(found)]:
        found[number] += 1
    return found
