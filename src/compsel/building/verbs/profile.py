"""`compsel.profile`: compress models and measure what each way costs and breaks on this device."""

import os
from collections.abc import Sequence
from typing import Any, Unpack

from compsel.building.measure import measure
from compsel.building.options import Measuring
from compsel.building.verbs.given import Classes, Preprocess, as_models, samples_for
from compsel.building.verbs.options import MeasuringOptions, measuring_of
from compsel.building.verbs.places import with_places
from compsel.models.model import Model
from compsel.profiling.profile import Profile
from compsel.progress import Reporter
from compsel.progress.interactive import reporter_or_default

__all__ = ["profile"]


# many parameters: models, samples and out are what everybody gives; the others are rarely set, and independent
@with_places(read=("samples", "models"), written=("out",))
def profile(
    models: str | os.PathLike[str] | Model | Sequence[str | os.PathLike[str] | Model],
    samples: Any,
    out: str | os.PathLike[str],
    *,
    preprocess: Preprocess = None,
    classes: Classes = None,
    tokenizer: str | os.PathLike[str] | None = None,
    measuring: Measuring | None = None,
    reporter: Reporter | None = None,
    **options: Unpack[MeasuringOptions],
) -> Profile:
    """Compress models and measure what each way costs and breaks on this device.

    Args:
        models, samples, preprocess, classes, tokenizer, measuring, reporter: see `compsel.build`.
        out: folder of the profile; what an interrupted call measured there is taken up.
        options: see `compsel.building.verbs.options.MeasuringOptions`.

    Raises:
        UsageError: an option that does not exist.
        CompselError: what `compsel.building.measure.measure` raises.
    """
    how = measuring_of(measuring, options)
    opened = as_models(models, preprocess=preprocess, classes=classes, tokenizer=tokenizer)
    return measure(opened, samples_for(opened, samples), out, how, reporter=reporter_or_default(reporter))[0]
