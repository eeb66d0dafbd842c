"""Which packages that compsel uses are installed, by extra: read from package metadata, nothing is imported."""

import re
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

__all__ = ["Extra", "installed_packages"]

_NAME, _EXTRA = re.compile(r"[A-Za-z0-9._-]+"), re.compile(r"extra\s*==\s*[\"']([\w-]+)[\"']")
_SYSTEM = re.compile(r"sys_platform\s*([!=]=)\s*[\"'](\w+)[\"']")
# for those who develop compsel
_NOT_FOR_USERS = ("test", "lint", "docs")


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
        name, extra, system = _NAME.match(line), _EXTRA.search(line), _SYSTEM.search(line)
        elsewhere = system is not None and (sys.platform == system[2]) != (system[1] == "==")
        if name is None or elsewhere or (extra is not None and extra[1] in _NOT_FOR_USERS):
            continue
        found.setdefault("" if extra is None else extra[1], {})[name[0]] = _version(name[0])
    return [Extra(name, versions) for name, versions in found.items()]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
