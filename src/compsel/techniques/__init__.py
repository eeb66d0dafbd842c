"""Compress models: one technique a file, one line each in the table here.

Adding a technique: a file with a frozen dataclass that derives from `compsel.techniques.base.Technique`, a line in
`TECHNIQUES`, and `tests/techniques` checks it like all others.
"""

import itertools

from compsel.errors import NotApplicableError
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
]

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
    return parse_with(TECHNIQUES, spec)


def applicable(model: Model) -> list[str]:
    """Return the techniques, as `parse` reads them, that are worth a try on `model` when none is asked for.

    Whether one really applies shows when it is applied; those that plainly do not are left out.
    """
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
