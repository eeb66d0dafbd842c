"""Kinds of devices: those that compute alike, told by processor, cores and instruction sets of their fingerprints."""

import hashlib
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from compsel.device.cgroup import usable_cores
from compsel.device.fingerprint import processor_and_sets

__all__ = ["DeviceKind"]

_DIGITS = 16
_SAME_CPU, _SAME_CORES = 2.0, 0.5  # of likeness, beside the share of instruction sets that both have


@dataclass(frozen=True)
class DeviceKind:
    """What decides how fast a device computes; memory, system and versions do not tell kinds apart.

    Attributes:
        cpu: model of the processor.
        architecture: such as "x86_64".
        cores: that may be used.
        instruction_sets: that decide how fast low precision is, sorted.

    >>> board = DeviceKind.of({"cpu": "Cortex-A76", "architecture": "aarch64", "usable_cores": 4})
    >>> board.words
    'Cortex-A76, 4 cores'
    >>> board.key == DeviceKind.of({"cpu": "Cortex-A76", "architecture": "aarch64", "cores": 4}).key
    True
    """

    cpu: str
    architecture: str
    cores: int
    instruction_sets: tuple[str, ...] = ()

    @classmethod
    def of(cls, fingerprint: Mapping[str, Any]) -> Self:
        """Return the kind that a fingerprint is of (`compsel.device.fingerprint`)."""
        cores = fingerprint.get("usable_cores", fingerprint.get("cores", 0))
        sets = fingerprint.get("instruction_sets", ())
        return cls(
            str(fingerprint.get("cpu", "")),
            str(fingerprint.get("architecture", "")),
            cores if isinstance(cores, int) else 0,
            tuple(sorted(str(name) for name in sets)) if isinstance(sets, list | tuple) else (),
        )

    @classmethod
    def here(cls, proc: str | os.PathLike[str] = "/proc") -> Self:
        """Return the kind of this device."""
        cpu, sets = processor_and_sets(proc)
        return cls(cpu, platform.machine(), usable_cores(), tuple(sorted(sets)))

    @property
    def key(self) -> str:
        """A hash that names the kind."""
        text = "\n".join((self.cpu, self.architecture, str(self.cores), *self.instruction_sets))
        return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:_DIGITS]

    @property
    def words(self) -> str:
        """The kind, for people."""
        return f"{self.cpu or 'unknown processor'}, {self.cores} core{'s' * (self.cores != 1)}"

    def likeness(self, other: Self) -> float:
        """Return how alike another kind computes, from 0: of another architecture nothing is known.

        >>> small, large = (DeviceKind("a", "x86_64", cores, ("avx2",)) for cores in (2, 8))
        >>> small.likeness(large) < small.likeness(small)
        True
        """
        if self.architecture != other.architecture:
            return 0.0
        ours, theirs = set(self.instruction_sets), set(other.instruction_sets)
        shared = len(ours & theirs) / len(ours | theirs) if ours | theirs else 1.0
        fewer, more = sorted((max(self.cores, 1), max(other.cores, 1)))
        return shared + _SAME_CPU * (self.cpu == other.cpu) + _SAME_CORES * fewer / more

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, which `of` reads: cores are the usable ones."""
        content = asdict(self)
        content["usable_cores"] = content.pop("cores")
        return {**content, "instruction_sets": list(self.instruction_sets)}
