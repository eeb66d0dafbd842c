"""Settings of a characterisation."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from compsel.device.energy import Meter
from compsel.errors import ProfileError
from compsel.inputs.samples import Samples
from compsel.parallel.backend import Backend

__all__ = ["CharacterizationSettings"]


@dataclass(frozen=True)
class CharacterizationSettings:
    """What a characterisation measures, and for how long.

    Attributes:
        samples: inputs; with labels, accuracy is measured too.
        techniques: what to try; None: all that apply to a model.
        processors: where to run.
        calibration: how many samples techniques are given.
        budget_s: seconds for the latency of one row; as many samples are answered as the uncompressed model answers in
            twice that time, or as many as for the rows that are there already.
        keep: whether the variants stay on disk.
        meter: of energy, open; None: no energy is measured.
        backend: where variants are made, all of a model at once where that is said to be elsewhere; by default here,
            one at a time.

    Raises:
        ProfileError: no samples, no processors, or numbers that allow no measurement.

    >>> import numpy as np
    >>> from compsel.inputs.samples import ArraySamples
    >>> CharacterizationSettings(ArraySamples([np.zeros((8, 8, 3), np.uint8)])).processors
    ('cpu:1',)
    """

    samples: Samples
    techniques: Sequence[str] | None = None
    processors: Sequence[str] = ("cpu:1",)
    calibration: int = 50
    budget_s: float = 5.0
    keep: bool = False
    meter: Meter | None = None
    backend: Backend = field(default_factory=Backend)

    def __post_init__(self) -> None:
        if not len(self.samples) or not self.processors:
            raise ProfileError("got no samples or no processors: give at least one of each")
        if self.calibration < 1 or not self.budget_s > 0:
            raise ProfileError(
                f"got calibration {self.calibration} and budget {self.budget_s} s, allowed are 1 or more, and above 0"
            )
