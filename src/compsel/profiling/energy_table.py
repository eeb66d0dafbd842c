"""The measured energy of every choice, and how it is stored: one Parquet file a state of the device."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compsel.errors import ProfileError
from compsel.profiling.belonging import Belonging, read_belonging

__all__ = ["EnergyTable", "read_energy"]

_COLUMNS = ("variant", "sha256", "processor", "energy_mj", "gross_mj", "runs", "seconds")


@dataclass(frozen=True)
class EnergyTable:
    """Energy of one inference, above what the device takes without it in the same state.

    Attributes:
        energy_mj: by (variant, processor, state).
        meter: what it was measured with.
        estimated: whether a model stood in for a meter.

    >>> table = EnergyTable({("a", "cpu:1", "idle"): 12.0}, "rapl", False)
    >>> table.power_w({("a", "cpu:1", "idle"): 4.0})
    {('a', 'cpu:1'): 3.0}
    """

    energy_mj: Mapping[tuple[str, str, str], float]
    meter: str
    estimated: bool

    def power_w(self, latency_ms: Mapping[tuple[str, str, str], float]) -> dict[tuple[str, str], float]:
        """Return the mean power (W) of each choice, over the states: energy divided by latency.

        Args:
            latency_ms: mean latency by (variant, processor, state).
        """
        powers: dict[tuple[str, str], list[float]] = {}
        for key, energy in self.energy_mj.items():
            if key in latency_ms:
                powers.setdefault(key[:2], []).append(energy / latency_ms[key])
        return {choice: float(np.mean(values)) for choice, values in powers.items()}


def read_energy(folder: Path, belonging: Belonging | None = None) -> EnergyTable | None:
    """Read every state that was measured; None where there was no meter.

    Args:
        folder: of the profile.
        belonging: what it is of; other tables, and other rows, are not read. None: all are.

    Raises:
        ProfileError: a damaged table, or tables of different meters.
    """
    found: dict[tuple[str, str, str], float] = {}
    meters: set[tuple[str, bool]] = set()
    for path, columns, metadata in read_belonging(sorted((folder / "energy").glob("*.parquet")), belonging):
        if not set(_COLUMNS) <= columns.keys() or not {"meter", "estimated", "state"} <= metadata.keys():
            raise ProfileError(f"{path}: is no table of energies: measure it again")
        meters.add((metadata["meter"], metadata["estimated"] == "yes"))
        for variant, processor, energy in zip(
            columns["variant"], columns["processor"], columns["energy_mj"], strict=True
        ):
            found[variant, processor, metadata["state"]] = float(energy)
    if len(meters) > 1:
        raise ProfileError(
            f"{folder / 'energy'}: was measured with {', '.join(sorted(name for name, _ in meters))}, whose figures do "
            "not compare: measure all states with one meter"
        )
    return EnergyTable(found, *meters.pop()) if meters else None
