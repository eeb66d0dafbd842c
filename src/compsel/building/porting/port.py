"""Brings a bundle that was made elsewhere to this device: a few measurements correct its table of costs.

What the old device took beside as many competing threads a core, smoothed, is what is corrected; see
`compsel.building.porting.transfer` for how, and for which pairs of a choice and a state are measured, and
`compsel.building.porting.sizes` for inputs of other sizes than the usual one.
"""

import itertools
import json
import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import compsel
from compsel.building.porting.engines import open_engines
from compsel.building.porting.inputs import made_up_inputs
from compsel.building.porting.old_costs import core_ratio, old_tables, portable_states
from compsel.building.porting.sizes import SecondSize
from compsel.building.porting.transfer import Transfer, Transferred, smooth
from compsel.bundle.bundle import Bundle
from compsel.bundle.file_names import SIGNATURE
from compsel.bundle.manifest import write_manifest
from compsel.device.fingerprint import device_fingerprint
from compsel.device.sampler import DeviceSampler
from compsel.errors import BundleError
from compsel.profiling.latency import Criterion, TimedChoice, device_numbers, time_choices
from compsel.profiling.load import parse_state
from compsel.progress import SILENT, Reporter
from compsel.selection.costs.model import COORDINATES, CostModel
from compsel.selection.costs.sizes import SizeTables
from compsel.storage.files import atomic_directory, copy_folder, write_json
from compsel.variants.engine import Engine

__all__ = ["PortingResult", "port"]

_RELATIVE_HALF_WIDTH, _MIN_RUNS, _MAX_RUNS = 0.05, 12, 90  # until a pair is known
_LEAST_PAIRS = 2  # one can be predicted from the other
_LEAST_DEVIATION = 0.03  # of a measured logarithm, whatever its runs say
_SAMPLER_SETTLES_S = 0.5
_SAME = ("cpu", "architecture", "cores", "usable_cores", "memory_gib")
_ARITHMETIC = re.compile(r"int\d+[a-z-]*|float16|bfloat16")


@dataclass(frozen=True)
class PortingResult:
    """The result of porting a bundle.

    Attributes:
        states, processors: that the new costs are of.
        unknown: processors that the old costs did not know.
        pairs: of a choice and a state that were measured.
        runs: timed inferences.
        share: of all pairs.
        error: to expect of a predicted latency: root mean square of log(predicted / true) over the whole table.
        left_out_error: root mean square of log(predicted / measured), each measured pair predicted from the others;
            None for a single one.
        seconds: all of it.
    """

    states: tuple[str, ...]
    processors: tuple[str, ...]
    unknown: tuple[str, ...]
    pairs: int
    runs: int
    share: float
    error: float
    left_out_error: float | None
    seconds: float


