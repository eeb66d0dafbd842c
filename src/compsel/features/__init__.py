"""Numbers that describe an input, a device, or how sure a first answer is: what selectors decide by.

Adding features: a file with a class that derives from `compsel.features.base.FeatureExtractor`, and a line in
`EXTRACTORS`; `tests/features` checks it like all others.
"""

from compsel.features.base import FeatureExtractor
from compsel.features.image import ImageFeatures
from compsel.features.lctes import LctesFeatures

__all__ = ["EXTRACTORS", "FeatureExtractor", "ImageFeatures", "LctesFeatures"]

# of images, by the name that profiles and policies know them by
EXTRACTORS: dict[str, type[FeatureExtractor]] = {"image": ImageFeatures, "lctes": LctesFeatures}
