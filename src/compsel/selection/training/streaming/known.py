"""What is known of a whole table that does not fit memory, and what samples of it are with that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError
from compsel.profiling.profile import Profile
from compsel.profiling.stream import ProfileStream
from compsel.profiling.stream_gathering import gathered
from compsel.progress import SILENT, Reporter
from compsel.selection.costs.model import CostModel
from compsel.selection.costs.sizes import size_of
from compsel.selection.dataset import SelectionDataset
from compsel.selection.training.portfolio import worth_trying
from compsel.selection.training.streaming.parts import TRAINING, TUNING
from compsel.selection.training.streaming.table_statistics import TableStatistics

__all__ = ["KnownTable", "StreamCosts"]


@dataclass(frozen=True)
class StreamCosts:
    """What choices cost.

    Attributes:
        model: of the costs.
        features_ms: by extractor, what computing its features takes.
    """

    model: CostModel
    features_ms: Mapping[str, float]

    def names(self, stream: ProfileStream) -> tuple[str, ...]:
        """Return the variants of a table that have costs."""
        costed = {variant for variant, _ in self.model.choices}
        return tuple(name for name in stream.profile.names if name in costed)

    def means(self, names: tuple[str, ...], statistics: TableStatistics) -> NDArray[np.float64]:
        """Return the mean costs (n_variants,) on all samples of a table."""
        if self.model.by_size is None or not statistics.sizes:
            return self.model.cheapest(names, self.model.idle)[0]
        counts = statistics.sizes
        costs = [self.model.cheapest(names, self.model.idle, size=size_of(bucket))[0] for bucket in counts]
        return np.asarray(np.average(np.stack(costs), axis=0, weights=list(counts.values())))


@dataclass(frozen=True)
class KnownTable:
    """A table with what one pass over it has found.

    Attributes:
        stream: the table.
        stream_costs: of its choices.
        names: (n_variants,), of the variants with costs.
        costs: (n_variants,), means on all samples.
        statistics: sums over all samples, of these variants.
        most_accurate: the most accurate uncompressed variant, on the samples that train.
        contenders: variants that are worth trying in a cascade, on these too.
    """

    stream: ProfileStream
    stream_costs: StreamCosts
    names: tuple[str, ...]
    costs: NDArray[np.float64]
    statistics: TableStatistics
    most_accurate: int
    contenders: tuple[int, ...]

    @classmethod
    def of(cls, stream: ProfileStream, costs: StreamCosts, reporter: Reporter = SILENT) -> "KnownTable":
        """Read the table once.

        Raises:
            ProfileError: no uncompressed variant; a damaged table; next to no labels.
        """
        names = costs.names(stream)
        variants = {variant.name: variant for variant in stream.profile.variants}
        uncompressed = [number for number, name in enumerate(names) if variants[name].technique == "none"]
        if not uncompressed:
            raise ProfileError("no uncompressed variant was measured: nothing to compare with")
        statistics = TableStatistics.gather(stream, names, reporter)
        means, quality = costs.means(names, statistics), statistics.quality(TRAINING, TUNING)
        accurate = min(uncompressed, key=lambda number: (-quality[number], means[number]))

        def beaten(number: int, cheaper: list[int]) -> bool:
            return statistics.beaten(number, cheaper, TRAINING, TUNING)

        contenders = worth_trying(quality, means, accurate, beaten)
        return cls(stream, costs, names, means, statistics, accurate, tuple(contenders))

    def sampled(
        self, rows: Sequence[NDArray[np.int64]], columns: Sequence[int], *, evidence: bool, reporter: Reporter = SILENT
    ) -> list[Profile]:
        """Return samples of the table as profiles, read in one pass.

        Args:
            rows: of each, places in the table, ascending.
            columns: of the variants.
            evidence: whether with what these said.
            reporter: hears how far it is.

        Raises:
            ProfileError: a damaged table.
        """
        union = np.unique(np.concatenate(rows))
        names = [self.names[column] for column in columns]
        found = gathered(self.stream, union, names, evidence=evidence, reporter=reporter)
        return [found.take(np.searchsorted(union, one)) for one in rows]

    def dataset(self, profile: Profile) -> SelectionDataset:
        """Return a sample joined with costs; mean costs and qualities are those of the whole table."""
        dataset = SelectionDataset.from_profile(profile, self.stream_costs.model, self.stream_costs.features_ms)
        columns = [self.names.index(name) for name in dataset.names]
        return replace(dataset, costs_ms=self.costs[columns], known_quality=self.statistics.quality()[columns])
