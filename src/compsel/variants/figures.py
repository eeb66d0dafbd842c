"""What was measured of a variant beside its model, or of the model itself."""

from dataclasses import dataclass
from typing import Any

__all__ = ["VariantFigures"]


@dataclass(frozen=True, slots=True)
class VariantFigures:
    """Latency and accuracy of a variant, or of the model itself.

    Attributes:
        latency_ms: p50 of one inference, preprocessing not counted.
        speedup: how many times as fast as the model itself, with its 95 % interval; 1 for that.
        accuracy: share of right answers on `samples` labelled ones; None without labels, without class scores, and for
            a variant that learned from the samples.
        samples: how many.

    >>> VariantFigures(2.0, (1.5, 1.4, 1.6), 0.875, 200).to_dict()["speedup_95"]
    [1.4, 1.6]
    """

    latency_ms: float
    speedup: tuple[float, float, float]
    accuracy: float | None
    samples: int

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "latency_ms": self.latency_ms,
            "speedup": self.speedup[0],
            "speedup_95": list(self.speedup[1:]),
            "accuracy": self.accuracy,
            "accuracy_samples": self.samples if self.accuracy is not None else 0,
        }
