"""`compsel.compress`: make smaller or faster variants of ONNX models, verify them, and write them."""

import os
from collections.abc import Sequence
from typing import Any

from compsel.building.preprocessing_search.resolve import complete
from compsel.building.verbs.options import Classes, Preprocess, as_list, as_models, as_samples
from compsel.errors import TechniqueError
from compsel.models.model import Model
from compsel.progress import Reporter
from compsel.progress.interactive import reporter_or_default
from compsel.techniques import applicable, parse
from compsel.variants import compress as variants
from compsel.variants.compress import CompressionReport

__all__ = ["compress"]

_CALIBRATION = 100


# many parameters: models, technique and out are what everybody gives; the others are rarely set, and independent
def compress(
    models: str | os.PathLike[str] | Model | Sequence[str | os.PathLike[str] | Model],
    technique: str | Sequence[str] | None = None,
    out: str | os.PathLike[str] = ".",
    *,
    samples: Any = None,
    calibration: int = _CALIBRATION,
    preprocess: Preprocess = None,
    classes: Classes = None,
    tokenizer: str | os.PathLike[str] | None = None,
    reporter: Reporter | None = None,
) -> list[CompressionReport]:
    """Make smaller or faster variants of models, verify them, and write them.

    For example `compsel.compress("lite0.onnx", ["int8-static", "prune:0.3"], "smaller", samples="val/")`. The settings
    of each layer are searched by `compsel.building.search.search`.

    Args:
        models, preprocess, classes, tokenizer, reporter: see `compsel.build`.
        technique: one or several; None: all that apply.
        out: folder of the ONNX files.
        samples: to calibrate with and to verify on, see `compsel.build`; None: verified on made-up inputs.
        calibration: how many of them are used.

    Returns:
        One report for each model and technique; what does not apply or agree has a reason, not a file.

    Raises:
        TechniqueError: one that does not exist, or fewer than one calibration sample.
        CompselError: what `compsel.variants.compress.compress` raises.
    """
    if calibration < 1:
        raise TechniqueError(f"calibration: got {calibration}, allowed is 1 or more")
    wanted = None if technique is None else [parse(spec) for spec in as_list(technique)]
    found = None if samples is None else as_samples(samples)
    few = None if found is None else found.spread(calibration)
    said = reporter_or_default(reporter)
    reports: list[CompressionReport] = []
    for opened in as_models(models, preprocess=preprocess, classes=classes, tokenizer=tokenizer):
        model = opened if found is None else complete(opened, found, said)
        techniques = [parse(spec) for spec in applicable(model)] if wanted is None else wanted
        reports += variants.compress([model], techniques, few, out, said, found)
    return reports
