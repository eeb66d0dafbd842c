"""`compsel.build`: compress, measure, train and write a bundle."""

import os
from collections.abc import Sequence
from typing import Any, Unpack

from compsel.building import build as building
from compsel.building.options import Measuring
from compsel.building.result import Built
from compsel.building.verbs.given import Classes, Preprocess, as_models, samples_for
from compsel.building.verbs.options import BuildOptions, measuring_of, objective_of, parted, reject_option_of
from compsel.building.verbs.places import with_places
from compsel.models.model import Model
from compsel.progress import Reporter
from compsel.progress.interactive import reporter_or_default
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.certificate.promise import Promise
from compsel.selection.objective import Objective
from compsel.selection.training.streaming.memory import DEFAULT_LIMIT_MB, MemoryLimit

__all__ = ["build"]


# many parameters: models, samples and out are what everybody gives; the others are rarely set, and independent
@with_places(read=("samples", "models", "tokenizer"), written=("out", "work"))
def build(
    models: str | os.PathLike[str] | Model | Sequence[str | os.PathLike[str] | Model],
    samples: Any,
    out: str | os.PathLike[str],
    objective: Objective | str | None = None,
    *,
    preprocess: Preprocess = None,
    classes: Classes = None,
    tokenizer: str | os.PathLike[str] | None = None,
    measuring: Measuring | None = None,
    reject_option: RejectOption | None = None,
    certify: Promise | str | None = None,
    work: str | os.PathLike[str] | None = None,
    replace: bool = False,
    memory_limit_mb: float = DEFAULT_LIMIT_MB,
    reporter: Reporter | None = None,
    **options: Unpack[BuildOptions],
) -> Built:
    """Compress, measure, train and write a bundle.

    For example `compsel.build("lite0.onnx", "val/", "bundle")`, or with options
    `compsel.build(["a.onnx", "b.onnx"], samples, "bundle", goal="at most 1 % less accurate", time_limit="10 min")`.

    Args:
        models: an ONNX file or a `compsel.Model`, or several.
        samples: a path, or anything else that `compsel.inputs.modalities.open_samples` takes; labelled or not (then the
            uncompressed model's answers count as right).
        out: folder of the bundle.
        objective: what "best" means, also in words; None: as fast as possible, at least as accurate as the best single
            network.
        preprocess: what becomes of pictures: see `compsel.Model.load`; None: what nothing says is found out with
            labelled samples.
        classes: names of the classes: see `compsel.Model.load`.
        tokenizer: `tokenizer.json` of models that take tokens; None: the one beside them.
        measuring, reject_option: in place of the options that are their parts.
        certify: what the bundle shall promise, such as "99 % agreement"; None: nothing.
        work: where variants and measurements are kept, so that an interrupted build goes on; None: `<out>.work`.
        replace: whether a bundle that is there already is replaced.
        memory_limit_mb: how much memory training may use: see `compsel.train`.
        reporter: hears how far it is; None: a line of progress where somebody looks, else the log.
        options: see `compsel.building.verbs.options.MeasuringOptions` and `ObjectiveOptions`.

    Raises:
        UsageError: an option that does not exist, or two that contradict each other.
        CompselError: what `compsel.building.build.build` raises.
    """
    of_measuring, of_objective = parted(options)
    wanted, how = objective_of(objective, of_objective), measuring_of(measuring, of_measuring)
    rejecting, limit = reject_option_of(reject_option, of_objective), MemoryLimit(memory_limit_mb)
    opened = as_models(models, preprocess=preprocess, classes=classes, tokenizer=tokenizer)
    return building.build(
        opened,
        samples_for(opened, samples),
        out,
        wanted,
        measuring=how,
        reject_option=rejecting,
        certify=certify,
        work=work,
        replace=replace,
        limit=limit,
        reporter=reporter_or_default(reporter),
    )
