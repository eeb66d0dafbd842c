"""Latency and accuracy of a model's variants, against the model itself."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from compsel.evaluation.perf.accuracy import labelled_part, measured_accuracy
from compsel.evaluation.perf.perf import perf
from compsel.inputs.samples import Samples
from compsel.models.file_outputs import with_file_outputs
from compsel.models.model import Model
from compsel.processors import parse
from compsel.progress import SILENT, Reporter
from compsel.techniques import parse as parse_technique
from compsel.variants.compress import CompressionReport
from compsel.variants.figures import VariantFigures

__all__ = ["measure_figures"]

_MOST_SAMPLES = 200


# many parameters: what is compared, on what, and where
def measure_figures(
    model: Model,
    reports: Sequence[CompressionReport],
    samples: Samples | None,
    processor: str,
    seconds: float,
    reporter: Reporter = SILENT,
) -> dict[str, VariantFigures]:
    """Time a model and its variants in turns, and count right answers; by technique, "none" for the model itself.

    Args:
        model: before compression.
        reports: of its variants.
        samples: to run; None: made-up inputs.
        processor: where.
        seconds: for each.
        reporter: of progress.

    Raises:
        InputError, ModelError: what cannot be run.
    """
    with TemporaryDirectory(prefix="compsel-") as folder:
        files = {"none": with_file_outputs(model).save(Path(folder) / "model.onnx")}
        files |= {report.technique: report.path for report in reports if report.path and report.technique != "none"}
        paths = list(files.values())
        result = perf(paths, processors=[processor], samples=samples, seconds=seconds, memory=False, reporter=reporter)
        judging = labelled_part(samples, _MOST_SAMPLES)
        figures = {}
        for (technique, file), row in zip(files.items(), result.rows, strict=True):
            accuracy = None
            if judging is not None and not parse_technique(technique).learns:
                accuracy = measured_accuracy(Model.load(file), file, judging, parse(processor))
            ratio = row.speedup
            figures[technique] = VariantFigures(
                row.latency_ms["p50"],
                (1.0, 1.0, 1.0) if ratio is None else (ratio.value, ratio.low, ratio.high),
                None if accuracy is None else accuracy.value,
                0 if judging is None else len(judging),
            )
    return figures
