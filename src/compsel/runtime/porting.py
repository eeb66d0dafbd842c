"""Brings a bundle that was made elsewhere to this device: a few measurements correct its table of costs."""

import itertools
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import compsel
from compsel.errors import BundleError, ModelError, ProcessorError, ProfileError
from compsel.features.device import DeviceSampler, DeviceState
from compsel.features.fingerprint import device_fingerprint
from compsel.feeds import synthetic_feeds
from compsel.files import atomic_directory, write_json
from compsel.processors import discover
from compsel.processors.base import Processor
from compsel.profiling.latency import Criterion
from compsel.profiling.load import parse_state, standard_states
from compsel.profiling.resuming import Progress, silent
from compsel.runtime.bundle import Bundle
from compsel.runtime.manifest import write_manifest
from compsel.selection.costs import COORDINATES, CostModel, place
from compsel.selection.transfer import Transfer
from compsel.variant import Engine, Variant

__all__ = ["Ported", "port"]

_RUNS, _WARM_UP_RUNS = 3, 2
_IMAGE = (480, 640, 3)


@dataclass(frozen=True)
class Ported:
    """What porting did.

    Attributes:
        states, processors: that the new costs are of.
        unknown: processors that the old costs did not know.
        runs: timed inferences.
        share: of the inferences that a full profile takes at the least.
        error: root mean square of log(predicted / measured), each measured choice predicted from the others.
        seconds: all of it.
    """

    states: tuple[str, ...]
    processors: tuple[str, ...]
    unknown: tuple[str, ...]
    runs: int
    share: float
    error: float
    seconds: float


def port(
    bundle: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    share: float = 0.05,
    budget_s: float = 100.0,
    replace: bool = False,
    progress: Progress = silent,
) -> Ported:
    """Measure a few choices here, correct the bundle's costs by them, and write it anew.

    Args:
        bundle: its folder. out: where the ported one goes.
        share: of the inferences of a full profile, 0 to 1; at least each processor is measured in each state.
        budget_s: after so long, the states that are left are not measured.
        replace: whether a bundle that is there already is replaced.
        progress: wraps loops.

    Raises:
        BundleError: not a bundle; a share that is none; or no processor of this device runs its variants.
        StorageError: `out` is there already, or cannot be written.
    """
    if not 0 < share <= 1:
        raise BundleError(f"share: got {share!r}, allowed is a share above 0, up to 1")
    begin = time.perf_counter()
    content = Bundle.load(bundle)
    names = tuple(dict.fromkeys(variant for variant, _ in content.costs.choices))
    with atomic_directory(out, replace=replace) as temporary:
        shutil.copytree(content.folder, temporary, dirs_exist_ok=True)
        engines = _open([content.variants[name] for name in names], content.folder / "variants")
        try:
            costs, ported = _measured(content.costs, names, engines, share, begin + budget_s, progress)
        finally:
            for engine in engines.values():
                engine.close()
        ported = Ported(**{**vars(ported), "seconds": time.perf_counter() - begin})
        write_json(temporary / "costs.json", costs.to_dict())
        document = _document(content.folder)
        document["summary"] |= {"device": device_fingerprint(), "ported": vars(ported)}
        write_json(temporary / "bundle.json", document)
        (temporary / "manifest.json").unlink()
        write_manifest(temporary, compsel.__version__)
    return ported