def port(
    bundle: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    share: float = 0.05,
    budget_s: float = 100.0,
    replace: bool = False,
    reporter: Reporter = SILENT,
) -> PortingResult:
    """Measure a few choices here, correct the bundle's costs by them, and write it anew.

    Args:
        bundle: its folder. out: where the ported one goes.
        share: of the pairs of a choice and a state that are measured, 0 to 1; never fewer than two pairs.
        budget_s: of measuring, shared by the states.
        replace: whether a bundle that is there already is replaced.
        reporter: hears how far it is.

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
        # what was signed is another bundle
        copy_folder(content.folder, temporary, without={SIGNATURE})
        engines = open_engines([content.variants[name] for name in names], content.folder / "variants")
        try:
            costs, ported = _measured(content, names, engines, share, budget_s, reporter)
        finally:
            for engine in engines.values():
                engine.close()
        ported = PortingResult(**{**vars(ported), "seconds": time.perf_counter() - begin})
        write_json(temporary / "costs.json", costs.to_dict())
        document = _document(content.folder)
        document["summary"] |= {"device": device_fingerprint(), "ported": vars(ported)}
        write_json(temporary / "bundle.json", document)
        (temporary / "manifest.json").unlink()
        write_manifest(temporary, compsel.__version__, document["summary"].get("task", ""))
    return ported


def _document(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    return document


# long: one straight sequence of steps that share most of what they know
def _measured(
    content: Bundle,
    names: Sequence[str],
    engines: Mapping[tuple[str, str], Engine],
    share: float,
    budget_s: float,
    reporter: Reporter,
) -> tuple[CostModel, PortingResult]:
    old, processors = content.costs, tuple(dict.fromkeys(processor for _, processor in engines))
    known = {processor for _, processor in old.choices}
    states = portable_states(old)
    transfer = Transfer(
        len(states),
        [_kind(content.variants[name].technique) for name in names],
        [processor in known for processor in processors],
        _same_device(content),
    )
    pairs = math.prod(transfer.shape)
    cells = sorted(transfer.plan(max(_LEAST_PAIRS, round(share * pairs))))
    counting = next((one.variant for one in engines.values() if one.variant.name == old.sized_by), None)
    counting = counting or next(iter(engines.values())).variant
    inputs = made_up_inputs(counting, None if old.by_size is None else old.by_size.usual)
    timed = [TimedChoice(engines[names[cell[1]], processors[cell[2]]], inputs=inputs) for cell in cells]
    second = None if old.by_size is None else SecondSize.planned(old.by_size, counting, cells, timed)
    criterion = Criterion(_RELATIVE_HALF_WIDTH, _MIN_RUNS, _MAX_RUNS, budget_s / len(states))
    seen = []
    with DeviceSampler() as sampler:
        for number, word in enumerate(states):
            here = [choice for cell, choice in zip(cells, timed, strict=True) if cell[0] == number]
            here += [] if second is None else second.of_state(number)
            seen.append(_visit(word, here, criterion, sampler, reporter))
    of_old = partial(old_tables, old, states, seen, core_ratio(content), (names, processors))
    mean, p95 = of_old()
    found = _fit(transfer, smooth(mean), cells, timed)
    new = found.latency_ms, found.latency_ms * p95 / mean
    by_size = None if second is None else second.tables(lambda size: of_old(size=size), new)
    costs = _cost_model(states, seen, tuple(itertools.product(names, processors)), new, by_size)
    return costs, PortingResult(
        states,
        processors,
        tuple(processor for processor in processors if processor not in known),
        len(cells),
        sum(len(choice.latencies_ms) for choice in timed),
        len(cells) / pairs,
        found.error,
        float(np.sqrt(np.mean(found.left_out**2))) if len(cells) > 1 else None,
        0.0,
    )


def _fit(
    transfer: Transfer, prior_ms: np.ndarray, cells: Sequence[tuple[int, int, int]], timed: Sequence[TimedChoice]
) -> Transferred:
    means = [float(np.mean(choice.latencies_ms)) for choice in timed]
    return transfer.fit(prior_ms, cells, means, [max(_LEAST_DEVIATION, choice.deviation()) for choice in timed])


def _visit(
    word: str, choices: Sequence[TimedChoice], criterion: Criterion, sampler: DeviceSampler, reporter: Reporter
) -> dict[str, float]:
    """Measure some choices in a state, in turns; return the numbers of the device's state meanwhile."""
    with parse_state(word):
        time.sleep(_SAMPLER_SETTLES_S)
        states = [sampler.state()]
        if choices:
            states += time_choices(choices, [], criterion, sampler, reporter, f"measuring, {word}")
    return device_numbers(states)


def _kind(technique: str) -> str:
    """Return the arithmetic that a technique leaves a model with; "" is that of the model.

    >>> _kind("resolution:160+int8-static"), _kind("resolution:160")
    ('int8-static', '')
    """
    return "+".join(_ARITHMETIC.findall(technique))


def _same_device(content: Bundle) -> bool:
    """Whether the costs were measured on a device like this one: what its runtime is may differ."""
    here, there = device_fingerprint(), content.summary.get("device", {})
    return all(here[key] == there.get(key) for key in _SAME)


def _cost_model(
    states: Sequence[str],
    seen: Sequence[Mapping[str, float]],
    choices: tuple[tuple[str, str], ...],
    new: tuple[np.ndarray, np.ndarray],
    by_size: SizeTables | None,
) -> CostModel:
    """Return the costs with the idlest state first, in the coordinates that this device knows."""
    coordinates = tuple(name for name in COORDINATES if all(name in numbers for numbers in seen))
    places = np.array([[numbers[name] for name in coordinates] for numbers in seen])
    order = np.lexsort(places.T[::-1])
    mean, p95 = (table.reshape(len(states), -1)[order] for table in new)
    if by_size is not None:
        shape = (len(by_size.sizes), len(states), -1)
        at_means, at_p95s = (table.reshape(shape)[:, order] for table in (by_size.latency_ms, by_size.p95_ms))
        by_size = replace(by_size, latency_ms=at_means, p95_ms=at_p95s)
    names = tuple(states[i] for i in order)
    return CostModel(choices, places[order], mean, p95, coordinates, names, by_size=by_size)
