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
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and 95th percentile, (n_states, n_variants, n_processors), of the old device under the same load.

    The same is as many competing threads for each core: one busy process on one core is to an inference what two are
    on two cores. Where no such state was measured, the old cost model says what would be.
    """
    columns = _columns(old, *choices)
    scale = np.array([core_ratio if name in _COUNTS else 1.0 for name in old.coordinates])
    means, p95s = [], []
    for word, numbers in zip(states, seen, strict=True):
        same = _scaled(word, core_ratio)
        if same in old.names:
            row = old.names.index(same)
            mean, p95 = old.latency_ms[row], old.p95_ms[row]
        else:
            mean, p95 = old.both_at(np.array([numbers.get(name, math.nan) for name in old.coordinates]) * scale)
        means.append(mean[columns])
        p95s.append(p95[columns])
    return np.array(means), np.array(p95s)


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
