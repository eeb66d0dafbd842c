"""Make the variants of a model by workers before they are measured: only making them depends on no device."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compsel.errors import CompselError, StorageError
from compsel.evaluation.characterization.measurement import VariantUnderTest
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.parallel.backend import Backend
from compsel.parallel.engines.joblib_processes import end_processes
from compsel.parallel.running import run_tasks
from compsel.parallel.task import ParallelTask, Work
from compsel.progress import Reporter
from compsel.techniques import parse
from compsel.variants.maker import VariantMaker
from compsel.variants.variant import OutputKind
from compsel.variants.writer import write_variant

__all__ = ["EarlyMaking", "made_early", "reason_of"]


class EarlyMaking:
    """Makes variants of one model in a folder, in a worker with one maker.

    Args:
        model: what to compress.
        calibration: samples for techniques and verification.
        files: folder of the variants' files.
        output: what the first output is.

    >>> from compsel.inputs.samples import ArraySamples
    >>> from compsel.networks import build
    >>> model = build("mobilenet-v1", width=0.25, resolution=32)
    >>> EarlyMaking(model, ArraySamples([]), Path("variants"), "logits").make("early-exit:1")
    'early-exit needs calibration samples: got none, give at least one'
    """

    def __init__(self, model: Model, calibration: Samples, files: Path, output: OutputKind) -> None:
        self._given = (model, calibration, files, output)
        self._start()

    def _start(self) -> None:
        model, calibration, self._files, self._output = self._given
        self._maker = VariantMaker(model, calibration)
        self._making = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"_given": self._given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    def make(self, spec: str) -> VariantUnderTest | str:
        """Return a variant, or why there is none.

        Raises:
            StorageError: it cannot be written.
        """
        with self._making:
            try:
                made = self._maker.make(
                    parse(spec), self._files, lambda model, folder: write_variant(model, folder, self._output)
                )
                return VariantUnderTest(made.accepted(), self._files, made.compress_s)
            except StorageError:
                raise
            except Exception as error:  # a defect of one technique must not cost the rows of all others
                return reason_of(error)


def made_early(
    making: EarlyMaking, specs: Sequence[str], backend: Backend, reporter: Reporter
) -> Mapping[str, VariantUnderTest | str]:
    """Make variants where a backend says, and end the processes of this machine: costs are measured alone."""
    tasks = [ParallelTask(spec, spec, (spec,)) for spec in specs]
    made = run_tasks(Work(_make, making), tasks, backend, reporter, "making variants")
    end_processes()
    return dict(zip(specs, made, strict=True))


def reason_of(error: Exception) -> str:
    """Return why there is no variant, of what making it raised."""
    return str(error) if isinstance(error, CompselError) else f"failed: {type(error).__name__}: {error}"


def _make(making: EarlyMaking, spec: str) -> VariantUnderTest | str:
    return making.make(spec)
