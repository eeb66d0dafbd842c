"""Measure the energy of every choice in every state of the device, with a meter that this machine has."""

import itertools
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from compsel.device.energy import Energy, Meter, idle_power_mw, measure_energy
from compsel.errors import ProfileError
from compsel.inputs.samples import Samples
from compsel.processors.base import Processor
from compsel.profiling.choices import Choices
from compsel.profiling.decoding import ready_values
from compsel.profiling.load import parse_state
from compsel.profiling.tables import device_text
from compsel.progress import SILENT, Reporter
from compsel.storage.parquet import write_table
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant

__all__ = ["measure_energies"]

_DECODED_SAMPLES = 16
_WARM_UP_RUNS = 2


def measure_energies(
    choices: Choices,
    states: Sequence[str],
    samples: Samples,
    folder: Path,
    meter: Meter,
    least_s: float = 1.0,
    reporter: Reporter = SILENT,
) -> None:
    """Measure every choice in every state and store one table a state.

    What the device takes while this process sleeps is measured in each state before its choices, and subtracted. A
    state is kept where this device measured all of these choices in it already, with the same files and meter.

    Args:
        choices: what to measure.
        states: words such as "idle" and "busy:1".
        samples: up to 16 of them are run in turn.
        folder: of the profile.
        meter: open.
        least_s: so long runs each choice in each state, at least: slow meters need longer.
        reporter: of progress.

    Raises:
        ProfileError: no samples.
        EnergyError: the meter cannot be read any more.
    """
    if not len(samples):
        raise ProfileError("no samples to measure with")
    metadata = {"meter": meter.name, "estimated": "yes" if meter.estimated else "no", "device": device_text()}
    values = ready_values(samples, _DECODED_SAMPLES, [variant for variant, _ in choices])
    for state in states:
        path = folder / "energy" / f"{state.replace(':', '-')}.parquet"
        if choices.are_in(path, metadata):
            continue
        rows: list[tuple[Variant, Processor, Energy]] = []
        with parse_state(state):
            idle_mw = idle_power_mw(meter, least_s)
            for variant, processor in reporter.track(list(choices), f"energy, {state}"):
                with closing(Engine(variant, choices.files, processor)) as engine:
                    for value in values[:_WARM_UP_RUNS]:
                        engine(value)
                    energy = measure_energy(map(engine, itertools.cycle(values)).__next__, meter, idle_mw, least_s)
                rows.append((variant, processor, energy))
        _write(path, rows, {**metadata, "state": state, "idle_mw": f"{idle_mw:.1f}"})


def _write(path: Path, rows: Sequence[tuple[Variant, Processor, Energy]], metadata: dict[str, str]) -> None:
    write_table(
        path,
        {
            "variant": [variant.name for variant, _, _ in rows],
            "sha256": [variant.sha256 for variant, _, _ in rows],
            "processor": [processor.name for _, processor, _ in rows],
            "energy_mj": np.array([energy.energy_mj for _, _, energy in rows]),
            "gross_mj": np.array([energy.gross_mj for _, _, energy in rows]),
            "runs": np.array([energy.runs for _, _, energy in rows], np.int64),
            "seconds": np.array([energy.seconds for _, _, energy in rows]),
        },
        metadata,
    )
