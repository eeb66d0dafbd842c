"""Which packages that compsel uses are installed, by extra: read from package metadata, nothing is imported."""

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

__all__ = ["Extra", "installed_packages"]

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;\s*extra\s*==\s*[\"']([\w-]+)[\"'])?$")
# for those who develop compsel
_NOT_FOR_USERS = ("test", "lint")


@dataclass(frozen=True, slots=True)
class Extra:
    """An extra of compsel, "" for what it always needs.

    Attributes:
        name: as in `pip install compsel[NAME]`.
        versions: of its packages; None for one that is not installed.

    >>> Extra("train", {"onnx": "1.20.0", "xgboost": None}).missing
    ('xgboost',)
    """

    name: str
    versions: dict[str, str | None]

    @property
    def missing(self) -> tuple[str, ...]:
        """Packages that are not installed."""
        return tuple(name for name, found in self.versions.items() if found is None)

    @property
    def command(self) -> str:
        """What installs it."""
        return f"pip install 'compsel[{self.name}]'" if self.name else "pip install compsel"


def installed_packages() -> list[Extra]:
    """Return what compsel needs, and its extras; packages for other systems are left out.

    >>> all(isinstance(extra, Extra) for extra in installed_packages())
    True
    """
    try:
        lines = requires("compsel") or []
    except PackageNotFoundError:  # run from its source
        return []
    found: dict[str, dict[str, str | None]] = {}
    for line in lines:
        requirement = _REQUIREMENT.fullmatch(line.strip())
        if requirement is None or requirement[2] in _NOT_FOR_USERS:
            continue
        found.setdefault(requirement[2] or "", {})[requirement[1]] = _version(requirement[1])
    return [Extra(name, versions) for name, versions in found.items()]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
