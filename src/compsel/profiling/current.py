"""Latency of the uncompressed models as users run them now: on as many threads as ONNX Runtime takes by default."""

from pathlib import Path

from compsel.inputs.samples import Samples
from compsel.processors import default_cpu
from compsel.profiling.choices import Choices
from compsel.profiling.latency import Criterion, measure_latency
from compsel.progress import SILENT, Reporter

__all__ = ["CURRENT", "measure_current"]

# folder in a profile: what is in it is compared with, and never chosen
CURRENT = "current"


def measure_current(
    choices: Choices,
    samples: Samples,
    folder: Path,
    criterion: Criterion | None = None,
    reporter: Reporter = SILENT,
) -> None:
    """Measure the uncompressed variants on the default threads, idle, unless that is among the choices.

    Args:
        choices: what a selector chooses from.
        samples, folder, criterion, reporter: see `compsel.profiling.latency.measure_latency`.
    """
    default = default_cpu()
    if default.name in [processor.name for processor in choices.processors]:
        return
    originals = [variant for variant in choices.variants if variant.technique == "none"]
    if originals and default.availability().available:
        alone = Choices(originals, [default], choices.files)
        with reporter.phase(f"times of {default.name}, ONNX Runtime's default threads", 1):
            measure_latency(alone, ("idle",), samples, folder / CURRENT, criterion, reporter)
