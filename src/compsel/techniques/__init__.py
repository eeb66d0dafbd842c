"""Compress models: one technique a file, one line each in the table here.

Adding a technique: a file with a frozen dataclass that derives from `compsel.techniques.base.Technique`, a line in
`TECHNIQUES`, and `tests/techniques` checks it like all others.
"""

from compsel.techniques.base import Technique
from compsel.techniques.chain import Chain
from compsel.techniques.float16 import Float16
from compsel.techniques.int8_static import Int8Static
from compsel.techniques.none import NoCompression
from compsel.techniques.parsing import parse_with
from compsel.techniques.resolution import Resolution

__all__ = [
    "TECHNIQUES",
    "Chain",
    "Technique",
    "parse",
]

TECHNIQUES: dict[str, type[Technique]] = {kind.name: kind for kind in (NoCompression, Int8Static, Float16, Resolution)}


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
