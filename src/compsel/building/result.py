"""The result of a build: what its bundle gains, from the measured tables and the answers to held-out samples."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.building.start_up import bundle_start_up, session_start_up
from compsel.building.verdict import against_single, shipped_outcome, verdict_of
from compsel.evaluation.next_steps import next_steps
from compsel.evaluation.result import AnswerFigures, Result
from compsel.processors import default_cpu
from compsel.profiling.confidence_intervals import Estimate
from compsel.profiling.latency_table import mean_latency
from compsel.profiling.profile import Profile
from compsel.selection.costs.model import CostModel
from compsel.selection.dataset import Outcome, SelectionDataset
from compsel.selection.judging.paired_comparison import PairedComparison, compare
from compsel.selection.training.trained import Trained
from compsel.storage.files import folder_size_mb
from compsel.storage.locations.using import in_addresses
from compsel.variants.variant import Variant

__all__ = ["Built", "Measured", "result_of", "with_start_up"]

# name of a variant, name of the processor
Choice = tuple[str, str]


@dataclass(frozen=True, kw_only=True, repr=False)
class Built(Trained):
    """What was trained, and the result of the bundle that was written.

    Attributes:
        result: what it gains.
        streaming: how a table was trained on that does not fit memory (`Streamed.to_dict`); None: it fits.
    """

    result: Result
    streaming: dict[str, Any] | None = None


@dataclass(frozen=True)
class Measured:
    """What a policy was trained on.

    Attributes:
        profile: the tables.
        dataset: these, joined.
        costs: of every choice.
    """

    profile: Profile
    dataset: SelectionDataset
    costs: CostModel

    def place(self, variant: str) -> Choice:
        """Return a variant where it is cheapest on the idle device."""
        return variant, self.costs.processors(variant, self.costs.idle)[0]

    def latency_ms(self, choice: Choice) -> Estimate | None:
        """Return the mean latency of a choice on the idle device, of inputs of the usual size; None: not measured."""
        for table in (self.profile.latency, self.profile.current):
            if table is not None and table.states:
                runs = table.by_choice().get((*choice, table.states[0]))
                if runs is not None:
                    return mean_latency(runs)
        return None

    def energy_mj(self, choices: Iterable[Choice]) -> float | None:
        """Return the energy of some choices, one after the other, on the idle device; None where it is not known."""
        table = self.profile.energy
        if table is None or self.profile.latency is None:
            return None
        state = self.profile.latency.states[0]
        found = [table.energy_mj.get((*choice, state), math.nan) for choice in choices]
        return None if any(math.isnan(value) for value in found) else float(sum(found))

    def variant(self, name: str) -> Variant:
        """Return a variant by its name."""
        return next(one for one in self.profile.variants if one.name == name)


def result_of(trained: Trained, measured: Measured, bundle: Path) -> Result:
    """Return what a bundle gains.

    Latencies are those of the idle device, from a decoded input to the answer. Their intervals join two causes: which
    samples these are, and how well the choices' mean latencies are known.

    Args:
        trained: what ships.
        measured: what it was trained on.
        bundle: its folder, which need not be there yet.
    """
    outcome = shipped_outcome(trained)
    ours = _in_ms(outcome, measured)
    current, current_is = _current(trained, measured)
    against = against_single(trained)
    choice = against.choice
    sceptic = _in_ms(trained.static[choice.variant], measured)
    groups = trained.groups
    to_current = _compare(ours, current, measured, groups)
    # the comparison that decided what ships; where that was in energies, the same in times beside it
    in_ms = measured.dataset.unit == "ms"
    to_sceptic = against.found if in_ms else _compare(ours, sceptic, measured, groups)
    n = len(ours.quality)
    result = Result(
        _figures(in_addresses(str(bundle)), ours, measured),
        replace(_figures(_name(current), current, measured), size_mb=_size_mb(current, measured)),
        current_is,
        _figures(_name(sceptic), sceptic, measured),
        to_current,
        to_sceptic,
        sceptic_is=choice.what,
        beats_sceptic=against.beats,
        sceptic_words="" if in_ms else against.found.words("mJ"),
        why=verdict_of(trained).why,
        is_sceptic=set(ours.choices) == set(sceptic.choices),
        n=n,
        held_out=True,
        right_is=_right_is(measured),
        ways={way: count / n for way, count in ours.choices.most_common()},
        energy_estimated=measured.profile.energy is not None and measured.profile.energy.estimated,
    )
    faster = {name: _in_ms(one, measured) for name, one in trained.static.items()}
    return replace(result, next_steps=next_steps(result, faster))


def with_start_up(result: Result, original: Variant, files: Path, bundle: Path) -> Result:
    """Return the result with what its bundle takes: of disk, and of time and memory until its first answer.

    Args:
        result: of the build.
        original: the uncompressed variant that it is compared with.
        files: folder of its files.
        bundle: folder of the bundle.
    """
    result = replace(result, ours=replace(result.ours, size_mb=folder_size_mb(bundle)))
    ours, current = bundle_start_up(bundle), session_start_up(original, files, default_cpu().threads)
    if ours is None or current is None or result.current is None:
        return result
    return replace(
        result,
        ours=replace(result.ours, start_ms=ours.first_answer_ms, memory_mb=ours.memory_mb),
        current=replace(result.current, start_ms=current.first_answer_ms, memory_mb=current.memory_mb),
    )


def _current(trained: Trained, measured: Measured) -> tuple[Outcome, str]:
    """Return what the uncompressed model gives with ONNX Runtime's default threads, and in words what that is."""
    name = trained.most_accurate
    best = measured.place(name)
    default = name, default_cpu().name
    at_default, at_best = measured.latency_ms(default), measured.latency_ms(best)
    outcome = _in_ms(trained.static[name], measured)
    if at_default is None or at_best is None:
        return outcome, f"as your model runs uncompressed ({_words(best)}; ONNX Runtime's defaults were not measured)"
    latency_ms = outcome.latency_ms * (at_default.value / at_best.value)
    way = np.full(len(latency_ms), "@".join(default))
    return (
        Outcome(outcome.quality, latency_ms, way),
        f"as your model runs today ({_words(default)}, ONNX Runtime's defaults)",
    )


