"""Code of others that adds techniques and processors: modules that register them when they are imported.

    @compsel.register_technique
    @dataclass(frozen=True)
    class Rounded(compsel.Technique): ...

A module that does so is found by its package's entry point of the group `compsel.plugins`:

    [project.entry-points."compsel.plugins"]
    rounded = "my_package.rounded"

or by the environment variable `COMPSEL_PLUGINS`: names of modules or paths of `.py` files, between them what the system
puts between folders (`os.pathsep`). They are imported when a word is used that compsel itself does not know, and where
all techniques or processors are listed: an app that uses none never looks for them. A bundle names a processor and
holds no code: the app that loads it needs the module too.
"""

import functools
import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from compsel.errors import UsageError

__all__ = [
    "GROUP",
    "VARIABLE",
    "environment",
    "load_plugins",
    "note_origin",
    "plugins_elsewhere",
    "register_again",
    "registered_here",
]

GROUP, VARIABLE = "compsel.plugins", "COMPSEL_PLUGINS"

# what a process that is started needs in `VARIABLE` to know what was registered here
_origins: dict[str, None] = {}
# what the program itself registered (a script, a notebook), which no other process can import, with what registers it
_of_program: dict[str, tuple[Callable[[type], object], type]] = {}


@functools.cache
def load_plugins() -> None:
    """Import every module that packages or `COMPSEL_PLUGINS` name; once a process.

    Raises:
        UsageError: one that cannot be imported; the message says which, and why.
    """
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP):
        _imported(entry.module, f"the entry point {entry.name!r} of {entry.dist.name if entry.dist else 'a package'}")
    for place in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        _imported(place, VARIABLE)


def note_origin(kind: type, register: Callable[[type], object] | None = None) -> None:
    """Remember where a class comes from that was registered, for processes that are started (`environment`).

    Args:
        kind: the class.
        register: what registers it in a worker, which gets it by value where the program itself defined it.
    """
    module = sys.modules.get(kind.__module__)
    if kind.__module__ == "__main__" and register is not None:
        _of_program[kind.__qualname__] = (register, kind)
    file = getattr(module, "__file__", None)
    # a module beside the program that was started is found there only; one of a package needs its package
    if file is not None and "." not in kind.__module__:
        _origins[os.path.realpath(file)] = None
    elif kind.__module__ != "__main__":
        _origins[kind.__module__] = None


def environment() -> dict[str, str]:
    """Return the environment of a process that shall know what was registered here."""
    given = filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))
    places = dict.fromkeys([*given, *_origins])
    return {**os.environ, VARIABLE: os.pathsep.join(places)} if places else dict(os.environ)


def plugins_elsewhere() -> list[str]:
    """Return what a worker has to import to know what was registered here; the program itself is not run there."""
    program = getattr(sys.modules.get("__main__"), "__file__", None)
    own = None if program is None else os.path.realpath(program)
    given = filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))
    return list(dict.fromkeys(place for place in (*given, *_origins) if place != own))


def registered_here() -> list[tuple[Callable[[type], object], type]]:
    """Return what the program itself registered, each with what registers it: to be pickled by value."""
    return list(_of_program.values())


def register_again(plugins: Iterable[str], registered: Iterable[tuple[Callable[[type], object], type]]) -> None:
    """Register in a worker what another process had registered.

    Raises:
        UsageError: a module that cannot be imported here.
    """
    for place in plugins:
        _imported(place, "what the program registered")
    kept = dict(_origins)
    for register, kind in registered:
        register(kind)
    # the program of a worker is not where these classes come from
    _origins.clear()
    _origins.update(kept)


def _imported(place: str, said_by: str) -> None:
    """Import a module by its name, or by the path of its file."""
    try:
        if not place.endswith(".py"):
            importlib.import_module(place)
            return
        path = Path(place).resolve()
        name = f"compsel_plugin_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
        if name in sys.modules:
            return
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None  # it ends in .py
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    except Exception as error:  # whatever code of others raises
        raise UsageError(
            f"{said_by}: {place} cannot be imported ({error!r}): mend it, or take it out of there"
        ) from error