def _document(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    return document


def _open(variants: Sequence[Variant], files: Path) -> dict[tuple[str, str], Engine]:
    """Open every variant on every processor of this device that runs all of them.

    Raises:
        BundleError: there is none.
    """
    engines: dict[tuple[str, str], Engine] = {}
    reasons: list[str] = []
    for processor in (processor for processor, found in discover() if found.available):
        opened, reason = _open_all(variants, files, processor)
        engines |= opened
        reasons += [f"{processor.name}: {reason}"] * bool(reason)
    if not engines:
        raise BundleError(f"{files.parent}: no processor of this device runs its variants ({'; '.join(reasons)})")
    return engines


def _open_all(
    variants: Sequence[Variant], files: Path, processor: Processor
) -> tuple[dict[tuple[str, str], Engine], str]:
    opened: dict[tuple[str, str], Engine] = {}
    try:
        for variant in variants:
            opened[variant.name, processor.name] = Engine(variant, files, processor)
    except (ModelError, ProcessorError) as error:
        for engine in opened.values():
            engine.close()
        return {}, str(error)
    return opened, ""


def _measured(
    old: CostModel,
    names: Sequence[str],
    engines: Mapping[tuple[str, str], Engine],
    share: float,
    until_s: float,
    progress: Progress,
) -> tuple[CostModel, Ported]:
    processors = tuple(dict.fromkeys(processor for _, processor in engines))
    states = _states(old)
    transfer = Transfer(*_old_table(old, states, names, processors))
    full = transfer.old_ms.size * Criterion().min_runs
    cells_a_state = max(len(processors), round(share * full / _RUNS / len(states)))
    cells_a_state = min(cells_a_state, len(names) * len(processors))
    places: list[np.ndarray] = []
    with DeviceSampler() as sampler:
        for number, word in enumerate(states):
            if number and time.perf_counter() > until_s:
                break
            seen: list[DeviceState] = []
            with parse_state(word):
                for _ in progress(range(cells_a_state), f"measuring, {word}"):
                    cell = transfer.next(number)
                    transfer.add(cell, _run(engines[names[cell[1]], processors[cell[2]]]))
                    seen.append(sampler.state())
            places.append(np.median([place(state, COORDINATES) for state in seen], axis=0))
    measured = len(places)
    table = transfer.predict()[:measured].reshape(measured, -1)
    spread = _spread(old, states[:measured], names, processors)
    known: list[bool] = np.isfinite(np.array(places)).all(axis=0).tolist()
    order = np.argsort([float(np.nansum(where[:2])) for where in places], kind="stable")
    costs = CostModel(
        tuple(itertools.product(names, processors)),
        np.array(places)[order][:, known],
        table[order],
        (table * spread)[order],
        tuple(itertools.compress(COORDINATES, known)),
        tuple(states[row] for row in order),
    )
    runs = len(transfer.cells) * _RUNS
    error = float(np.sqrt(np.mean(transfer.left_out_error() ** 2)))
    unknown = tuple(itertools.compress(processors, [not is_known for is_known in transfer.known]))
    return costs, Ported(tuple(states[:measured]), processors, unknown, runs, runs / full, error, 0.0)


def _run(engine: Engine) -> float:
    """Return the median latency of a few runs in ms: so few runs hold no mean."""
    value: Any
    if engine.takes_pixels:
        value = np.random.default_rng(0).integers(0, 256, _IMAGE).astype(np.uint8)
    else:
        value = synthetic_feeds(engine.variant.inputs, seed=0)
    latencies = []
    for run in range(-_WARM_UP_RUNS, _RUNS):
        begin = time.perf_counter_ns()
        engine(value)
        if run >= 0:
            latencies.append((time.perf_counter_ns() - begin) / 1e6)
    return float(np.median(latencies))


def _states(old: CostModel) -> tuple[str, ...]:
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


def _old_table(
    old: CostModel, states: Sequence[str], names: Sequence[str], processors: Sequence[str]
) -> tuple[np.ndarray, list[bool]]:
    columns = _columns(old, names, processors)
    table = np.array([old.latency_ms[row][columns] for row in _rows(old, states)])
    measured = {processor for _, processor in old.choices}
    return table, [processor in measured for processor in processors]


def _spread(old: CostModel, states: Sequence[str], names: Sequence[str], processors: Sequence[str]) -> np.ndarray:
    """Return the 95th percentile over the mean, (n_states, n_choices)."""
    columns = _columns(old, names, processors).ravel()
    return np.array([(old.p95_ms[row] / old.latency_ms[row])[columns] for row in _rows(old, states)])


def _rows(old: CostModel, states: Sequence[str]) -> list[int]:
    last = len(old.states) - 1
    return [old.names.index(word) if word in old.names else min(number, last) for number, word in enumerate(states)]


def _columns(old: CostModel, names: Sequence[str], processors: Sequence[str]) -> np.ndarray:
    """Return the numbers of the old choices (n_variants, n_processors) that new ones are likest to."""
    columns = np.empty((len(names), len(processors)), np.intp)
    for row, name in enumerate(names):
        mine = {processor: number for number, (variant, processor) in enumerate(old.choices) if variant == name}
        fastest = min(mine.values(), key=lambda number: float(old.latency_ms[0, number]))
        columns[row] = [mine.get(processor, fastest) for processor in processors]
    return columns
