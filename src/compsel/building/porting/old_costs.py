"""What the old device is expected to take under the loads of the new one: the prior that measurements here correct."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from compsel.bundle.bundle import Bundle
from compsel.device.cgroup import usable_cores
from compsel.errors import ProfileError
from compsel.profiling.load import parse_state, standard_states
from compsel.selection.costs.model import CostModel

__all__ = ["core_ratio", "old_tables", "portable_states"]

# coordinates that count threads: a core's share of them is what slows an inference down
_COUNTS = ("load_others", "runnable_others")


def core_ratio(content: Bundle) -> float:
    """Return how many cores the old device has for each of this one: 1.0 where the bundle does not say."""
    here, there = usable_cores(), content.summary.get("device", {}).get("usable_cores")
    return there / here if isinstance(there, int) and there > 0 else 1.0


def portable_states(old: CostModel) -> tuple[str, ...]:
    """Return the states of the old costs that can be made here; of bundles that do not name theirs, the usual ones."""
    usable = []
    for word in old.names:
        try:
            if not word.startswith("soak"):
                parse_state(word)
                usable.append(word)
        except ProfileError:
            continue
    return tuple(usable) or (standard_states()[:1] if len(old.states) == 1 else standard_states())


def old_tables(
    old: CostModel,
    states: Sequence[str],
    seen: Sequence[Mapping[str, float]],
    core_ratio: float,
    choices: tuple[Sequence[str], Sequence[str]],
    size: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and 95th percentile, (n_states, n_variants, n_processors), of the old device under the same load.

    The same is as many competing threads for each core: one busy process on one core is to an inference what two are
    on two cores. Where no such state was measured, the old cost model says what would be.

    Args:
        old: costs of the old device.
        states: of the new one.
        seen: what the sampler said in each of them.
        core_ratio: cores of the old device for each of this one.
        choices: names of variants and of processors.
        size: of the inputs, one that was measured; None: the usual one.
    """
    columns = _columns(old, *choices)
    scale = np.array([core_ratio if name in _COUNTS else 1.0 for name in old.coordinates])
    means, p95s = [], []
    for word, numbers in zip(states, seen, strict=True):
        same = _scaled(word, core_ratio)
        if same in old.names:
            mean, p95 = _measured_at(old, old.names.index(same), size)
        else:
            where = np.array([numbers.get(name, math.nan) for name in old.coordinates]) * scale
            mean, p95 = old.both_at(where, size)
        means.append(mean[columns])
        p95s.append(p95[columns])
    return np.array(means), np.array(p95s)


def _measured_at(old: CostModel, state: int, size: float | None) -> tuple[np.ndarray, np.ndarray]:
    if size is None or old.by_size is None:
        return old.latency_ms[state], old.p95_ms[state]
    row = old.by_size.nearest(size)
    return old.by_size.latency_ms[row, state], old.by_size.p95_ms[row, state]


def _scaled(word: str, ratio: float) -> str:
    """Return the state with so many times the processes, the word itself where it names none.

    >>> _scaled("busy:1", 2.0), _scaled("busy:1", 0.5), _scaled("idle", 2.0)
    ('busy:2', '', 'idle')
    """
    kind, _, count = word.partition(":")
    scaled = int(count) * ratio if count else 0.0
    if not scaled.is_integer():
        return ""
    return f"{kind}:{int(scaled)}" if count else word


def _columns(old: CostModel, names: Sequence[str], processors: Sequence[str]) -> np.ndarray:
    """Return the numbers of the old choices (n_variants, n_processors) that new ones are likest to."""
    columns = np.empty((len(names), len(processors)), np.intp)
    for row, name in enumerate(names):
        mine = {processor: number for number, (variant, processor) in enumerate(old.choices) if variant == name}
        fastest = min(mine.values(), key=lambda number: float(old.latency_ms[0, number]))
        columns[row] = [mine.get(processor, fastest) for processor in processors]
    return columns
