"""What error a technique may cause by rounding, and what is said of more: then something is broken."""

from compsel.errors import TechniqueError
from compsel.techniques import parse
from compsel.variants.output_agreement import OutputAgreement

__all__ = ["is_spread", "unexplained"]

# a single sample may be so many times farther from the model than all are
_SAMPLES = 4.0
# techniques that may cause more than this have few bits: their error is that of all layers, not of one
_FINE = 0.1
# exclusive classes: as long as they stay the same, scores of few bits may be so many times farther
_CLASSES = 2.0
_LEAST_AGREEMENT = 0.8


def unexplained(technique: str, found: OutputAgreement, *, classes: bool) -> str:
    """Say where the error is larger than what rounding explains; "" where it is not, or the technique does not round.

    Args:
        technique: what the variant was made with.
        found: how far it agrees.
        classes: whether the answers are exclusive classes. A variant of few bits that names other classes for at most
            a fifth of the samples may differ twice as much: what counts there is the class.

    >>> import numpy as np
    >>> found = OutputAgreement([([np.array([[1.0, 2.0]])], [np.array([[1.0, 2.5]])])])
    >>> unexplained("float16", found, classes=True)
    "its outputs differ by 0.22 from the model's (relative error), float16 explains 0.05"
    """
    bound = _bound(technique)
    error, sample_error = found.relative_error, found.sample_error
    if bound is None or error is None:
        return ""
    if classes and is_spread(technique) and (found.decided or 0.0) >= _LEAST_AGREEMENT:
        bound *= _CLASSES
    if error > bound:
        return f"its outputs differ by {error:.2g} from the model's (relative error), {technique} explains {bound:g}"
    if sample_error is not None and sample_error > _SAMPLES * bound:
        return (
            f"its outputs for one of the samples differ by {sample_error:.2g} from the model's (relative error), "
            f"{technique} explains {_SAMPLES * bound:g}"
        )
    return ""


def is_spread(technique: str) -> bool:
    """Tell whether an error that it does not explain comes from all layers: leaving a few as they are mends nothing."""
    bound = _bound(technique)
    return bound is not None and bound > _FINE


def _bound(technique: str) -> float | None:
    if technique == "none":
        return None
    try:
        parts = [parse(spec).most_relative_error for spec in technique.split("+")]
    except TechniqueError:  # one of others, that was not registered
        return None
    bounds = [bound for bound in parts if bound is not None]
    return sum(bounds) if len(bounds) == len(parts) else None
