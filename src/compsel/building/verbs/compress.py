"""`compsel.compress`: make smaller or faster variants of ONNX models, verify them, and write them."""

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from compsel.building.preprocessing_search.resolve import complete
from compsel.building.verbs.given import Classes, Preprocess, as_models, lean_model, samples_for
from compsel.building.verbs.options import as_list
from compsel.building.verbs.places import with_places
from compsel.errors import InputError, ModelError, TechniqueError, UsageError
from compsel.evaluation.perf.variant_figures import measure_figures
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.parallel.backend import Backend, backend_of
from compsel.processors import parse_available
from compsel.progress import Reporter
from compsel.progress.interactive import reporter_or_default
from compsel.storage.file_names import clashing, slug
from compsel.storage.files import check_writable
from compsel.techniques import applicable, parse
from compsel.techniques.base import Technique
from compsel.variants import compress as variants
from compsel.variants.compress import CompressionReport

__all__ = ["compress", "opened_for"]


# many parameters: models, technique and out are what everybody gives; the others are rarely set, and independent
@with_places(read=("models", "samples"), written=("out",))
def compress(
    models: str | os.PathLike[str] | Model | Sequence[str | os.PathLike[str] | Model],
    technique: str | Sequence[str] | None = None,
    out: str | os.PathLike[str] = ".",
    *,
    samples: Any = None,
    calibration: int = 100,
    processor: str = "cpu:1",
    seconds: float = 0.5,
    preprocess: Preprocess = None,
    classes: Classes = None,
    tokenizer: str | os.PathLike[str] | None = None,
    reporter: Reporter | None = None,
    jobs: int | None = None,
    backend: Backend | None = None,
) -> list[CompressionReport]:
    """Make smaller or faster variants of models, verify them, and write them.

    For example `compsel.compress("lite0.onnx", ["int8-static", "prune:0.3"], "smaller", samples="val/")`. The settings
    of each layer are searched by `compsel.building.search.search`.

    Args:
        models, preprocess, classes, tokenizer, reporter, jobs, backend: see `compsel.build`.
        technique: one or several; None: all that apply.
        out: folder of the ONNX files.
        samples: to calibrate with and to verify on, see `compsel.build`; None: verified on made-up inputs.
        calibration: how many of them are used.
        processor: where latency is measured.
        seconds: of timing, for each variant; 0: neither latency nor accuracy are measured.

    Returns:
        One report for each model and technique; what does not apply or agree has a reason, not a file.

    Raises:
        TechniqueError: one that does not exist, fewer than one calibration sample, or models of the same name.
        UsageError: a time below 0.
        CompselError: what `compsel.variants.compress.compress` raises.
    """
    parse_available(processor)
    if calibration < 1:
        raise TechniqueError(f"calibration: got {calibration}, allowed is 1 or more")
    if not 0 <= seconds < math.inf:
        raise UsageError(f"seconds: got {seconds:g}, allowed is a number of seconds from 0")
    wanted = None if technique is None else [parse(spec) for spec in as_list(technique)]
    listed = [models] if isinstance(models, (str, os.PathLike, Model)) else list(models)
    _check_names(listed)
    check_writable(out)
    said, where = reporter_or_default(reporter), backend_of(backend, jobs)
    place = Path(out).absolute() if where.is_far else Path(out)
    options, reports = {"preprocess": preprocess, "classes": classes, "tokenizer": tokenizer}, list[CompressionReport]()
    for given in listed:  # one at a time: they can be large
        model, found = opened_for(given, samples, said, **options)
        techniques = [parse(spec) for spec in applicable(model)] if wanted is None else wanted
        given = lean_model(given, model, **options)
        del model
        few = None if found is None else found.spread(calibration)
        name = _name(given)
        _check_kept(listed, name, techniques, Path(out))
        with said.phase(f"compressing {name}"):
            made = variants.compress([given], techniques, few, place, said, found, where)
            reports += _measured(given, made, found, processor, seconds, said) if seconds else made
    return reports


def opened_for(
    given: str | os.PathLike[str] | Model, samples: Any, reporter: Reporter, **options: Any
) -> tuple[Model, Samples | None]:
    """Read a model, and the samples with labels in the order of its classes; what it lacks, they show.

    Args:
        given: the model, or its path.
        samples: see `samples_for`; None: none.
        reporter: hears what they are, and what was found.
        options: of `as_models`.

    Raises:
        CompselError: what cannot be read.
    """
    (model,) = as_models(given, **options)
    if samples is None:
        return model, None
    found = samples_for([model], samples).readable(reporter)
    found.say(reporter)
    return complete(model, found, reporter), found.ordered_by(model.labels)


def _check_names(models: Sequence[str | os.PathLike[str] | Model]) -> None:
    if clash := clashing(_name(model) for model in models):
        raise TechniqueError(
            f"got models {clash}, whose variants would have the same files: give each a name of its own, such as by "
            "renaming a file"
        )


def _check_kept(models: Sequence[Any], name: str, techniques: Sequence[Technique], out: Path) -> None:
    """Raise TechniqueError where a variant would replace one of the models."""
    paths = {Path(model).resolve() for model in models if not isinstance(model, Model)}
    for technique in techniques:
        file = out / f"{slug(f'{name}.{technique.spec}')}.onnx"
        if file.resolve() in paths:
            raise TechniqueError(
                f"{name}: its variant by {technique.spec} would replace {file}, which is to be compressed too: choose "
                "another --out (in Python out=)"
            )


def _name(model: str | os.PathLike[str] | Model) -> str:
    return model.name if isinstance(model, Model) else Path(model).stem


# many parameters: what was made, and how it is measured
def _measured(
    model: str | os.PathLike[str] | Model,
    reports: list[CompressionReport],
    samples: Samples | None,
    processor: str,
    seconds: float,
    reporter: Reporter,
) -> list[CompressionReport]:
    """Return the reports with the latency and the accuracy of what was written, and of the model itself."""
    if not any(report.path for report in reports):
        return reports
    (opened,) = as_models(model)
    try:
        figures = measure_figures(opened, reports, samples, processor, seconds, reporter)
    except (InputError, ModelError) as error:
        reporter.say(f"{opened.name}: neither latency nor accuracy were measured: {error}")
        return reports
    return [
        replace(one, figures=figures.get(one.technique) if one.path else None, original=figures["none"])
        for one in reports
    ]
