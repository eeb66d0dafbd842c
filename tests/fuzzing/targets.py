"""All targets. To add some: a module beside this one that has `TARGETS`, and its name here."""

from tests.fuzzing import bundles, documents, images, models, requests, samples, weights
from tests.fuzzing.target import Target

__all__ = ["TARGETS"]

_MODULES = (images, bundles, requests, weights, models, samples, documents)
TARGETS: dict[str, Target] = {target.name: target for module in _MODULES for target in module.TARGETS}
