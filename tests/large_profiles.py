"""Profiles of any number of samples, resampled from a measured one: for what reads tables in batches."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from compsel.profiling.profile import Profile

MEASURED = Path(__file__).parent.parent / "training_data" / "efficientnet-lite"


def write_profile(
    folder: Path, n: int, *, seed: int = 0, row_group: int = 1000, group_of: int = 1, reverse: bool = False
) -> Profile:
    """Write a profile of n samples drawn with replacement, with noise on the features.

    Args:
        folder: where it goes.
        n: samples.
        seed: of the draw.
        row_group: rows of a group of rows.
        group_of: samples that follow each other belong together.
        reverse: whether the last sample comes first.
    """
    measured = Profile.load(MEASURED)
    random = np.random.default_rng(seed)
    rows = random.integers(0, len(measured.samples), n)
    noise = random.normal(0, 0.01, (n, len(measured.feature_names))).astype(np.float32)
    order = np.arange(n)[:: -1 if reverse else 1]
    drawn = measured.take(rows[order])
    drawn = replace(
        drawn,
        samples=tuple(f"s{number}.png" for number in order),
        features=drawn.features + noise[order],
        groups=tuple(f"g{number // group_of}" for number in order) if group_of > 1 else (),
    )
    shutil.copytree(MEASURED, folder, ignore=shutil.ignore_patterns("*.parquet"))
    shutil.copytree(MEASURED / "latency", folder / "latency", dirs_exist_ok=True)
    shutil.copy(MEASURED / "memory.parquet", folder)
    for column, file in enumerate(_quality_files(folder)):
        evidence = drawn.evidence[column]
        table = {
            "sample": pa.array(drawn.samples),
            "label": pa.array(drawn.labels),
            "quality": pa.array(drawn.quality[:, column].astype(np.float32)),
            "classes": _vectors(evidence.classes.astype(np.int32)),
            "probabilities": _vectors(evidence.probabilities),
        }
        sha256 = drawn.variants[column].sha256
        write(folder / "quality" / file, table, row_group, {"sha256": sha256})
    features = {name: pa.array(drawn.features[:, place]) for place, name in enumerate(drawn.feature_names)}
    write(folder / "features.parquet", {"sample": pa.array(drawn.samples), **features}, row_group)
    if group_of > 1:
        groups = {"sample": pa.array(drawn.samples), "group": pa.array(drawn.groups)}
        write(folder / "groups.parquet", groups, row_group)
    return drawn


def write(path: Path, columns: dict[str, pa.Array], row_group: int, metadata: dict[str, str] | None = None) -> None:
    """Write a table in groups of so many rows."""
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata or {}), path, row_group_size=row_group)


def change_header(folder: Path, **fields: object) -> None:
    """Change fields of `profile.json`."""
    path = folder / "profile.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def _quality_files(folder: Path) -> list[str]:
    names = [one["name"] for one in json.loads((folder / "profile.json").read_text())["variants"]]
    by_name = {path.stem: path.name for path in (MEASURED / "quality").iterdir()}
    return [by_name[name.replace("/", "_").replace(":", "-").replace("+", "_")] for name in names]


def _vectors(values: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
