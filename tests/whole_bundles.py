"""Bundles with all their baselines, which one with a single choice leaves out."""

from pathlib import Path

from compsel.bundle.bundle import Bundle
from compsel.evaluation.contenders import with_baselines


def whole(bundle_folder: Path, profile_folder: Path) -> Bundle:
    """A bundle, with what its build measured."""
    return with_baselines(Bundle.load(bundle_folder), profile_folder)
