"""The resolution of a model that takes pictures of any size: the usual ones, tried with what else was found."""

from collections.abc import Sequence
from dataclasses import replace

from compsel.building.preprocessing_search.answers import SearchAnswers
from compsel.building.preprocessing_search.candidates import PreprocessingCandidate
from compsel.errors import ModelError
from compsel.inputs.images.image_input import ImageInput

__all__ = ["SIDES", "at_resolution", "usual_resolutions", "where_it_runs"]

#: of square inputs, in pixels, the commonest first: networks of torchvision, EfficientNets, Inceptions, ViT and CLIP
SIDES = (224, 256, 299, 384, 240, 260, 300, 380)

Resolution = tuple[int, int]


def usual_resolutions(taken: ImageInput, sizes: Sequence[Resolution]) -> list[Resolution]:
    """Return what resolutions an input may be meant for, (height, width), the likeliest first.

    Args:
        taken: the input.
        sizes: of some samples: pictures that all have one size, not above the usual ones, may have been made for it.

    >>> usual_resolutions(ImageInput("NCHW", None, None, 3, "float32"), [(32, 32)] * 4)[:2]
    [(32, 32), (224, 224)]
    >>> usual_resolutions(ImageInput("NCHW", 96, 128, 3, "float32"), [])
    [(96, 128)]
    """
    own = set(sizes)
    alike = [size for size in own if len(own) == 1 and max(size) <= max(SIDES)]
    tried = [*alike, *((side, side) for side in SIDES)]
    return list(dict.fromkeys((taken.height or height, taken.width or width) for height, width in tried))


def where_it_runs(
    answers: SearchAnswers, candidate: PreprocessingCandidate, resolutions: Sequence[Resolution], index: int
) -> list[Resolution]:
    """Return at which resolutions a model runs: some that say they take any size do not.

    Raises:
        ModelError: at none.
    """
    if len(resolutions) == 1:
        return list(resolutions)
    found, refused = [], None
    for resolution in resolutions:
        try:
            answers.classes(at_resolution(candidate, resolution), [index])
        except ModelError as error:
            refused = refused or error
        else:
            found.append(resolution)
    if not found and refused is not None:
        raise refused
    return found


def at_resolution(candidate: PreprocessingCandidate, resolution: Resolution) -> PreprocessingCandidate:
    """Return a candidate for a resolution."""
    return replace(candidate, preprocessing=replace(candidate.preprocessing, resolution=resolution))
