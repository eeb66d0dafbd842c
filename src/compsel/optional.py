"""Optional dependencies: imported on use, with the command that installs them when they are missing."""

import importlib
from types import ModuleType

from compsel.errors import MissingDependencyError

__all__ = ["require"]


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, which the extra `extra` installs.

    Raises:
        MissingDependencyError: when it is not installed.

    >>> require("json", extra="train").__name__
    'json'
    >>> require("no_such_module", extra="train")
    Traceback (most recent call last):
    compsel.errors.MissingDependencyError: no_such_module is not installed: run pip install 'compsel[train]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise MissingDependencyError(f"{error.name} is not installed: run pip install 'compsel[{extra}]'") from error
