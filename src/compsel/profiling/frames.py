"""The tables of a profile as pandas sees them, and a profile from such tables.

quality   one row a sample and variant: sample, label, variant, model, technique, sha256, quality, processor and
          latency_ms (mean, on the fastest processor of the idle device); where there are such: group, fold, size,
          n_classes, class_1, probability_1, ... (what the answer says, most probable first), or for models without
          class scores confidence_1, ..., sketch_1, ... and judged_by, confidence_by, good_enough, reference,
          judging_options; task, the kind of the answers;
          the features of the input, such as image.entropy, and what computing them takes, such as image_ms;
           decode_ms, the mean time from an encoded sample to what variants take
costs     one row a timed inference: variant, processor, state, latency_ms; where known size, usual_size, unit,
          sized_by, energy_mj, energy_meter, energy_estimated (of the choice in that state), and the numbers of
          `DeviceState` that were seen in that state, such as load_others
choices   one row a choice in a state: variant, processor, state, quality, size_mb, runs, mean_ms, p50_ms, p95_ms,
          energy_mj, peak_memory_mb
"""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError, require
from compsel.features.evidence import Evidence, OutputEvidence

if TYPE_CHECKING:
    import pandas as pd

    from compsel.profiling.energy_table import EnergyTable
    from compsel.profiling.latency_table import LatencyTable
    from compsel.profiling.profile import Profile

__all__ = ["profile_frame"]


def profile_frame(profile: "Profile", what: str = "quality") -> "pd.DataFrame":
    """Return a table of a profile; the module says its columns.

    Raises:
        ProfileError: no such table, or costs that were not measured.
        MissingDependencyError: pandas is not installed.
    """
    tables = {"quality": _quality, "costs": _costs, "choices": _choices}
    if what not in tables:
        raise ProfileError(f"to_frame: got {what!r}, allowed are {', '.join(tables)}")
    return tables[what](profile)


def _quality(profile: "Profile") -> "pd.DataFrame":
    pandas = require("pandas", "train")
    n, fastest = len(profile.samples), _fastest(profile.latency)
    alike: dict[str, Any] = {"sample": profile.samples, "label": profile.labels}
    alike |= {"group": profile.groups} if profile.groups else {}
    alike |= {"fold": profile.folds} if profile.folds is not None else {}
    alike |= {"size": profile.sizes} if profile.sizes is not None else {}
    alike |= {"decode_ms": profile.decode_ms} if profile.decode_ms > 0 else {}
    features = {name: profile.features[:, column] for column, name in enumerate(profile.feature_names)}
    parts = []
    for column, variant in enumerate(profile.variants):
        processor, latency_ms = fastest.get(variant.name, (None, np.nan))
        table = {
            **alike,
            "variant": variant.name,
            "model": variant.model,
            "technique": variant.technique,
            "sha256": variant.sha256,
            "quality": profile.quality[:, column],
            "processor": processor,
            "latency_ms": latency_ms,
            **(_evidence(profile.evidence[column]) if profile.evidence else {}),
            **({} if profile.quality_criterion is None else _criterion(profile)),
            **({"task": profile.task} if profile.task else {}),
            **features,
            **{f"{name}_ms": value for name, value in profile.features_ms.items()},
        }
        parts.append(pandas.DataFrame(table, index=range(n)))
    return pandas.concat(parts, ignore_index=True) if parts else pandas.DataFrame()


def _evidence(evidence: Evidence) -> dict[str, Any]:
    if isinstance(evidence, OutputEvidence):
        return {**_numbered("confidence", evidence.confidence), **_numbered("sketch", evidence.sketch)}
    pairs = zip(evidence.classes.T, evidence.probabilities.T, strict=True)
    columns: dict[str, Any] = {"n_classes": evidence.n_classes}
    for place, (classes, probabilities) in enumerate(pairs, start=1):
        columns |= {f"class_{place}": classes, f"probability_{place}": probabilities}
    return columns


def _criterion(profile: "Profile") -> dict[str, Any]:
    found = profile.quality_criterion
    assert found is not None
    return {
        "judged_by": found.quality,
        "confidence_by": found.confidence,
        "good_enough": found.good_enough,
        "reference": found.reference,
        **({"judging_options": json.dumps(found.options)} if found.options else {}),
    }


def _numbered(name: str, table: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    return {f"{name}_{place}": column for place, column in enumerate(table.T, start=1)}


def _costs(profile: "Profile") -> "pd.DataFrame":
    pandas = require("pandas", "train")
    table = _measured(profile)
    frame = pandas.DataFrame(
        {
            "variant": table.variant,
            "processor": table.processor,
            "state": table.state,
            "latency_ms": table.latency_ms,
        }
    )
    if len(table.size):
        frame["size"] = table.size
    if not np.isnan(table.usual_size):
        frame = frame.assign(usual_size=table.usual_size, unit=table.unit, sized_by=table.sized_by)
    if profile.energy is not None:
        frame["energy_mj"] = _energies(profile.energy, zip(table.variant, table.processor, table.state, strict=True))
        frame["energy_meter"], frame["energy_estimated"] = profile.energy.meter, profile.energy.estimated
    numbers = dict.fromkeys(name for seen in table.seen.values() for name in seen)
    for name in numbers:
        frame[name] = [table.seen[state].get(name, np.nan) for state in table.state]
    return frame


def _choices(profile: "Profile") -> "pd.DataFrame":
    pandas = require("pandas", "train")
    by_name = {variant.name: column for column, variant in enumerate(profile.variants)}
    rows = []
    for (name, processor, state), latency_ms in _measured(profile).by_choice().items():
        column = by_name.get(name)
        p50, p95 = np.quantile(latency_ms, [0.5, 0.95])
        rows.append(
            {
                "variant": name,
                "processor": processor,
                "state": state,
                "quality": np.nan if column is None else float(profile.quality[:, column].mean()),
                "size_mb": np.nan if column is None else profile.variants[column].size_bytes / 1e6,
                "runs": len(latency_ms),
                "mean_ms": float(latency_ms.mean()),
                "p50_ms": float(p50),
                "p95_ms": float(p95),
                "energy_mj": next(iter(_energies(profile.energy, [(name, processor, state)]))),
                "peak_memory_mb": profile.memory_mb.get((name, processor), np.nan),
            }
        )
    return pandas.DataFrame(rows)


def _energies(energy: "EnergyTable | None", choices: Iterable[tuple[str, str, str]]) -> list[float]:
    known: Mapping[tuple[str, str, str], float] = {} if energy is None else energy.energy_mj
    return [known.get(choice, np.nan) for choice in choices]


def _measured(profile: "Profile") -> "LatencyTable":
    if profile.latency is None:
        raise ProfileError("the profile has no latencies: measure this device with compsel profile")
    return profile.latency


def _fastest(table: "LatencyTable | None") -> dict[str, tuple[str, float]]:
    """Return the fastest processor of each variant on the idlest device that was measured, and its mean there."""
    if table is None:
        return {}
    found: dict[str, tuple[str, float]] = {}
    for (variant, processor, state), latency_ms in table.by_choice().items():
        mean = float(latency_ms.mean())
        if state == table.states[0] and (variant not in found or mean < found[variant][1]):
            found[variant] = processor, mean
    return found
