"""Loading a bundle, in one call."""

import os
from numbers import Real
from typing import TYPE_CHECKING

from compsel.bundle.manifest import check_bundle
from compsel.errors import BundleError, ProcessorError
from compsel.runtime.fewer_collections import fewer_collections

if TYPE_CHECKING:
    from compsel.bundle.bundle import Bundle
    from compsel.bundle.signing.signers import Signers
    from compsel.features.output_confidence import Confidence
    from compsel.runtime.recording.recording import Recording
    from compsel.runtime.runtime import Runtime

__all__ = ["load"]


# many parameters: the bundle is what everybody gives; the others are rarely set, and independent
# long: parameters, and imports in the order that starts fastest
def load(
    bundle: "str | os.PathLike[str] | Bundle",
    *,
    policy: str = "adaptive",
    memory_limit_mb: float | None = None,
    warm_up: bool = True,
    adapt: bool = True,
    explore: float = 0.0,
    confidence: "Confidence | str | None" = None,
    record: "str | os.PathLike[str] | Recording | None" = None,
    max_concurrency: int | None = None,
    max_queued_requests: int = 256,
    only_signed_by: "str | os.PathLike[str] | Signers | None" = None,
) -> "Runtime":
    """Load a bundle.

    Args:
        bundle: its folder, or what `Bundle.load` read of it.
        policy: which of its policies decides; all but "adaptive" are there for comparison.
        memory_limit_mb: so much memory may be taken by loaded variants, as measured when each is opened; None: as many
            as are used.
        warm_up: load and run what answers first now, so that the first answer is as fast as the others, and the other
            variants of the policy behind the first answers; `Runtime.warm_up` waits for all.
        adapt: whether every inference corrects what is expected of the next ones.
        explore: share of the time, 0 to 1, that may be spent on finding out whether processors that are expected to
            be slower still are.
        confidence: the function that a bundle of models without class scores was built with, or its
            "module:function": a bundle holds no code.
        max_concurrency: so many calls of `arun` and `submit` are answered at once; None: one a core that may be used.
        max_queued_requests: so many of them may wait; more are refused.
        record: folder that what ran and how long it took is written to, for `compsel.records`, or a
            `compsel.Recording`: no inputs, no outputs.
        only_signed_by: who must have signed the bundle (`compsel.sign`): the file of a public key, or a
            `compsel.Signers`; anything else is refused before it is opened. None: whether it is signed plays no role.

    Raises:
        BundleError: a memory limit that is no size, numbers of calls that are none, and see below.
        SelectorError: a confidence that is no function; also later, from calls, where it fails.
        StorageError: a folder for records that cannot be written.
        MissingDependencyError: records are asked for, and pyarrow is not installed.
        SignatureError: not signed by whom it must be.
        ProcessorError: not enough memory.
        BundleError, IntegrityError, VersionError: see `compsel.errors`.
    """
    if memory_limit_mb is not None and not (isinstance(memory_limit_mb, Real) and memory_limit_mb > 0):
        raise BundleError(f"memory_limit_mb: got {memory_limit_mb!r}, allowed is a size above 0, or None")
    if not isinstance(bundle, str | os.PathLike) and only_signed_by is not None:
        raise BundleError("only_signed_by: got a bundle that is read already: give it to Bundle.load")
    try:
        with fewer_collections():
            early = None
            if not isinstance(bundle, str | os.PathLike):
                from compsel.runtime.runtime import Runtime

                opened = bundle
            else:
                # the first session is opened, and large files are hashed, in the background: imports take as long
                files = check_bundle(bundle, only_signed_by)
                from compsel.models.ort_version import check_ort_version
                from compsel.runtime.engines.early_opening import EarlyOpening

                check_ort_version()
                early = EarlyOpening(files) if warm_up and policy == "adaptive" else None
                from compsel.bundle.bundle import Bundle

                opened = Bundle.read(files, policy, None if early is None else early.content)
                from compsel.runtime.runtime import Runtime

                opened.wait(policy)
            return Runtime(
                opened,
                early=early,
                policy=policy,
                memory_limit_mb=memory_limit_mb,
                warm_up=warm_up,
                adapt=adapt,
                explore=explore,
                confidence=confidence,
                record=record,
                max_concurrency=max_concurrency,
                max_queued_requests=max_queued_requests,
            )
    except MemoryError as error:
        raise ProcessorError(
            f"{bundle}: is not loaded, there is not enough memory: free some, or give memory_limit_mb"
        ) from error
