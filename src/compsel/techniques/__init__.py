"""Compress models: one technique a file, one line each in the table here.

Adding a technique: a file with a frozen dataclass that derives from `compsel.techniques.base.Technique`, a line in
`TECHNIQUES`, and `tests/techniques` checks it like all others. From outside: `register_technique`.
"""

import itertools
from dataclasses import fields, is_dataclass
from typing import TypeVar

from compsel.errors import NotApplicableError, TechniqueError
from compsel.extending import load_plugins, note_origin
from compsel.models.model import Model
from compsel.techniques.base import Technique
from compsel.techniques.chain import Chain
from compsel.techniques.channel_prune import ChannelPrune
from compsel.techniques.cluster import Cluster
from compsel.techniques.early_exit import EarlyExit
from compsel.techniques.float16 import Float16
from compsel.techniques.fuse import Fuse
from compsel.techniques.int8_dynamic import Int8Dynamic
from compsel.techniques.int8_static import Int8Static
from compsel.techniques.low_rank import LowRank
from compsel.techniques.none import NoCompression
from compsel.techniques.parsing import parse_with
from compsel.techniques.prune import Prune
from compsel.techniques.resolution import Resolution
from compsel.techniques.student import Student
from compsel.techniques.weight_only import Int4Weight, Int6Weight, Int8Weight, Int16Weight

__all__ = [
    "TECHNIQUES",
    "Chain",
    "Technique",
    "applicable",
    "parse",
    "register_technique",
]

_Kind = TypeVar("_Kind", bound=type[Technique])

TECHNIQUES: dict[str, type[Technique]] = {
    NoCompression.name: NoCompression,
    Int8Static.name: Int8Static,
    Float16.name: Float16,
    Int8Dynamic.name: Int8Dynamic,
    Int16Weight.name: Int16Weight,
    Int8Weight.name: Int8Weight,
    Int6Weight.name: Int6Weight,
    Int4Weight.name: Int4Weight,
    Cluster.name: Cluster,
    Prune.name: Prune,
    ChannelPrune.name: ChannelPrune,
    LowRank.name: LowRank,
    Resolution.name: Resolution,
    EarlyExit.name: EarlyExit,
    Student.name: Student,
    Fuse.name: Fuse,
}


def parse(spec: str) -> Technique:
    """Read a technique: its name, its options after ":", "+" between those of a chain.

    Raises:
        TechniqueError: an unknown name, option or value; the message names what is allowed.

    >>> parse("int8-static:samples=50").samples
    50
    >>> parse("int9")
    Traceback (most recent call last):
    compsel.errors.TechniqueError: got technique 'int9', allowed are none, ...
    """
    if any(part.partition(":")[0].strip() not in TECHNIQUES for part in spec.split("+")):
        load_plugins()
    return parse_with(TECHNIQUES, spec)


def register_technique(kind: _Kind) -> _Kind:
    """Make a technique known by its name to the command line and every function; also as a decorator of its class.

    Other processes (the command line among them) find it as `compsel.extending` says.

    Args:
        kind: a frozen dataclass that derives from `compsel.Technique`, whose options all have defaults.

    Raises:
        TechniqueError: something else, or a name that is taken.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Copied(Technique):
    ...     name = "int8-static"
    ...     def _transform(self, model, calibration):
    ...         return model
    >>> register_technique(Copied)
    Traceback (most recent call last):
    compsel.errors.TechniqueError: Copied: the name 'int8-static' is taken: choose another one
    """
    if not (isinstance(kind, type) and issubclass(kind, Technique) and is_dataclass(kind)):
        raise TechniqueError(f"got {kind!r}, allowed is a frozen dataclass that derives from compsel.Technique")
    name = getattr(kind, "name", "")
    if not isinstance(name, str) or not name or set(name) & set(":+, "):
        raise TechniqueError(f"{kind.__name__}: got name {name!r}, allowed is a word without spaces, ':', '+' and ','")
    try:
        kind()
    except TypeError as error:
        options = ", ".join(field.name for field in fields(kind)) or "none"
        raise TechniqueError(
            f"{kind.__name__}: cannot be made without options ({error}): write _transform, and give all options "
            f"({options}) defaults"
        ) from error
    known = TECHNIQUES.get(name)
    # a cell of a notebook that runs again defines the class again
    if known is not None and (known.__module__.startswith("compsel.") or known.__qualname__ != kind.__qualname__):
        raise TechniqueError(f"{kind.__name__}: the name {name!r} is taken: choose another one")
    TECHNIQUES[name] = kind
    note_origin(kind, register_technique)
    return kind


def applicable(model: Model) -> list[str]:
    """Return the techniques, as `parse` reads them, that are worth a try on `model` when none is asked for.

    Whether one really applies shows when it is applied; those that plainly do not are left out.
    """
    load_plugins()
    techniques: dict[str, list[Technique]] = {}
    for name, kind in TECHNIQUES.items():
        for technique in kind.suggestions(model):
            try:
                technique.check(model)
            except NotApplicableError:
                continue
            techniques.setdefault(name, []).append(technique)
    # the two that cost least accuracy for the time they save work on different things
    chains = [
        Chain((smaller, quantised))
        for smaller in techniques.get(Resolution.name, ())
        for quantised in techniques.get(Int8Static.name, ())
    ]
    return [technique.spec for technique in (*itertools.chain(*techniques.values()), *chains)]
