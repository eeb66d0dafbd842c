"""Train policies on a table that does not fit memory, and judge them on samples that they were not trained on.

What sums can say is exact: the most accurate network, which variants are worth trying, the shortlist of a selector. A
selector over features is trained on all training samples. Cascades, and the choice that never changes, are trained on
a stratified sample, and everything is judged on another one, of a part of the table that nothing was trained on: by the
rule that holds in memory. What was judged is what ships: with so many samples a fifth of them is not missed.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.profiling.profile import Profile
from compsel.profiling.stream import ProfileStream
from compsel.progress import SILENT, Reporter
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.training.comparison import baselines, concluded, judged
from compsel.selection.training.enough_samples import check_enough_to_train
from compsel.selection.training.expectation import Optimism
from compsel.selection.training.kept_files import POLICIES
from compsel.selection.training.kept_fits import KEPT_NOWHERE, KeptFits
from compsel.selection.training.streaming.boosted_selector import StreamedTable, feature_columns
from compsel.selection.training.streaming.known import KnownTable, StreamCosts
from compsel.selection.training.streaming.memory import MemoryLimit, SampleSizes
from compsel.selection.training.streaming.parts import JUDGING, TRAINING, TUNING
from compsel.selection.training.streaming.sampling import drawn
from compsel.selection.training.streaming.shortlist import shortlists
from compsel.selection.training.trained import SINGLE_BEST, Trained
from compsel.selection.training.trainers import CascadeTrainer, FittedPolicy, SingleBestTrainer
from compsel.selection.training.trainers.base import PENALTY_IN_INFERENCES, penalty_of
from compsel.selection.training.trainers.boosting import BOOSTED, train_boosted
from compsel.selection.training.trainers.selectors import PENALTIES, SHORTLIST
from compsel.storage.files import sha256_file
from compsel.storage.parquet import parquet_errors

__all__ = ["Streamed", "train_streamed"]


@dataclass(frozen=True)
class Streamed:
    """What was trained on a table that does not fit memory.

    Attributes:
        trained: judged on `dataset`.
        profile: the samples that judged, with all variants.
        dataset: the same, joined with costs.
        with_evidence: the same, of the variants that a cascade may run, with what they said.
        n: samples of the whole table, those that count.
        sizes: how many of them trained and judged.
    """

    trained: Trained
    profile: Profile
    dataset: SelectionDataset
    with_evidence: SelectionDataset
    n: int
    sizes: SampleSizes

    def words(self) -> str:
        """Return in a sentence what was trained and judged on what."""
        sizes = self.sizes
        boosted = f"a selector over features on {sizes.boosted:,}, " if sizes.boosted else ""
        return (
            f"{self.n:,} samples do not fit the memory limit: trained {boosted}all else on {sizes.training:,}, judged "
            f"on {sizes.judging:,} others (stratified samples, drawn by a hash of the names; what is counted is exact)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form of that."""
        return {"n_samples": self.n, **asdict(self.sizes), "words": self.words()}


