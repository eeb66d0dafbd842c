"""A bundle as an evaluation wants it: with all that its build measured."""

import os
from pathlib import Path

from compsel.bundle.bundle import Bundle
from compsel.errors import CompselError, LocationError
from compsel.evaluation.contenders import with_baselines, with_measured_variants, work_place
from compsel.progress import SILENT, Reporter
from compsel.storage.locations.using import fetch

__all__ = ["bundle_to_evaluate"]


def bundle_to_evaluate(
    bundle: str | os.PathLike[str] | Bundle, profile: str | os.PathLike[str] | None = None, reporter: Reporter = SILENT
) -> tuple[Bundle, bool]:
    """Load a bundle with its baselines, and all that a sceptic may choose from.

    Args:
        bundle: its folder, or the bundle.
        profile: what its build measured; None: `<bundle>.work`, where it is there and of this bundle.
        reporter: is told why that is not used.

    Returns:
        The bundle, and whether all that the build measured is in it.

    Raises:
        BundleError: not a bundle.
        ProfileError: a `profile` of another build or device.
    """
    loaded = bundle if isinstance(bundle, Bundle) else Bundle.load(bundle)
    if profile is not None:
        return _widened(loaded, Path(profile)), True
    try:
        folder = fetch(work_place(loaded.folder))
    except LocationError:  # beside an address there is none
        return loaded, False
    if not (folder / "profile.json").is_file():
        return loaded, False
    try:
        return _widened(loaded, folder), True
    except CompselError as error:
        reporter.say(f"not used: {error}")
        return loaded, False


def _widened(bundle: Bundle, folder: Path) -> Bundle:
    return with_measured_variants(with_baselines(bundle, folder), folder)
