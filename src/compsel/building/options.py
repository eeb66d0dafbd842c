"""What is measured for a bundle, and how: options that `measure` and `build` share."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from compsel.features.tasks import check_task
from compsel.parallel.backend import Backend
from compsel.processors import parse as parse_processor
from compsel.profiling.latency import Criterion
from compsel.profiling.load import parse_state
from compsel.profiling.output_quality import OutputQuality
from compsel.techniques import parse as parse_technique

__all__ = ["DEFAULT_MEASURING", "Measuring"]


@dataclass(frozen=True)
class Measuring:
    """What is measured, and how.

    Attributes:
        techniques: what to try on each model; None: `compsel.variants.build_variants.default_techniques`.
        processors: words such as "cpu:2"; None: all that work here.
        states: of the device, such as "idle" or "busy:2"; None: idle and three loads.
        calibration: number of calibration samples.
        criterion: when a latency is known well enough; None: the defaults of `Criterion`.
        meter: of energy, see `compsel.device.energy`; None: what this machine has, and no energies where it has none.
        origin: in words, what the samples are; "": how many there are.
        output_quality: for models without class scores: how their answers are judged.
        task: the kind of answers, by its name in `compsel.features.tasks`; None: recognised from graph and labels.
        time_limit_s: about so long may everything take, training included: what does not fit is left out, see
            `compsel.building.time_plan`; None: no limit.
        backend: where models are compressed, and answers and features computed; what choices cost is measured on this
            device, alone.
        idle_wait_s: so long is waited for others to leave the cores before "idle" is measured; 0: nobody looks.

    >>> Measuring(techniques=["none", "int8-static"], states=["idle"]).check()
    >>> Measuring(states=["bored"]).check()
    Traceback (most recent call last):
    compsel.errors.ProfileError: state: got 'bored', allowed are idle, ...
    """

    techniques: Sequence[str] | None = None
    processors: Sequence[str] | None = None
    states: Sequence[str] | None = None
    calibration: int = 50
    criterion: Criterion | None = None
    meter: str | None = None
    origin: str = ""
    output_quality: OutputQuality = field(default_factory=OutputQuality)
    time_limit_s: float | None = None
    idle_wait_s: float = 5.0
    task: str | None = None
    backend: Backend = field(default_factory=Backend)

    def check(self) -> None:
        """Read every word now, not after hours of work.

        Raises:
            TechniqueError, ProcessorError, ProfileError, UsageError: one that does not exist.
        """
        if self.task is not None:
            check_task(self.task)
        for spec in self.techniques or ():
            parse_technique(spec)
        for state in self.states or ():
            parse_state(state)
        for word in self.processors or ():
            parse_processor(word)


DEFAULT_MEASURING = Measuring()
