"""`compsel.port`: bring a bundle that was made elsewhere to this device."""

import os

from compsel.building.porting import port as porting
from compsel.building.porting.port import PortingResult
from compsel.building.verbs.places import with_places
from compsel.progress import Reporter
from compsel.progress.interactive import reporter_or_default

__all__ = ["port"]


@with_places(read=("bundle",), written=("out",))
def port(
    bundle: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    share: float = 0.05,
    replace: bool = False,
    reporter: Reporter | None = None,
) -> PortingResult:
    """Measure a few choices here, correct the bundle's costs by them, and write it anew.

    Args:
        bundle: its folder.
        out: where the ported one goes.
        share: of the pairs of a choice and a state that are measured.
        replace: whether a bundle that is there already is replaced.
        reporter: see `compsel.build`.

    Raises:
        BundleError: not a bundle; a share that is none; or no processor of this device runs its variants.
        StorageError: `out` is there already, or cannot be written.
    """
    return porting.port(bundle, out, share=share, replace=replace, reporter=reporter_or_default(reporter))
