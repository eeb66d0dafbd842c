"""Numbers that describe an input, a device, or how sure a first answer is: what selectors decide by.

Adding features: a file with a class that derives from `compsel.features.base.FeatureExtractor`, and a line in
`EXTRACTORS`; `tests/features` checks it like all others.
"""

from compsel.extending.lazy_table import LazyTable
from compsel.features.base import FeatureExtractor

__all__ = ["EXTRACTORS", "FeatureExtractor"]

# of images, by the name that profiles and policies know them by
EXTRACTORS: LazyTable[type[FeatureExtractor]] = LazyTable(
    {"image": "compsel.features.image:ImageFeatures", "lctes": "compsel.features.lctes:LctesFeatures"}
)
