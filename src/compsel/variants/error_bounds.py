"""What error a technique may cause by rounding, and what is said of more: then something is broken."""

from compsel.errors import TechniqueError
from compsel.techniques import parse
from compsel.variants.output_agreement import OutputAgreement

__all__ = ["is_spread", "ruined", "unexplained"]

# a single sample may be so many times farther from the model than all are
_SAMPLES = 4.0
# techniques that may cause more than this have few bits: their error is that of all layers, not of one
_FINE = 0.1
_EIGHT_BITS = 0.35
# the error of a channel is as large as the channel itself
_RUINED = 1.0
# with fewer than 6 bits, or weights left out, that may happen to one that is small because large terms cancel in it
_RUINED_COARSE = 4.0
# scores of exclusive classes may be so many times farther with few bits: what counts and is shown is the class, which
# verification compares too. EfficientNet-Lite0 with one scale a layer: error 0.59, 88 % of the classes the same
_CLASSES = 2.5


def unexplained(technique: str, found: OutputAgreement, *, classes: bool) -> str:
    """Say where the error is larger than what rounding explains; "" where it is not, or the technique does not round.

    Args:
        technique: what the variant was made with.
        found: how far it agrees.
        classes: whether the answers are exclusive classes: then the scores of few bits may differ more.

    >>> import numpy as np
    >>> found = OutputAgreement([([np.array([[1.0, 2.0]])], [np.array([[1.0, 2.5]])])])
    >>> unexplained("float16", found, classes=True)
    "its outputs differ by 0.22 from the model's (relative error), float16 explains 0.05"
    """
    bound = _bound(technique)
    error, sample_error = found.relative_error, found.sample_error
    if bound is None or error is None:
        return ""
    if classes and is_spread(technique):
        bound *= _CLASSES
    if error > bound:
        return f"its outputs differ by {error:.2g} from the model's (relative error), {technique} explains {bound:g}"
    if sample_error is not None and sample_error > _SAMPLES * bound:
        return (
            f"its outputs for one of the samples differ by {sample_error:.2g} from the model's (relative error), "
            f"{technique} explains {_SAMPLES * bound:g}"
        )
    return ""


def ruined(technique: str, channel: tuple[int, int, float] | None) -> str:
    """Say which channel of an output its error drowns; "" where none does.

    Args:
        technique: what the variant was made with.
        channel: the output, the channel of it that is worst, and its error relative to its own size.

    >>> ruined("int8-static", (0, 2, 1.5)), ruined("prune:0.5", (0, 2, 1.5))
    ('channel 2 of its output 0 is ruined: its error is 1.5 times its size', '')
    """
    bound = _bound(technique)
    limit = _RUINED if technique == "none" or (bound is not None and bound <= _EIGHT_BITS) else _RUINED_COARSE
    if channel is None or channel[2] < limit:
        return ""
    return f"channel {channel[1]} of its output {channel[0]} is ruined: its error is {channel[2]:.1f} times its size"


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
