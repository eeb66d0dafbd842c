"""Quality and features measured by workers: the tables that one process measures, byte for byte."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from compsel.errors import ProfileError
from compsel.features import EXTRACTORS
from compsel.features.base import FeatureExtractor
from compsel.inputs.samples import ArraySamples, Samples
from compsel.models.model import Model
from compsel.parallel import measured_tables
from compsel.parallel.backend import Backend
from compsel.parallel.engines.joblib_processes import end_processes
from compsel.processors import CpuProcessor
from compsel.profiling.input_features import measure_features
from compsel.profiling.quality import measure_quality
from compsel.techniques import parse
from compsel.variants.variant import Variant
from compsel.variants.writer import write_variant
from tests.clusters import dask_cluster, ray_cluster

COUNT = 23
IMAGES = [np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8) for seed in range(COUNT)]
SAMPLES = ArraySamples(IMAGES, labels=[n % 10 for n in range(COUNT)])


class Darkest(FeatureExtractor):
    """An extractor of a user's, in a module that workers do not have before."""

    names = ("darkest",)

    def _extract(self, value: np.ndarray) -> np.ndarray:
        return np.array([np.asarray(value).min()], np.float32)


@pytest.fixture(autouse=True, scope="module")
def _no_processes_stay() -> Iterator[None]:
    yield
    end_processes()


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured_tables, "PART_ROWS", 5)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def variants(small_model: Model, files: Path) -> list[Variant]:
    lower = parse("resolution:32").apply(small_model, None)
    return [write_variant(model, files, "logits") for model in (small_model, lower)]


def tables(folder: Path, variants: list[Variant], files: Path, backend: Backend, samples: Samples = SAMPLES) -> dict:
    extractors = {name: kind() for name, kind in EXTRACTORS.items()} | {"darkest": Darkest()}
    measure_features(extractors, samples, folder, backend=backend)
    measure_quality(variants, files, samples, folder, CpuProcessor(1), backend=backend)
    found = [path for path in folder.rglob("*.parquet") if "shards" not in path.parts]
    return {path.name: path.read_bytes() for path in found}


def test_the_same_tables_for_any_number_of_processes(tmp_path: Path, variants: list[Variant], files: Path) -> None:
    one, two, four = (tables(tmp_path / str(jobs), variants, files, Backend.local(jobs)) for jobs in (1, 2, 4))
    assert len(one) == 3
    assert one == two == four


def test_what_one_process_began_workers_go_on_with(tmp_path: Path, variants: list[Variant], files: Path) -> None:
    class Stops(ArraySamples):
        def value(self, index: int) -> np.ndarray:
            if index == 13:
                raise KeyboardInterrupt
            return super().value(index)

    whole = tables(tmp_path / "whole", variants, files, Backend.local(1))
    with pytest.raises(KeyboardInterrupt):
        tables(tmp_path / "parts", variants, files, Backend.local(1), Stops(IMAGES, labels=SAMPLES.labels))
    assert tables(tmp_path / "parts", variants, files, Backend.local(2)) == whole


def test_parts_that_are_there_are_not_measured_again(tmp_path: Path, variants: list[Variant], files: Path) -> None:
    def stamps() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in tmp_path.rglob("shards/**/*.parquet")}

    tables(tmp_path, variants, files, Backend.local(2))
    before, whole = stamps(), {path: path.read_bytes() for path in tmp_path.glob("quality/*.parquet")}
    assert len(before) == 5 + 2 * 5
    for path in whole:
        path.unlink()
    lost = sorted(tmp_path.glob("shards/quality/*.parquet"))[3]
    lost.unlink()
    tables(tmp_path, variants, files, Backend.local(2))
    assert {name for name, stamp in stamps().items() if before[name] != stamp} == {lost.name}
    assert {path: path.read_bytes() for path in whole} == whole


def test_what_is_wrong_with_the_samples_is_said_as_by_one_process(
    tmp_path: Path, variants: list[Variant], files: Path
) -> None:
    wrong = ArraySamples(IMAGES, labels=[*range(COUNT - 1), 77])
    with pytest.raises(ProfileError, match="labels reach 77, but mobilenet-v1/none has 10 classes"):
        tables(tmp_path, variants, files, Backend.local(2), wrong)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # of engines
@pytest.mark.parametrize("engine", ["dask:1", "dask:4", "ray:2"])
def test_the_same_tables_on_every_engine(tmp_path: Path, variants: list[Variant], files: Path, engine: str) -> None:
    whole = tables(tmp_path / "whole", variants, files, Backend.local(1))
    with backend_of(engine) as backend:
        assert tables(tmp_path / "spread", variants, files, backend) == whole


@contextlib.contextmanager
def backend_of(engine: str) -> Iterator[Backend]:
    kind, _, workers = engine.partition(":")
    if kind == "dask":
        with dask_cluster(int(workers)) as cluster:
            yield Backend.dask(cluster.scheduler_address)
    else:
        with ray_cluster(int(workers)):
            yield Backend.ray()
