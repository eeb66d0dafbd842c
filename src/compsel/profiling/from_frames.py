"""A profile from the tables that `Profile.to_frame` gives, or that a user made: see `compsel.profiling.frames`."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compsel.device.state import DeviceState
from compsel.errors import ProfileError
from compsel.features.evidence import Evidence, OutputEvidence
from compsel.profiling.energy_table import EnergyTable
from compsel.profiling.latency_table import LatencyTable
from compsel.profiling.output_quality import QualityCriterion
from compsel.profiling.profile import Profile
from compsel.variants.variant import Variant

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["latency_from_frame", "profile_from_frames"]

_NEEDED = ("sample", "variant", "quality")
_COSTS = ("variant", "latency_ms")
_CRITERION = ("judged_by", "confidence_by", "good_enough", "reference")


def profile_from_frames(
    quality: "pd.DataFrame", costs: "pd.DataFrame | None" = None, variants: Sequence[Variant] = ()
) -> Profile:
    """Return a profile.

    Args:
        quality: needs sample, variant and quality, every variant on every sample; what else it may have, and what that
            is for, `compsel.profiling.frames` says. Without `technique`, the part of a variant's name behind the first
            "/" is it: the uncompressed model is "<model>/none".
        costs: needs variant and latency_ms; without processor, state or load_others it is "cpu:1", "idle" and 0. None:
            the latencies of `quality` are the costs.
        variants: what ships, by name; those that are not given can be trained on, but not written.

    Raises:
        ProfileError: a column that is missing, a variant without some of the samples, or one that is another file.
    """
    _require(quality, _NEEDED, "quality")
    names = [str(name) for name in quality["variant"].unique()]
    samples = [str(name) for name in quality["sample"].unique()]
    tables = [_of(quality, name, samples) for name in names]
    first, known = tables[0], {variant.name: variant for variant in variants}
    criterion = _criterion(first) if "judged_by" in first else None
    evidence = tuple(one for one in (_evidence(table, criterion) for table in tables) if one is not None)
    features = [str(name) for name in first if f"{str(name).partition('.')[0]}_ms" in first and "." in str(name)]
    extractors = {name.partition(".")[0] for name in features}
    priced = quality if costs is None else costs
    return Profile(
        samples=tuple(samples),
        labels=first["label"].to_numpy(np.int64) if "label" in first else np.full(len(samples), -1, np.int64),
        variants=tuple(_variant(table, name, known) for table, name in zip(tables, names, strict=True)),
        quality=np.stack([table["quality"].to_numpy(np.float64) for table in tables], axis=1),
        evidence=evidence if len(evidence) == len(tables) else (),
        features=first[features].to_numpy(np.float32),
        feature_names=tuple(features),
        task=str(first["task"].iloc[0]) if "task" in first else "",
        latency=latency_from_frame(priced) if "latency_ms" in priced else None,
        features_ms={name: float(first[f"{name}_ms"].iloc[0]) for name in sorted(extractors)},
        decode_ms=float(first["decode_ms"].iloc[0]) if "decode_ms" in first else 0.0,
        groups=tuple(map(str, first["group"])) if "group" in first else (),
        energy=_energy(priced),
        quality_criterion=criterion,
        folds=first["fold"].to_numpy(np.int64) if "fold" in first else None,
        sizes=first["size"].to_numpy(np.float64) if "size" in first else None,
    )


def latency_from_frame(costs: "pd.DataFrame") -> LatencyTable:
    """Return the latencies of a table of costs, or of records.

    Raises:
        ProfileError: a column that is missing, or a latency that is none.
    """
    _require(costs, _COSTS, "costs")
    costs = costs[costs["latency_ms"].notna()]
    latency_ms = costs["latency_ms"].to_numpy(np.float64)
    if not len(latency_ms) or not (latency_ms > 0).all():
        raise ProfileError("costs: got a latency_ms of 0 or less, or none at all, allowed are times above 0")
    words = {"processor": "cpu:1", "state": "idle"}
    processor, state = (_texts(costs, name, default) for name, default in words.items())
    numbers = [name for name in DeviceState.__slots__ if name in costs and name != "core_use"]
    medians = costs.assign(state=state).groupby("state")[numbers].median()
    seen = {
        str(word): {"load_others": 0.0} | {name: float(value) for name, value in row.items() if not math.isnan(value)}
        for word, row in medians.iterrows()
    }
    table = LatencyTable(_texts(costs, "variant"), processor, state, latency_ms, seen)
    if "usual_size" not in costs:
        return table
    return replace(
        table,
        size=costs["size"].to_numpy(np.float64),
        usual_size=float(costs["usual_size"].iloc[0]),
        unit=str(costs["unit"].iloc[0]),
        sized_by=str(costs["sized_by"].iloc[0]),
    )


def _energy(costs: "pd.DataFrame") -> EnergyTable | None:
    if "energy_mj" not in costs:
        return None
    known = costs[costs["energy_mj"].notna()].drop_duplicates(["variant", "processor", "state"])
    keys = zip(known["variant"], known["processor"], known["state"], strict=True)
    energies = dict(zip(keys, known["energy_mj"].astype(float), strict=True))
    if not energies:
        return None
    meter = str(known["energy_meter"].iloc[0]) if "energy_meter" in known else "table"
    return EnergyTable(
        energies, meter, bool(known["energy_estimated"].iloc[0]) if "energy_estimated" in known else False
    )


def _of(quality: "pd.DataFrame", name: str, samples: list[str]) -> "pd.DataFrame":
    """Return the rows of a variant, in the order of the samples."""
    rows = quality[quality["variant"] == name].set_index("sample", drop=False)
    rows.index = rows.index.map(str)
    if not rows.index.is_unique or set(rows.index) != set(samples):
        raise ProfileError(
            f"quality: got {len(rows)} rows of {name} for {len(samples)} samples, allowed is one row for every sample"
        )
    return rows.loc[samples]


def _variant(table: "pd.DataFrame", name: str, known: dict[str, Variant]) -> Variant:
    found = known.get(name)
    if found is not None:
        if "sha256" in table and table["sha256"].iloc[0] not in ("", found.sha256):
            raise ProfileError(f"quality: {name} was measured with another file than the one that shall ship")
        return found
    model, _, technique = name.partition("/")
    model = str(table["model"].iloc[0]) if "model" in table else model
    technique = str(table["technique"].iloc[0]) if "technique" in table else technique or "none"
    return Variant(name, model, technique, "", None, None, "", 0, (), (), None, "logits")


def _criterion(table: "pd.DataFrame") -> QualityCriterion:
    options = json.loads(table["judging_options"].iloc[0]) if "judging_options" in table else {}
    quality, confidence, good_enough, reference = (table[name].iloc[0] for name in _CRITERION)
    return QualityCriterion(quality, confidence, good_enough, reference, options)


def _evidence(table: "pd.DataFrame", criterion: QualityCriterion | None) -> Evidence | None:
    if criterion is not None and "sketch_1" in table:
        good = table["quality"].to_numpy(np.float64) >= criterion.good_enough
        parts = _numbered(table, "confidence"), _numbered(table, "sketch")
        return OutputEvidence.of(parts[0], parts[1], criterion.confidence).judged(good)
    if "class_1" not in table or bool(table["class_1"].isna().any()):
        return None
    classes = _numbered(table, "class").astype(np.int32)
    n_classes = int(table["n_classes"].iloc[0]) if "n_classes" in table else int(classes.max()) + 1
    return Evidence(classes, _numbered(table, "probability"), n_classes)


def _numbered(table: "pd.DataFrame", name: str) -> NDArray[np.float32]:
    """Return the columns name_1, name_2, ... as an array (n, columns), without those that this variant lacks."""
    columns: list[str] = []
    while f"{name}_{len(columns) + 1}" in table and bool(table[f"{name}_{len(columns) + 1}"].notna().all()):
        columns.append(f"{name}_{len(columns) + 1}")
    wanted = np.float64 if name == "class" else np.float32
    return np.asarray(table[columns].to_numpy(wanted))


def _texts(table: "pd.DataFrame", name: str, default: str = "") -> tuple[str, ...]:
    if name not in table:
        return (default,) * len(table)
    return tuple(map(str, table[name]))


def _require(table: Any, names: Sequence[str], what: str) -> None:
    missing = [name for name in names if name not in table]
    if missing:
        raise ProfileError(
            f"{what}: got a table without the column {missing[0]!r}, allowed is one with {', '.join(names)}"
        )
    if not len(table):
        raise ProfileError(f"{what}: got a table without rows: give some")
