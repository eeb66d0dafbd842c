"""The training samples of a table that does not fit memory, as a selector over features is trained on them."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from compsel.profiling.name_hashes import rehashed
from compsel.profiling.stream import ProfileStream
from compsel.selection.selectors.base import FeatureMatrix
from compsel.selection.training.streaming.known import KnownTable
from compsel.selection.training.streaming.parts import TRAINING, part_of
from compsel.selection.training.trainers.boosting import EXTRACTOR, BoostingTable

__all__ = ["StreamedTable", "feature_columns"]

_SALT = 18


class StreamedTable(BoostingTable):
    """The training samples of a table, or some of them.

    Args:
        known: the table.
        most_rows: so many training samples are taken at most; which ones a hash of their names decides.

    Attributes:
        share: the share of the training samples that is taken.
    """

    def __init__(self, known: KnownTable, most_rows: int) -> None:
        self._stream, self._statistics = known.stream, known.statistics
        self.names, self.costs = known.names, known.costs
        n_training = int(known.statistics.n[TRAINING])
        self.share = min(1.0, most_rows / max(1, n_training))
        self.n = int(self.share * n_training)
        self._features = feature_columns(known.stream)
        self.n_features = len(self._features)
        self.n_batches = known.stream.n_batches(0)

    def quality(self) -> NDArray[np.float64]:
        """Return the mean quality (n_variants,) on all training samples."""
        return self._statistics.quality(TRAINING)

    def rows(self, columns: Sequence[int]) -> Iterator[tuple[FeatureMatrix, NDArray[np.float32]]]:
        """Give the samples that are taken, in batches: features, and how right some variants are.

        Raises:
            ProfileError: see `ProfileStream.batches`.
        """
        names = [self.names[column] for column in columns]
        limit = np.uint64(min(self.share * 2.0**64, 2.0**64 - 2048))
        for batch in self._statistics.rightness.batches(self._stream, names, self._features):
            mine = part_of(batch.rows)[batch.kept] == TRAINING
            if self.share < 1.0:
                mine &= rehashed(batch.rows.hashes, _SALT)[batch.kept] < limit
            yield batch.rows.features[batch.kept[mine]], batch.right[mine]


def feature_columns(stream: ProfileStream) -> list[str]:
    """Return the names of the features that selectors decide by; none where they were not measured."""
    return [name for name in stream.feature_names if name.partition(".")[0] == EXTRACTOR]
