"""The averages of ISPA 2018, "To Compress, or Not to Compress", to stand beside those that are measured here.

Qin et al.: To Compress, or Not to Compress: Characterizing Deep Learning Model Compression for Embedded Inference, ISPA
2018. NVIDIA Jetson TX2, inference on its GPU, TensorFlow 1.6; MobileNet v1, Inception v1 to v4, ResNet 50, 101, 152,
VGG 16, 19 and a translation network; quantisation after training, pruning of 5 % with retraining; 50,000 images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["PAPER", "QUANTISATION_ENERGY", "PaperAverage", "counterpart"]


@dataclass(frozen=True, slots=True)
class PaperAverage:
    """Average change against the uncompressed network, as a fraction; None where none is given.

    >>> PAPER[1].name, PAPER[1].time
    ('8 bit', 0.554)
    """

    name: str
    size: float
    time: float
    accuracy: float
    memory: float
    energy: float | None


PAPER = (
    PaperAverage("16 bit", size=-0.502, time=0.585, accuracy=-0.0136, memory=-0.093, energy=None),
    PaperAverage("8 bit", size=-0.746, time=0.554, accuracy=-0.0357, memory=-0.202, energy=None),
    PaperAverage("6 bit", size=-0.807, time=0.513, accuracy=-0.1001, memory=-0.223, energy=None),
    PaperAverage("pruning", size=-0.272, time=-0.31, accuracy=-0.057, memory=-0.061, energy=-0.361),
)
# the paper gives the energy of quantisation as one range over the three widths
QUANTISATION_ENERGY = (0.341, 0.548)

# what a technique's name must hold to be the counterpart of one of the paper's
_MARKS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("16 bit", ("int16", "float16", "weight:16", "bits=16")),
    ("8 bit", ("int8",)),
    ("6 bit", ("int6", "weight:6", "bits=6")),
    ("pruning", ("prune",)),
)


def counterpart(technique: str) -> PaperAverage | None:
    """Return the paper's technique that one of ours is like; None for others and for chains.

    >>> counterpart("int8-static").name, counterpart("resolution:192+int8-static")
    ('8 bit', None)
    """
    if "+" in technique:
        return None
    for name, marks in _MARKS:
        if any(mark in technique for mark in marks):
            return next(average for average in PAPER if average.name == name)
    return None
