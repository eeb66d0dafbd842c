"""Names of the 1000 ImageNet classes, so that an index a classifier answers with can be read by people."""

from functools import cache
from importlib.resources import files

__all__ = ["imagenet_classes"]


@cache
def imagenet_classes() -> tuple[str, ...]:
    """Short English names of the ILSVRC-2012 classes: entry `i` names output `i` of a 1000-way classifier.

    The order is the customary one, by sorted WordNet id (Russakovsky et al., ImageNet Large Scale Visual Recognition
    Challenge, IJCV 2015). Names are ASCII and unique: where two classes share a name, parentheses tell them apart.
    Networks with 1001 outputs, whose output 0 is a background class, are one ahead: subtract 1 from their index.

    >>> imagenet_classes()[1]
    'goldfish'
    >>> imagenet_classes()[134], imagenet_classes()[517]
    ('crane (bird)', 'crane (machine)')
    """
    return tuple(files("compsel.inputs").joinpath("imagenet_classes.txt").read_text(encoding="ascii").splitlines())
