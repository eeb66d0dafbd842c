"""Every variant of a profile as a candidate for selection: what it costs, how good it is, whether anything beats it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from compsel.device.fingerprint import device_fingerprint
from compsel.errors import ModelError, ProfileError
from compsel.inputs.modalities import modality_of
from compsel.inputs.synthetic_feeds import synthetic_feeds
from compsel.models.complexity import macs
from compsel.models.model import Model
from compsel.processors import CpuProcessor
from compsel.processors import parse as parse_processor
from compsel.profiling.dominance import Domination, Standing, dominated
from compsel.profiling.operator_profile import measure_operators
from compsel.profiling.profile import Profile
from compsel.profiling.slowdown_causes import Run, slowdown_causes
from compsel.variants.variant import Variant

__all__ = ["Candidate", "candidates"]

# what is faster than this needs no explanation
_NOT_FASTER = 0.97

Floats = NDArray[np.float64]


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
    idle = profile.latency.states[0]
    measured: dict[str, dict[str, Floats]] = {}
    for (name, processor, state), values in profile.latency.by_choice().items():
        if state == idle:
            measured.setdefault(name, {})[processor] = values
    fastest = {
        name: min(by_processor.items(), key=lambda item: float(item[1].mean()))
        for name, by_processor in measured.items()
    }
    beaten = _beaten(profile, fastest)
    found = []
    for column, variant in enumerate(profile.variants):
        if variant.name in fastest:
            processor, values = fastest[variant.name]
            low, mean, high = _interval(values)
            why = ""
            if files is not None and variant.name in beaten and not _gains(variant, fastest):
                why = _why(profile, variant, processor, files)
            quality = float(profile.quality[:, column].mean())
            size = variant.size_bytes / 1e6
            found.append(
                Candidate(variant.name, size, quality, processor, mean, low, high, beaten.get(variant.name), why)
            )
    return found


def _beaten(profile: Profile, fastest: Mapping[str, tuple[str, Floats]]) -> dict[str, Domination]:
    beaten: dict[str, Domination] = {}
    for model in dict.fromkeys(variant.model for variant in profile.variants):
        columns = [
            number
            for number, variant in enumerate(profile.variants)
            if variant.model == model and variant.name in fastest
        ]
        beaten |= dominated(_standings(profile, columns, fastest))
    return beaten


def _standings(profile: Profile, columns: Sequence[int], fastest: Mapping[str, tuple[str, Floats]]) -> list[Standing]:
    original = next((number for number in columns if profile.variants[number].technique == "none"), None)
    standings = []
    for number in columns:
        variant = profile.variants[number]
        low, mean, high = _interval(fastest[variant.name][1])
        quality = profile.quality[:, number]
        error = 0.0
        if original is not None:
            error = float((quality - profile.quality[:, original]).std()) / len(quality) ** 0.5
        standings.append(
            Standing(variant.name, float(quality.mean()), mean, low, high, error, original=number == original)
        )
    return standings


def _gains(variant: Variant, fastest: Mapping[str, tuple[str, Floats]]) -> bool:
    """Whether a variant is faster than its uncompressed model, which itself has nothing to gain."""
    original = fastest.get(f"{variant.model}/none")
    if variant.technique == "none" or original is None:
        return True
    return float(fastest[variant.name][1].mean()) < _NOT_FASTER * float(original[1].mean())


def _interval(values: Floats) -> tuple[float, float, float]:
    mean = float(values.mean())
    half_width = 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return mean - half_width, mean, mean + half_width


def _why(profile: Profile, variant: Variant, processor: str, files: Path) -> str:
    """Say why a variant is slow; "" where its processor is not the CPU, or its model's file is not there."""
    original = next((one for one in profile.variants if one.model == variant.model and one.technique == "none"), None)
    if original is None or parse_processor(processor).provider != CpuProcessor(1).provider:
        return ""
    try:
        ours, theirs = (_run(one, files) for one in (variant, original))
    except (ModelError, OSError):
        return ""
    return slowdown_causes(ours, theirs, device_fingerprint()["instruction_sets"])


def _run(variant: Variant, files: Path) -> Run:
    inputs = modality_of(variant).graph_inputs(variant)
    graph = files / (variant.pixels_file or variant.tensor_file)
    light = Model.from_proto(onnx.load(files / variant.tensor_file, load_external_data=False), variant.model)
    return Run(measure_operators(graph, synthetic_feeds(inputs, seed=0)), macs(light) or None)
