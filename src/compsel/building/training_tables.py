"""Train on a profile: in memory, or on one that does not fit there."""

import os
from dataclasses import dataclass

import numpy as np

from compsel.building.certifying import check_not_learned, with_certificate
from compsel.errors import ObjectiveError, ProfileError
from compsel.parallel.backend import Backend
from compsel.profiling.profile import Profile
from compsel.profiling.stream import ProfileStream
from compsel.progress import SILENT, Reporter
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.certificate.certify import Certified
from compsel.selection.certificate.certify import certify as certify_dataset
from compsel.selection.certificate.promise import Promise
from compsel.selection.costs.fitting import fit_costs
from compsel.selection.costs.model import CostModel
from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.training.comparison import train
from compsel.selection.training.kept_fits import KEPT_NOWHERE, KeptFits
from compsel.selection.training.streaming.known import StreamCosts
from compsel.selection.training.streaming.memory import MemoryLimit
from compsel.selection.training.streaming.training import Streamed, train_streamed
from compsel.selection.training.trained import Trained
from compsel.selection.training.trainers import default_trainers

__all__ = ["TrainedOn", "opened_table", "selection_dataset", "stream_costs", "trained_on"]

_DEFAULT = Backend()


@dataclass(frozen=True)
class TrainedOn:
    """Policies, and what they were trained and judged on.

    Attributes:
        trained: the policies.
        profile: the samples that judged.
        dataset: the same, joined with costs.
        costs: of every choice.
        with_evidence: the same samples with what a cascade decides by, of the variants that it may run.
        certified: what is promised; None: nothing.
        streamed: how a table was trained on that does not fit memory; None: it fits.
    """

    trained: Trained
    profile: Profile
    dataset: SelectionDataset
    costs: CostModel
    with_evidence: SelectionDataset
    certified: Certified | None = None
    streamed: Streamed | None = None

    @property
    def n_samples(self) -> int:
        """How many samples the table has."""
        return len(self.profile.samples) if self.streamed is None else self.streamed.n


def opened_table(folder: str | os.PathLike[str], limit: MemoryLimit) -> Profile | ProfileStream:
    """Return the profile in a folder: in memory where it fits the limit, else as what is read in batches.

    Raises:
        ProfileError: no profile there, or tables that do not fit together.
        VersionError: written by a newer compsel.
    """
    stream = ProfileStream.open(folder)
    return Profile.load(folder) if limit.fits(stream) else stream


def selection_dataset(profile: Profile, objective: Objective | None = None) -> tuple[SelectionDataset, CostModel]:
    """Join the tables of a profile into what selectors are trained on.

    Raises:
        ProfileError: no costs were measured.
        ObjectiveError: what is minimised was not measured.
    """
    costs = stream_costs(profile, objective)
    return SelectionDataset.from_profile(profile, costs.model, costs.features_ms), costs.model


def stream_costs(profile: Profile, objective: Objective | None = None) -> StreamCosts:
    """Return what choices cost; where energy is minimised, features cost their time at the mean power of the choices.

    Raises:
        ProfileError: no costs were measured.
        ObjectiveError: what is minimised was not measured.
    """
    if profile.latency is None:
        raise ProfileError("the profile has no latencies: measure this device with compsel profile")
    latencies = profile.latency.by_choice()
    costs, features = fit_costs(profile.latency), profile.features_ms
    if objective is not None:
        objective.check_measured(energy=profile.energy is not None)
        if objective.minimize == "energy" and profile.energy is not None:
            powers = profile.energy.power_w({key: float(values.mean()) for key, values in latencies.items()})
            costs = costs.with_power(powers)
            features = {name: time_ms * float(np.mean([*powers.values()])) for name, time_ms in features.items()}
    return StreamCosts(costs, features)


# many parameters: the table, what is wanted of it, and the limit
def trained_on(
    table: Profile | ProfileStream,
    objective: Objective,
    reject_option: RejectOption | None = None,
    promise: Promise | None = None,
    limit: MemoryLimit | None = None,
    *,
    reporter: Reporter = SILENT,
    backend: Backend = _DEFAULT,
    kept: KeptFits = KEPT_NOWHERE,
) -> TrainedOn:
    """Train on a table.

    Args:
        table: in memory, or not.
        objective: what is wanted.
        reject_option: see `compsel.building.train.train_bundle`.
        promise: what shall be certified; None: nothing.
        limit: of memory, for a table that is read in batches; None: the usual one.
        reporter: hears what is said on the way.
        backend: where policies are trained on a table in memory; one that is read in batches is trained on here.
        kept: where what was trained stays, so that an interrupted training goes on.

    Raises:
        CompselError: see `compsel.building.train.train_bundle`.
    """
    if isinstance(table, ProfileStream):
        return _streamed(table, objective, reject_option, promise, limit or MemoryLimit(), reporter, kept)
    dataset, costs = selection_dataset(table, objective)
    certified = None
    if promise is not None:
        check_not_learned(table.folds is not None)
        certified = certify_dataset(dataset, promise)
    trainers = default_trainers(reject_option)
    trained = train(dataset, objective, trainers, reporter=reporter, backend=backend, kept=kept)
    return TrainedOn(with_certificate(trained, certified, dataset), table, dataset, costs, dataset, certified)


# many parameters: those of `trained_on`
def _streamed(
    stream: ProfileStream,
    objective: Objective,
    reject_option: RejectOption | None,
    promise: Promise | None,
    limit: MemoryLimit,
    reporter: Reporter,
    kept: KeptFits,
) -> TrainedOn:
    if promise is not None:
        raise ObjectiveError(
            f"certify: got {stream.n_samples:,} samples, which do not fit the memory limit, allowed is a table that "
            "does: raise the limit (--memory-limit-mb), or give a part of the samples"
        )
    costs = stream_costs(stream.profile, objective)
    found = train_streamed(stream, costs, objective, limit, reject_option, reporter, kept)
    reporter.say(found.words())
    return TrainedOn(found.trained, found.profile, found.dataset, costs.model, found.with_evidence, streamed=found)
