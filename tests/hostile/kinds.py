"""A kind of hostile file: how it is made, what reads it, and which error is to come of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compsel.errors import CompselError

__all__ = ["Kind", "hole", "hostile"]

Maker = Callable[[Path], Path]


@dataclass(frozen=True)
class Kind:
    """A kind of hostile file.

    Attributes:
        name: its module and function.
        make: writes it into a folder, and returns its path.
        read: what an app, or a command, reads such a file by.
        error: that is to come of it; None: it is read as if what is hostile in it were not there.
    """

    name: str
    make: Maker
    read: Callable[[Path], Any]
    error: type[CompselError] | None


def hostile(
    kinds: list[Kind], read: Callable[[Path], Any], error: type[CompselError] | None
) -> Callable[[Maker], Maker]:
    """Put the function that makes a kind on a list of them."""

    def put(make: Maker) -> Maker:
        name = f"{make.__module__.rpartition('.')[2]}: {make.__name__.replace('_', ' ')}"
        kinds.append(Kind(name, make, read, error))
        return make

    return put


def hole(path: Path, size_bytes: int) -> Path:
    """Make a file of so many zeros that takes no room."""
    with path.open("wb") as stream:
        stream.truncate(size_bytes)
    return path
