"""What a search tries: the known normalisations, with colours in both orders, and what is cut out of a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from compsel.inputs.images.conventions import (
    CONVENTIONS,
    GEOMETRIES,
    NORMALISATIONS,
    Geometry,
    Normalisation,
    preprocessing_of,
    swapped,
)
from compsel.inputs.images.image_input import ImageInput
from compsel.inputs.images.preprocess_option import describe
from compsel.inputs.images.preprocessing import ImagePreprocessing

__all__ = ["PreprocessingCandidate", "geometries", "normalisations"]

_SMALL = 64  # networks for so small pictures see all of them
# what a model of whole numbers can be fed: the bytes as they are, or moved to where the type is centred
_WHOLE_NUMBERS = {"uint8": Normalisation((0.0,) * 3, (1.0,) * 3), "int8": Normalisation((128.0,) * 3, (1.0,) * 3)}


@dataclass(frozen=True, slots=True)
class PreprocessingCandidate:
    """One preprocessing to try.

    Attributes:
        numbers: name of the normalisation, "-bgr" or "-rgb" behind where the order of colours is not its own.
        cut: name of the geometry.
        preprocessing: both, for the model's input.

    >>> taken = ImageInput("NCHW", 224, 224, 3, "float32")
    >>> first = normalisations(taken, "crop", (224, 224))[0]
    >>> first.name, str(first)
    ('torchvision', 'torchvision (resize=256,crop=224,mean=0.485/0.456/0.406,std=0.229/0.224/0.225,order=rgb,\
interpolation=bilinear)')
    """

    numbers: str
    cut: str
    preprocessing: ImagePreprocessing

    @property
    def name(self) -> str:
        """The name of the convention, else those of its parts."""
        known = (name for name, parts in CONVENTIONS.items() if parts == (self.numbers, self.cut))
        return next(known, f"{self.numbers}, {self.cut}")

    def __str__(self) -> str:
        return f"{self.name} ({describe(self.preprocessing)})"


def normalisations(taken: ImageInput, cut: str, resolution: tuple[int, int]) -> list[PreprocessingCandidate]:
    """Return what numbers to try, the commonest first, all with the same part of a picture.

    Args:
        taken: the input of the model.
        cut: name of the geometry.
        resolution: (height, width) of what the network sees.
    """
    known = dict(NORMALISATIONS)
    if taken.dtype in _WHOLE_NUMBERS:
        known = {"raw": _WHOLE_NUMBERS[taken.dtype]}
    named = list(known.items())
    if taken.channels == 3:
        named += [(f"{name}-{swapped(one).channels.lower()}", swapped(one)) for name, one in known.items()]
    return _distinct([_candidate(name, one, cut, taken, resolution) for name, one in named])


def geometries(
    found: Sequence[PreprocessingCandidate], taken: ImageInput, square: bool
) -> list[PreprocessingCandidate]:
    """Return the candidates with every part of a picture, the commonest first.

    Args:
        found: those whose numbers are kept.
        taken: the input of the model.
        square: whether the samples have the shape of what the network sees: then stretching changes nothing.
    """
    cuts = [cut for cut in cut_order(found[0].preprocessing.resolution) if not (square and cut == "stretch")]
    made = []
    for cut in cuts:
        for one in found:
            pre = one.preprocessing
            numbers = Normalisation(pre.mean, pre.std, "BGR" if pre.channels == "BGR" else "RGB")
            made.append(_candidate(one.numbers, numbers, cut, taken, pre.resolution))
    return made


def cut_order(resolution: tuple[int, int], exact: bool = False) -> list[str]:
    """Return the names of the geometries, the commonest first.

    Args:
        resolution: (height, width) of what the network sees.
        exact: whether samples have that size already.

    >>> cut_order((32, 32))[0], cut_order((224, 224))[0]
    ('whole', 'crop')
    """
    names = list(GEOMETRIES)
    first = "whole" if exact or max(resolution) <= _SMALL else names[0]
    return sorted(names, key=lambda name: name != first)


def _candidate(
    name: str, numbers: Normalisation, cut: str, taken: ImageInput, resolution: tuple[int, int]
) -> PreprocessingCandidate:
    geometry: Geometry = GEOMETRIES[cut]
    return PreprocessingCandidate(name, cut, preprocessing_of(numbers, geometry, taken, resolution))


def _distinct(candidates: Sequence[PreprocessingCandidate]) -> list[PreprocessingCandidate]:
    """Leave out what is the same as one before: grey has no order of colours."""
    seen: dict[ImagePreprocessing, PreprocessingCandidate] = {}
    for one in candidates:
        seen.setdefault(one.preprocessing, one)
    return list(seen.values())
