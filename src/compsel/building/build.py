"""Build a bundle: compress, measure, train and write; each step goes on where it was interrupted."""

import os
from collections.abc import Sequence
from pathlib import Path

from compsel.building.certifying import as_promise
from compsel.building.measure import has_meter, measure
from compsel.building.options import DEFAULT_MEASURING, Measuring
from compsel.building.result import Built
from compsel.building.train import as_objective, train_bundle
from compsel.evaluation.contenders import work_place
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.profiling.profile import Profile
from compsel.profiling.stream import ProfileStream
from compsel.progress import SILENT, Reporter
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.certificate.certify import check_enough
from compsel.selection.certificate.promise import Promise
from compsel.selection.objective import Objective
from compsel.selection.training.enough_samples import check_enough_to_train
from compsel.selection.training.streaming.memory import MemoryLimit
from compsel.storage.files import check_place
from compsel.storage.locations.using import kept_in_step

__all__ = ["build"]


# many parameters: models, samples and out are what everybody gives; the others are rarely set, and independent
def build(
    models: Sequence[str | os.PathLike[str] | Model],
    samples: Samples,
    out: str | os.PathLike[str],
    objective: Objective | str | None = None,
    *,
    measuring: Measuring = DEFAULT_MEASURING,
    reject_option: RejectOption | None = None,
    certify: Promise | str | None = None,
    work: str | os.PathLike[str] | None = None,
    replace: bool = False,
    limit: MemoryLimit | None = None,
    reporter: Reporter = SILENT,
) -> Built:
    """Compress, measure, train and write a bundle.

    Args:
        models: ONNX files, or models.
        samples: labelled inputs, or unlabelled ones (then the uncompressed model's answers count as right).
        out: folder of the bundle.
        objective, reject_option, certify: see `compsel.building.train.train_bundle`.
        measuring: what is measured, and how.
        work: where variants and measurements are kept, so that an interrupted build goes on; None: `<out>.work`.
        replace: whether a bundle that is there already is replaced.
        limit: of memory, for training: what was measured is read in batches where it does not fit; None: the usual one.
        reporter: hears how far it is.

    Raises:
        TooFewSamplesError: fewer samples than a selector can be trained and judged on.
        ObjectiveError: what shall be promised cannot be certified with so few samples, whatever is measured.
        StorageError: `out` is there already, or cannot be written.
        CompselError: what `measure` and `train_bundle` raise.
    """
    out, objective, promise = Path(out), as_objective(objective), as_promise(certify, reject_option)
    objective.check_measured(energy=has_meter(measuring.meter))
    if promise is not None:
        check_enough(len(set(samples.groups)), promise)
    loaded = [model if isinstance(model, Model) else Model.load(model) for model in models]
    check_enough_to_train(len(samples), len(set(samples.groups)))
    check_place(out, replace=replace)  # after what is given: a place that is taken is not what is wrong with it
    with kept_in_step(work if work is not None else work_place(out)) as place:
        limit = limit or MemoryLimit()
        return train_bundle(
            _measured(measure(loaded, samples, place, measuring, reporter=reporter)[0], place, limit),
            place / "variants",
            out,
            objective,
            reject_option=reject_option,
            certify=promise,
            work=place,
            replace=replace,
            limit=limit,
            reporter=reporter,
            backend=measuring.backend,
        )


def _measured(profile: Profile, place: Path, limit: MemoryLimit) -> Profile | ProfileStream:
    """Return what was measured: as it is where it fits the limit, else as what is read in batches from its folder."""
    stream = ProfileStream.open(place)
    return profile if limit.fits(stream) else stream
