"""Candidates for selection: every variant of a profile with its cost, its quality, and what dominates it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compsel.device.fingerprint import device_fingerprint
from compsel.errors import ModelError, ProfileError
from compsel.processors import CpuProcessor
from compsel.processors import parse as parse_processor
from compsel.profiling.confidence_intervals import Estimate, normal_mean
from compsel.profiling.dominance import Domination, TradeOffPoint, dominated
from compsel.profiling.graph_feeds import synthetic_graph_feeds
from compsel.profiling.latency_table import LatencyTable
from compsel.profiling.operator_profile import profile_variant
from compsel.profiling.profile import Profile
from compsel.profiling.slowdown_causes import slowdown_causes
from compsel.variants.variant import Variant

__all__ = ["Candidate", "candidates"]

# what is faster than this needs no explanation
_NOT_FASTER = 0.97

# by variant: its fastest processor, and the mean latency (ms) there
Fastest = dict[str, tuple[str, Estimate]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One variant on its fastest processor of an idle device.

    Attributes:
        variant: its name.
        size_mb: on disk.
        quality: mean over the samples of the profile.
        processor: the fastest one.
        latency_ms: mean there.
        low_ms, high_ms: its 95 % confidence interval.
        domination: what beats it, among the variants of the same model; None where nothing does.
        why: known reasons for that; "" where none is known.

    >>> Candidate("net/none", 4.0, 0.9, "cpu:1", 5.0, 4.9, 5.1).domination is None
    True
    """

    variant: str
    size_mb: float
    quality: float
    processor: str
    latency_ms: float
    low_ms: float
    high_ms: float
    domination: Domination | None = None
    why: str = ""


def candidates(profile: Profile, files: Path | None = None) -> list[Candidate]:
    """Return the candidates of a profile, in the order of its variants; those without costs are left out.

    Args:
        profile: with costs.
        files: folder of the variants' files: then what is dominated, and no faster than its uncompressed model, is run
            once under the runtime's profiler, on this device, to say why.

    Raises:
        ProfileError: no costs were measured.
    """
    if profile.latency is None:
        raise ProfileError("the profile has no latencies: measure this device with compsel profile")
    fastest = _fastest(profile.latency)
    dominations = _dominations(profile, fastest)
    found = []
    for column, variant in enumerate(profile.variants):
        if variant.name not in fastest:
            continue
        processor, latency = fastest[variant.name]
        why = ""
        if files is not None and variant.name in dominations and not _gains(variant, fastest):
            why = _why(profile, variant, processor, files)
        found.append(
            Candidate(
                variant.name,
                variant.size_bytes / 1e6,
                float(profile.quality[:, column].mean()),
                processor,
                latency.value,
                latency.low,
                latency.high,
                dominations.get(variant.name),
                why,
            )
        )
    return found


def _fastest(table: LatencyTable) -> Fastest:
    """Return the fastest processor of each variant on an idle device."""
    found: Fastest = {}
    for (name, processor, state), latencies_ms in table.by_choice().items():
        if state == table.states[0]:
            mean = normal_mean(latencies_ms)
            if name not in found or mean.value < found[name][1].value:
                found[name] = processor, mean
    return found


def _dominations(profile: Profile, fastest: Fastest) -> dict[str, Domination]:
    found: dict[str, Domination] = {}
    for model in dict.fromkeys(variant.model for variant in profile.variants):
        columns = [
            number
            for number, variant in enumerate(profile.variants)
            if variant.model == model and variant.name in fastest
        ]
        found |= dominated(_points(profile, columns, fastest))
    return found


def _points(profile: Profile, columns: Sequence[int], fastest: Fastest) -> list[TradeOffPoint]:
    original = next((number for number in columns if profile.variants[number].technique == "none"), None)
    points = []
    for number in columns:
        name, quality = profile.variants[number].name, profile.quality[:, number]
        latency = fastest[name][1]
        error = 0.0
        if original is not None:
            error = float((quality - profile.quality[:, original]).std()) / len(quality) ** 0.5
        points.append(
            TradeOffPoint(
                name, float(quality.mean()), latency.value, latency.low, latency.high, error, number == original
            )
        )
    return points


def _gains(variant: Variant, fastest: Fastest) -> bool:
    """Whether a variant is faster than its uncompressed model, which itself has nothing to gain."""
    original = fastest.get(f"{variant.model}/none")
    if variant.technique == "none" or original is None:
        return True
    return fastest[variant.name][1].value < _NOT_FASTER * original[1].value


def _why(profile: Profile, variant: Variant, processor: str, files: Path) -> str:
    """Return the causes for a variant's being slow; "" off the CPU, or without the file of its model."""
    original = next((one for one in profile.variants if one.model == variant.model and one.technique == "none"), None)
    if original is None or parse_processor(processor).provider != CpuProcessor(1).provider:
        return ""
    try:
        ours, theirs = (profile_variant(one, files, synthetic_graph_feeds(one)) for one in (variant, original))
    except (ModelError, OSError):
        return ""
    return slowdown_causes(ours, theirs, device_fingerprint()["instruction_sets"])
