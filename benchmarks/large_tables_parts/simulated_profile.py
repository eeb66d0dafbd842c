"""A simulated profile of any number of samples: resampled from a measured one, written in chunks."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from compsel.profiling.profile import Profile
from compsel.storage.file_names import slug
from compsel.storage.parquet import ROW_GROUP_ROWS

MEASURED = Path(__file__).parents[2] / "training_data" / "efficientnet-lite"
ORIGIN = (
    "SIMULATED: rows of training_data/efficientnet-lite drawn with replacement, noise on features, perturbed copies"
)
_TOP = 3  # classes of evidence that are kept
_NOISE = 0.3  # of features, in their own deviation
_FEATURES = 40
_LOST, _GAINED = 0.6, 0.15  # the most that a copy loses where its model is unsure, and gains where it is wrong


@dataclass(frozen=True)
class Simulation:
    """What is simulated.

    Attributes:
        rows: samples.
        variants: candidates: those that were measured, then copies of them that are faster or slower, and lose or gain
            right answers where the model that they are copies of is unsure.
        evidence: whether what each variant said is written, three classes each.
        seed: of the draws.
    """

    rows: int
    variants: int = 100
    evidence: bool = False
    seed: int = 0


class SimulatedProfile:
    """Writes a simulated profile.

    Args:
        simulation: of it.
        variants_seed: of the draw of the variants; None: the seed of the rows.
    """

    def __init__(self, simulation: Simulation, variants_seed: int | None = None) -> None:
        self.simulation = simulation
        self.measured = Profile.load(MEASURED)
        random = np.random.default_rng(simulation.seed if variants_seed is None else variants_seed)
        base = len(self.measured.variants)
        copies = max(0, simulation.variants - base)
        self.base = np.arange(simulation.variants) % base
        self.speed = np.concatenate([np.ones(base), np.exp(random.uniform(-0.9, 0.5, copies))])[: simulation.variants]
        # what is faster than its model loses more
        self.lost = np.where(self.speed < 1, _LOST * (1 - self.speed), 0.02) * (np.arange(simulation.variants) >= base)
        self.gained = np.where(self.speed > 1, _GAINED, 0.0)
        self.unsure = np.stack([1 - one.probabilities[:, 0] for one in self.measured.evidence], axis=1)
        self.names = [
            self.measured.names[one] if number < base else f"{self.measured.variants[one].model}/simulated-{number}"
            for number, one in enumerate(self.base)
        ]
        features = self.measured.features[:, :20]
        self.deviation = np.nanstd(features, axis=0)
        kept = [name for name in self.measured.feature_names if name.startswith("image.")][:20]
        self.feature_names = [*kept, *(f"image.simulated_{number}" for number in range(_FEATURES - 20))]

    def write(self, folder: Path) -> None:
        """Write it."""
        (folder / "quality").mkdir(parents=True)
        self._write_header(folder)
        self._write_latencies(folder)
        writers = {
            name: pq.ParquetWriter(path, schema, compression="zstd") for name, path, schema in self._files(folder)
        }
        try:
            for start in range(0, self.simulation.rows, ROW_GROUP_ROWS):
                self._write_chunk(writers, start, min(ROW_GROUP_ROWS, self.simulation.rows - start))
        finally:
            for writer in writers.values():
                writer.close()

    def _files(self, folder: Path) -> list[tuple[str, Path, pa.Schema]]:
        vectors = [("classes", pa.list_(pa.int32(), _TOP)), ("probabilities", pa.list_(pa.float32(), _TOP))]
        columns = [("sample", pa.string()), ("label", pa.int64()), ("quality", pa.float32())]
        schema = pa.schema(columns + (vectors if self.simulation.evidence else []))
        found = []
        for name, base in zip(self.names, self.base, strict=True):
            metadata = {"sha256": self.measured.variants[base].sha256}
            found.append((name, folder / "quality" / f"{slug(name)}.parquet", schema.with_metadata(metadata)))
        features = pa.schema([("sample", pa.string()), *((name, pa.float32()) for name in self.feature_names)])
        return [*found, ("features", folder / "features.parquet", features)]

    def _write_chunk(self, writers: dict[str, pq.ParquetWriter], start: int, n: int) -> None:
        random = np.random.default_rng([self.simulation.seed, start])
        rows = random.integers(0, len(self.measured.samples), n)
        names = pa.array([f"s{number:08d}" for number in range(start, start + n)])
        labels = pa.array(self.measured.labels[rows])
        drawn = random.random(n)
        for number, name in enumerate(self.names):
            base = self.base[number]
            right, unsure = self.measured.quality[rows, base] > 0.5, self.unsure[rows, base]
            if self.lost[number] or self.gained[number]:
                # the same draw for all copies: what is hard for one is for others too
                mixed = (drawn + 0.5 * random.random(n)) % 1.0
                right = np.where(right, mixed >= self.lost[number] * unsure**0.5, mixed < self.gained[number])
            table = {"sample": names, "label": labels, "quality": pa.array(right.astype(np.float32))}
            if self.simulation.evidence:
                evidence = self.measured.evidence[base].take(rows)
                classes = evidence.classes[:, :_TOP].astype(np.int32)
                classes[:, 0] = np.where(
                    right,
                    self.measured.labels[rows],
                    np.where(classes[:, 0] == self.measured.labels[rows], classes[:, 1], classes[:, 0]),
                )
                table["classes"] = _vectors(classes)
                table["probabilities"] = _vectors(np.ascontiguousarray(evidence.probabilities[:, :_TOP]))
            writers[name].write_table(pa.table(table).cast(writers[name].schema))
        real = self.measured.features[rows][:, :20]
        noise = (_NOISE * random.normal(size=(n, 20)) * self.deviation).astype(np.float32)
        more = random.normal(size=(n, _FEATURES - 20)).astype(np.float32)
        # few digits: small tables
        features = np.hstack([real + noise, more]).astype(np.float16).astype(np.float32)
        table = {"sample": names} | {name: features[:, place] for place, name in enumerate(self.feature_names)}
        writers["features"].write_table(pa.table(table))

    def _write_header(self, folder: Path) -> None:
        header = json.loads((MEASURED / "profile.json").read_text())
        by_name = {one["name"]: one for one in header["variants"]}
        header["origin"] = ORIGIN
        header["variants"] = [
            by_name[self.measured.names[base]]
            | {"name": name, **({} if number < len(by_name) else {"technique": "simulated"})}
            for number, (name, base) in enumerate(zip(self.names, self.base, strict=True))
        ]
        (folder / "profile.json").write_text(json.dumps(header))

    def _write_latencies(self, folder: Path) -> None:
        (folder / "latency").mkdir()
        for path in (MEASURED / "latency").iterdir():
            table = pq.read_table(path)
            parts = []
            for name, base, speed in zip(self.names, self.base, self.speed, strict=True):
                mine = table.filter(pa.compute.equal(table["variant"], self.measured.names[base]))
                latency = pa.array(mine["latency_ms"].to_numpy() * speed)
                variant = pa.array([name] * len(mine))
                parts.append(mine.set_column(0, "variant", variant).set_column(3, "latency_ms", latency))
            pq.write_table(
                pa.concat_tables(parts).replace_schema_metadata(table.schema.metadata), folder / "latency" / path.name
            )


def _vectors(values: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).reshape(-1)), values.shape[1])
