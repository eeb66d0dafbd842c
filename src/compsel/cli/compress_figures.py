"""What `compsel compress` shows beside the size of each variant: latency and accuracy, against the model itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from compsel.cli.terminal import TERMINAL

if TYPE_CHECKING:
    from compsel.inputs.samples import Samples
    from compsel.models.model import Model
    from compsel.variants.compress import CompressionReport

__all__ = ["Figures", "measure_figures"]

_MOST_SAMPLES = 200


@dataclass(frozen=True)
class Figures:
    """What was measured of a variant, or of the model itself.

    Attributes:
        latency_ms: p50 of one inference, preprocessing not counted.
        speedup: how many times as fast as the model itself, with its 95 % interval; 1 for that.
        accuracy: share of right answers on `samples` labelled ones; None without labels, without class scores, and for
            a variant that learned from the samples.

    >>> Figures(2.0, (1.5, 1.4, 1.6), 0.875, 200).cells()
    ('2.00', '1.50x', '87.5%')
    """

    latency_ms: float
    speedup: tuple[float, float, float]
    accuracy: float | None
    samples: int

    def cells(self) -> tuple[str, str, str]:
        """Return what the table shows."""
        accuracy = "" if self.accuracy is None else f"{self.accuracy:.1%}"
        return f"{self.latency_ms:.2f}", f"{self.speedup[0]:.2f}x", accuracy

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "latency_ms": self.latency_ms,
            "speedup": self.speedup[0],
            "speedup_95": list(self.speedup[1:]),
            "accuracy": self.accuracy,
            "accuracy_samples": self.samples if self.accuracy is not None else 0,
        }


def measure_figures(
    model: "Model",
    reports: "Sequence[CompressionReport]",
    samples: "Samples | None",
    processor: str,
    seconds: float,
) -> dict[str, Figures]:
    """Time a model and its variants in turns, and count right answers; by technique, "none" for the model itself.

    Args:
        model: before compression.
        reports: of its variants.
        samples: to run; None: made-up inputs.
        processor: where.
        seconds: for each.
    """
    from compsel.evaluation.perf import perf
    from compsel.evaluation.perf.accuracy import labelled_part, measured_accuracy
    from compsel.models.model import Model
    from compsel.processors import parse
    from compsel.techniques import parse as parse_technique

    with TemporaryDirectory(prefix="compsel-") as folder:
        files = {"none": model.save(Path(folder) / "model.onnx")}
        files |= {report.technique: report.path for report in reports if report.path and report.technique != "none"}
        result = perf(
            list(files.values()),
            processors=[processor],
            samples=samples,
            seconds=seconds,
            memory=False,
            reporter=TERMINAL,
        )
        judging = labelled_part(samples, _MOST_SAMPLES)
        figures = {}
        for (technique, file), row in zip(files.items(), result.rows, strict=True):
            accuracy = None
            if judging is not None and not parse_technique(technique).learns:
                accuracy = measured_accuracy(Model.load(file), file, judging, parse(processor))
            ratio = row.speedup
            figures[technique] = Figures(
                row.latency_ms["p50"],
                (1.0, 1.0, 1.0) if ratio is None else (ratio.value, ratio.low, ratio.high),
                None if accuracy is None else accuracy.value,
                0 if judging is None else len(judging),
            )
    return figures
