"""The energy of policies: each answers the same inputs in turn, for as long as the meter needs."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from compsel.device.energy import Meter, idle_power_mw, measure_energy
from compsel.evaluation.correctness import answer_of
from compsel.inputs.samples import Samples
from compsel.progress import SILENT, Reporter
from compsel.runtime.runtime import Runtime

__all__ = ["policy_energies"]

_SAMPLES = 64


def policy_energies(
    runtimes: Mapping[str, Sequence[Runtime]],
    samples: Samples,
    meter: Meter,
    least_s: float = 2.0,
    reporter: Reporter = SILENT,
) -> dict[str, float]:
    """Return the energy (mJ) of one answer of each policy, above what the device takes without it.

    Args:
        runtimes: by policy, one a sample: what answers it.
        samples: up to 64 of them, spread over all, are answered in turn, from what an app holds: decoding counts.
        meter: open.
        least_s: so long answers each policy, at least; idling is watched for as long before each.
        reporter: of progress.

    Raises:
        EnergyError: the meter cannot be read any more.
    """
    positions = samples.spread(_SAMPLES).indices
    sources = [(samples.source(position), samples.names[position]) for position in positions]
    names = list(runtimes)
    energies = {}
    for number in reporter.track(range(len(names)), f"energy, {meter.name}"):
        answering = [runtimes[names[number]][position] for position in positions]
        pairs = itertools.cycle(zip(answering, sources, strict=True))

        idle_mw = idle_power_mw(meter, least_s)
        energies[names[number]] = measure_energy(partial(_answer_next, pairs), meter, idle_mw, least_s).energy_mj
    return energies


def _answer_next(pairs: Iterator[tuple[Runtime, tuple[Any, str]]]) -> None:
    runtime, (source, name) = next(pairs)
    answer_of(runtime, source, name)
