"""Measuring that is done in a moment."""

from typing import Any

from compsel.building.options import Measuring
from compsel.features.output_confidence import Confidence
from compsel.profiling.latency import Criterion
from compsel.profiling.output_quality import OutputQuality, Quality

QUICK = Criterion(relative_half_width=0.5, min_runs=3, max_runs=4, budget_s=1.0)


def quick(
    *,
    quality: Quality | str | None = None,
    confidence: Confidence | str | None = None,
    good_enough: float | None = None,
    **options: Any,
) -> Measuring:
    """One processor, an idle device, a few runs; options replace these."""
    cheap = {"idle_wait_s": 0.0, "processors": ("cpu:1",), "states": ("idle",), "criterion": QUICK, "calibration": 4}
    return Measuring(**{**cheap, **options}, output_quality=OutputQuality(quality, confidence, good_enough))
