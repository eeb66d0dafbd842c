"""Measure the energy of every choice in every state of the device, with a meter that this machine has."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compsel.device.energy import Energy, Meter, idle_power_mw, measure_energy
from compsel.errors import ProfileError
from compsel.inputs.samples import Samples
from compsel.processors.base import Processor
from compsel.profiling.load import parse_state
from compsel.profiling.profile import device_text, read_table, write_table
from compsel.progress import SILENT, Reporter
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant

__all__ = ["measure_energies"]

_DECODED_SAMPLES = 16
_WARM_UP_RUNS = 2


def measure_energies(
    variants: Sequence[Variant],
    processors: Sequence[Processor],
    states: Sequence[str],
    files: Path,
    samples: Samples,
    folder: Path,
    meter: Meter,
    least_s: float = 1.0,
    reporter: Reporter = SILENT,
) -> None:
    """Measure every variant on every processor in every state and store one table a state.

    What the device takes while this process sleeps is measured in each state before its choices, and subtracted. A
    state is kept where this device measured all of these choices in it already, with the same files and meter.

    Args:
        variants: what to run.
        processors: where to run it.
        states: words such as "idle" and "busy:1".
        files: folder of the variants' files.
        samples: what is run.
        folder: of the profile.
        meter: open.
        least_s: so long runs each choice in each state, at least: slow meters need longer.
        reporter: hears how far it is.

    Raises:
        ProfileError: no samples.
        EnergyError: the meter cannot be read any more.
    """
    if not len(samples):
        raise ProfileError("no samples to measure with")
    wanted = {(variant.name, variant.sha256, processor.name) for variant in variants for processor in processors}
    metadata = {"meter": meter.name, "estimated": "yes" if meter.estimated else "no", "device": device_text()}
    values = [samples.value(index) for index in samples.spread(_DECODED_SAMPLES).indices]
    for state in states:
        path = folder / "energy" / f"{state.replace(':', '-')}.parquet"
        if _is_known(path, wanted, metadata):
            continue
        rows: list[tuple[Variant, Processor, Energy]] = []
        with parse_state(state):
            idle_mw = idle_power_mw(meter, least_s)
            choices = [(variant, processor) for variant in variants for processor in processors]
            for number in reporter.track(range(len(choices)), f"energy, {state}"):
                variant, processor = choices[number]
                rows.append((variant, processor, _measure(variant, processor, files, values, meter, idle_mw, least_s)))
        _store(path, rows, {**metadata, "state": state, "idle_mw": f"{idle_mw:.1f}"})


def _measure(
    variant: Variant,
    processor: Processor,
    files: Path,
    values: Sequence[Any],
    meter: Meter,
    idle_mw: float,
    least_s: float,
) -> Energy:
    engine = Engine(variant, files, processor)
    try:
        for value in values[:_WARM_UP_RUNS]:
            engine(value)
        return measure_energy(_in_turn(engine, values).__next__, meter, idle_mw, least_s)
    finally:
        engine.close()


def _in_turn(engine: Engine, values: Sequence[Any]) -> Any:
    while True:
        for value in values:
            yield engine(value)


def _is_known(path: Path, wanted: Iterable[tuple[str, str, str]], metadata: dict[str, str]) -> bool:
    if not path.exists():
        return False
    try:
        columns, found = read_table(path)
        measured = set(zip(columns["variant"], columns["sha256"], columns["processor"], strict=True))
    except (ProfileError, KeyError):
        return False
    return set(wanted) <= measured and metadata.items() <= found.items()


def _store(path: Path, rows: Sequence[tuple[Variant, Processor, Energy]], metadata: dict[str, str]) -> None:
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
