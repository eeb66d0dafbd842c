"""Loading a bundle, in one call."""

import os
from numbers import Real

from compsel.bundle.bundle import Bundle
from compsel.errors import BundleError
from compsel.features.output_confidence import Confidence
from compsel.runtime.runtime import Runtime

__all__ = ["load"]


# many parameters: the bundle is what everybody gives; the others are rarely set, and independent
def load(
    bundle: str | os.PathLike[str],
    *,
    policy: str = "adaptive",
    memory_limit_mb: float | None = None,
    warm_up: bool = True,
    adapt: bool = True,
    explore: float = 0.0,
    confidence: Confidence | str | None = None,
    record: str | os.PathLike[str] | None = None,
) -> Runtime:
    """Load a bundle.

    Args:
        bundle: its folder.
        policy: which of its policies decides; all but "adaptive" are there for comparison.
        memory_limit_mb: about so much memory may be taken by loaded variants; None: as many as are used.
        warm_up: load and run the variants of the policy now, so that the first answer is as fast as the others.
        adapt: whether every inference corrects what is expected of the next ones.
        explore: share of the time, 0 to 1, that may be spent on finding out whether processors that are expected to
            be slower still are.
        confidence: the function that a bundle of models without class scores was built with, or its
            "module:function": a bundle holds no code.
        record: folder that what ran and how long it took is written to, for `compsel.records`; no inputs, no outputs.

    Raises:
        BundleError: a memory limit that is no size, and see below.
        SelectorError: a confidence that is no function; also later, from calls, where it fails.
        StorageError: a folder for records that cannot be written.
        BundleError, IntegrityError, VersionError: see `compsel.errors`.
    """
    if memory_limit_mb is not None and not (isinstance(memory_limit_mb, Real) and memory_limit_mb > 0):
        raise BundleError(f"memory_limit_mb: got {memory_limit_mb!r}, allowed is a size above 0, or None")
    opened = Bundle.load(bundle)
    return Runtime(
        opened,
        policy=policy,
        memory_limit_mb=memory_limit_mb,
        warm_up=warm_up,
        adapt=adapt,
        explore=explore,
        confidence=confidence,
        record=record,
    )