# many parameters: the table with its costs, what is wanted, and the limit
def train_streamed(
    stream: ProfileStream,
    costs: StreamCosts,
    objective: Objective,
    limit: MemoryLimit,
    reject_option: RejectOption | None = None,
    reporter: Reporter = SILENT,
    kept: KeptFits = KEPT_NOWHERE,
) -> Streamed:
    """Train on a table that is read in batches; what is kept of an interrupted training is not trained again.

    Raises:
        ProfileError: no uncompressed variant; a damaged table; next to no labels.
        TooFewSamplesError: too few of them.
    """
    known = KnownTable.of(stream, costs, reporter)
    lists = _shortlists(known, objective, reporter)
    outputs = sorted({column for shortlist in lists for column in shortlist})
    limits = limit.sizes(
        len(known.names),
        stream.n_evidence * len(known.contenders),
        len(feature_columns(stream)),
        len(outputs),
    )
    training, tuning, judging = _drawn(known, [*outputs, *known.contenders], limits, reporter)
    every = known.sampled([tuning, judging], range(len(known.names)), evidence=False, reporter=reporter)
    some = known.sampled([training, judging], known.contenders, evidence=True, reporter=reporter)
    tuned, judge, taught, evident = (known.dataset(one) for one in (*every, *some))
    fitted = {SINGLE_BEST: SingleBestTrainer().fit(tuned, objective)}
    table = StreamedTable(known, limits.boosted)
    if outputs:
        fitted[BOOSTED] = _boosted(known.stream, table, lists, objective, tuned, reporter, kept)
    cascade = CascadeTrainer(reject_option=reject_option)
    if cascade.applies(taught):
        reporter.detail(f"training {cascade.name} on {len(training):,} samples")
        fitted[cascade.name] = kept.fit(
            (cascade.name, kept.digest(taught, objective, cascade)),
            POLICIES,
            lambda: cascade.fit(taught, objective),
            cascade.name,
            reporter,
        )
    n = int(known.statistics.n.sum())
    n_boosted = table.n if outputs else 0
    drawn_sizes = SampleSizes(len(training), len(judging), n_boosted)
    return Streamed(_judged(judge, evident, fitted, objective), every[1], judge, evident, n, drawn_sizes)


def _boosted(
    stream: ProfileStream,
    table: StreamedTable,
    lists: list[tuple[int, ...]],
    objective: Objective,
    tuned: SelectionDataset,
    reporter: Reporter,
    kept: KeptFits,
) -> FittedPolicy:
    """Train a selector over features on all samples that train, unless that is there from an earlier run."""
    taken = (table.names, table.costs, table.share, lists, objective, tuned)
    known_by = "" if kept.folder is None else kept.digest(_files(stream), *taken)

    def fit() -> FittedPolicy:
        return train_boosted(table, lists, penalty_of(tuned, objective), objective, tuned, reporter)

    return kept.fit((BOOSTED, known_by), POLICIES, fit, BOOSTED, reporter)


def _files(stream: ProfileStream) -> list[tuple[str, str]]:
    """Return the SHA-256 of what a table is read from, by file."""
    found = []
    for path in (stream.folder / "profile.json", *stream.stamps):
        with parquet_errors(path):
            found.append((path.relative_to(stream.folder).as_posix(), sha256_file(path)))
    return found


def _shortlists(known: KnownTable, objective: Objective, reporter: Reporter) -> list[tuple[int, ...]]:
    """Return the shortlists of a selector over features; none where there are no features, or no choice."""
    if not feature_columns(known.stream) or len(known.names) < 2:
        return []
    penalty = objective.penalty or PENALTY_IN_INFERENCES * float(known.costs[known.most_accurate])
    penalties = [penalty, *(penalty * factor for factor in PENALTIES if objective.has_floor)]
    return shortlists(known.stream, known.statistics, known.names, known.costs, penalties, SHORTLIST, reporter)


def _drawn(known: KnownTable, strata: list[int], limits: SampleSizes, reporter: Reporter) -> list[NDArray[np.int64]]:
    """Draw the samples that train, tune and judge."""
    names = [known.names[column] for column in dict.fromkeys(strata)]
    sizes = [(TRAINING, limits.training), (TUNING, limits.judging), (JUDGING, limits.judging)]
    rows = drawn(known.stream, known.statistics.rightness, names, sizes, reporter)
    check_enough_to_train(min(map(len, rows)))
    return rows


def _judged(
    dataset: SelectionDataset, evident: SelectionDataset, fitted: dict[str, FittedPolicy], objective: Objective
) -> Trained:
    """Compare on samples that nothing was trained on; what ships is what was judged, so nothing was too hopeful."""
    outcomes = {
        name: (dataset if name != CascadeTrainer.name else evident).outcome_of(one.policy)
        for name, one in fitted.items()
    } | baselines(dataset)
    nothing = np.zeros(len(dataset.targets))
    optimism = {name: Optimism(nothing, nothing) for name in outcomes}
    return concluded(dataset, objective, fitted, judged(dataset, objective, outcomes, optimism), outcomes)
