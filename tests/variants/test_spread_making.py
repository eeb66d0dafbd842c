"""Variants made by workers: the files that one process writes, byte for byte; what learns learns once."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from compsel.inputs.samples import ArraySamples, TextTable
from compsel.models.model import Model
from compsel.parallel.backend import Backend
from compsel.parallel.engines.joblib_processes import end_processes
from compsel.techniques import parse
from compsel.variants.build_variants import LeftOut, build_variants
from compsel.variants.compress import compress
from compsel.variants.fold_variants import build_fold_variants
from compsel.variants.learned_parts import LearnedParts
from compsel.variants.variant import Variant
from tests.reporters import Heard, Interrupts
from tests.text_models import classifier, write_table

IMAGES = ArraySamples([np.random.default_rng(seed).integers(0, 255, (64, 64, 3), np.uint8) for seed in range(6)])
SPECS = ["int8-static", "float16", "resolution:48", "student"]


@pytest.fixture(autouse=True, scope="module")
def _no_processes_stay() -> Iterator[None]:
    yield
    end_processes()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_variants_for_any_number_of_processes(small_model: Model, tmp_path: Path) -> None:
    found: dict[int, tuple[list[Variant], list[LeftOut]]] = {
        jobs: build_variants([small_model], tmp_path / str(jobs), IMAGES, SPECS, backend=Backend.local(jobs))
        for jobs in (1, 2, 4)
    }
    assert found[1] == found[2] == found[4]
    assert [variant.technique for variant in found[1][0]][:3] == ["none", "int8-static", "float16"]
    assert contents(tmp_path / "1") == contents(tmp_path / "2") == contents(tmp_path / "4")


def test_what_is_there_is_not_made_again(small_model: Model, tmp_path: Path) -> None:
    build_variants([small_model], tmp_path, IMAGES, ["int8-static"], backend=Backend.local(1))
    heard = Heard()
    variants, _ = build_variants([small_model], tmp_path, IMAGES, SPECS[:3], heard, backend=Backend.local(2))
    assert len(variants) == 3  # the third is left out
    assert [message for message in heard.messages if "int8-static" in message] == []


def test_what_learned_in_a_worker_is_known_here(tmp_path: Path) -> None:
    samples = TextTable(write_table(tmp_path / "intents.csv", 120))
    model = classifier(blocks=2, noise=0.05)
    folders = {}
    for jobs in (1, 2):
        parts = LearnedParts({model.name: model}, samples)
        folder, few, backend = tmp_path / str(jobs), samples.spread(20), Backend.local(jobs)
        specs = ["early-exit:1", "early-exit:1+int8-dynamic"]
        variants, _ = build_variants([model], folder, few, specs, parts=parts, backend=backend)
        assert parts.known(model.name, "early-exit:1") is not None
        folds = build_fold_variants(variants, folder, parts, few, backend=backend)
        assert folds is not None and len(folds.variants["words/early-exit:1"]) == 5
        folders[jobs] = contents(folder)
    assert folders[1] == folders[2]


def test_compressed_files_are_the_same_and_an_interrupted_run_goes_on(small_model: Model, tmp_path: Path) -> None:
    techniques = [parse(spec) for spec in ("none", "int8-static", "float16", "prune:1.0")]
    one, two = (
        compress([small_model], techniques, IMAGES, tmp_path / str(jobs), backend=Backend.local(jobs))
        for jobs in (1, 2)
    )
    assert [(report.technique, report.reason, report.verification) for report in one] == [
        (report.technique, report.reason, report.verification) for report in two
    ]
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    with pytest.raises(KeyboardInterrupt):
        compress([small_model], techniques, IMAGES, tmp_path / "parts", Interrupts(2), backend=Backend.local(1))
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "parts").glob("*.onnx")}
    assert len(stamps) >= 2
    again = compress([small_model], techniques, IMAGES, tmp_path / "parts", backend=Backend.local(2))
    assert [report.reason for report in again] == [report.reason for report in one]
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert contents(tmp_path / "parts") == contents(tmp_path / "1")
