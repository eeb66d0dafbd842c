"""`compsel.evaluate`: compare a bundle's policy with the baselines and the oracle, on the real runtime."""

import os
from dataclasses import replace
from typing import Any

from compsel.building.labels import check_bundle_names
from compsel.building.verbs.given import as_samples, check_kind
from compsel.building.verbs.places import with_places
from compsel.bundle.bundle import Bundle
from compsel.device.energy import meter_or_none
from compsel.evaluation import evaluate as evaluation
from compsel.evaluation.opening import bundle_to_evaluate
from compsel.evaluation.results import Evaluation
from compsel.features.output_confidence import Confidence
from compsel.models.random_weights import random_weights_warning
from compsel.profiling.output_quality import Quality
from compsel.progress import Reporter
from compsel.progress.interactive import reporter_or_default
from compsel.runtime.runtime import Runtime
from compsel.storage.files import folder_size_mb
from compsel.storage.locations.using import in_addresses

__all__ = ["evaluate"]


# many parameters: bundle and samples are what everybody gives; the others are rarely set, and independent
@with_places(read=("bundle", "profile"))
def evaluate(
    bundle: str | os.PathLike[str] | Bundle,
    samples: Any,
    *,
    repeats: int = 3,
    profile: str | os.PathLike[str] | None = None,
    meter: str | None = None,
    quality: Quality | str | None = None,
    confidence: Confidence | str | None = None,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Compare a bundle's policy with the baselines, what a sceptic would ship, and the oracle, in one run.

    Args:
        bundle: its folder, or a `compsel.Bundle`.
        samples: see `compsel.build`; others than those that it was built with.
        repeats: of each sample and policy; the median counts.
        profile: folder of what the build measured: a static choice may then be any of it; None: `<bundle>.work`, where
            it is there.
        meter: of energy; None: what there is.
        quality, confidence: the functions that a bundle of models without class scores was built with.
        reporter: see `compsel.build`.

    Raises:
        CompselError: what `compsel.evaluation.evaluate.evaluate` raises.
    """
    said, given = reporter_or_default(reporter), bundle if isinstance(bundle, Bundle) else Bundle.load(bundle)
    found = as_samples(samples, given.modality)
    check_kind(found, given.modality, "this bundle")
    check_bundle_names(given, found)
    loaded, all_measured = bundle_to_evaluate(given, profile, said)
    for name in loaded.summary.get("random_weights", ()):
        said.say(random_weights_warning(name))
    with Runtime(loaded, confidence=confidence) as runtime, meter_or_none(meter) as opened:
        result = evaluation.evaluate(runtime, found, repeats=repeats, reporter=said, meter=opened, quality=quality)
    size_mb = {**result.size_mb, "adaptive": folder_size_mb(given.folder)}
    return replace(result, all_measured=all_measured, bundle=in_addresses(str(given.folder)), size_mb=size_mb)