def _in_ms(outcome: Outcome, measured: Measured) -> Outcome:
    """Return an outcome with latencies (where costs are energies too), and with the processors in its ways."""
    ways = {way: [measured.place(name) for name in way.split(" > ")] for way in outcome.choices}
    latency_ms = outcome.latency_ms
    if measured.dataset.unit != "ms":
        of_choice = {choice: measured.costs.processors(choice[0], measured.costs.idle)[1] for choice in _all(ways)}
        of_way = {way: sum(of_choice[choice] for choice in choices) for way, choices in ways.items()}
        latency_ms = np.array([of_way[way] for way in outcome.variants])
    placed = {way: " > ".join("@".join(choice) for choice in choices) for way, choices in ways.items()}
    return Outcome(outcome.quality, latency_ms, np.array([placed[way] for way in outcome.variants]))


def _all(ways: dict[str, list[Choice]]) -> set[Choice]:
    return {choice for choices in ways.values() for choice in choices}


def _choices(way: str) -> list[Choice]:
    parts = (stage.rpartition("@") for stage in way.split(" > "))
    return [(variant, processor) for variant, _, processor in parts]


def _compare(ours: Outcome, other: Outcome, measured: Measured, groups: NDArray[np.intp] | None) -> PairedComparison:
    """Compare two outcomes in times; the interval of the speed-up knows how well these were measured."""
    error = math.hypot(_relative_error(ours, measured), _relative_error(other, measured))
    return compare(ours, other, groups, cost_error=error)


def _relative_error(outcome: Outcome, measured: Measured) -> float:
    """Return half the 95 % interval of the mean latency as a share of it; of several choices, the least known one's."""
    errors = []
    for choice in {choice for way in outcome.choices for choice in _choices(way)}:
        mean = measured.latency_ms(choice)
        if mean is not None:
            errors.append((mean.high - mean.low) / 2 / mean.value)
    return max(errors, default=0.0)


def _figures(name: str, outcome: Outcome, measured: Measured) -> AnswerFigures:
    n = len(outcome.quality)
    energies = [(measured.energy_mj(_choices(way)), count / n) for way, count in outcome.choices.items()]
    known = [energy * share for energy, share in energies if energy is not None]
    return AnswerFigures(
        name,
        float(outcome.latency_ms.mean()),
        float(outcome.quality.mean()),
        energy_mj=sum(known) if len(known) == len(energies) else None,
    )


def _name(outcome: Outcome) -> str:
    return _words(_choices(next(iter(outcome.choices)))[0])


def _words(choice: Choice) -> str:
    return " on ".join(choice)


def _size_mb(outcome: Outcome, measured: Measured) -> float:
    return measured.variant(_choices(next(iter(outcome.choices)))[0][0]).size_bytes / 1e6


def _right_is(measured: Measured) -> str:
    if measured.profile.quality_criterion is not None:
        return "good enough"
    return "agreeing" if measured.dataset.reference else "right"
