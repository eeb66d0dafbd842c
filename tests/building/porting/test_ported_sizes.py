"""A bundle whose costs depend on the size of the input, on another device."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.building.options import Measuring
from compsel.building.porting.inputs import made_up_inputs
from compsel.building.porting.port import port
from compsel.building.porting.sizes import at_sizes, growth_here
from compsel.bundle.bundle import Bundle
from compsel.bundle.manifest import write_manifest
from compsel.inputs.image import IMAGE
from compsel.inputs.modality import Modality
from compsel.inputs.samples import TextTable
from compsel.inputs.tensors import TENSORS
from compsel.inputs.text import TEXT
from compsel.processors import Availability, CpuProcessor
from compsel.profiling.latency import Criterion
from tests.sized_models import WIDTH, sequence_model, sequences
from tests.text_models import classifier, write_table

MEASURING = Measuring(
    techniques=["none"], processors=["cpu:1"], states=["idle"], criterion=Criterion(budget_s=0.5, min_runs=3)
)
SIZES = np.array([4.0, 16.0, 64.0])


@pytest.fixture(autouse=True)
def one_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let bundles be ported to one thread."""
    monkeypatch.setattr(
        "compsel.building.porting.engines.discover", lambda: [(CpuProcessor(1), Availability(True, ""))]
    )


def write_costs(bundle: Path, **changed: object) -> None:
    """Change the sizes in the costs of a bundle."""
    path = bundle / "costs.json"
    content = json.loads(path.read_text())
    content["by_size"] |= changed
    path.write_text(json.dumps(content))
    (bundle / "manifest.json").unlink()
    write_manifest(bundle, compsel.__version__)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of two classifiers of texts."""
    folder = tmp_path_factory.mktemp("texts")
    samples = TextTable(write_table(folder / "intents.csv", 60))
    compsel.build(
        [classifier("a", blocks=6), classifier("b", blocks=1)], samples, folder / "bundle", measuring=MEASURING
    )
    return folder / "bundle"


def check_ported(old: Bundle, new: Bundle) -> None:
    """Check what is kept, and that the usual size is where the other table is."""
    before, after = old.costs.by_size, new.costs.by_size
    assert before is not None and after is not None
    np.testing.assert_array_equal(after.sizes, before.sizes)
    assert (after.usual, after.unit, after.sized_by) == (before.usual, before.unit, before.sized_by)
    np.testing.assert_allclose(after.latency_ms[after.nearest(after.usual)], new.costs.latency_ms)
    np.testing.assert_allclose(after.p95_ms[after.nearest(after.usual)], new.costs.p95_ms)


def test_texts_are_planned_by_their_length(texts: Path, tmp_path: Path) -> None:
    old = Bundle.load(texts)
    assert old.costs.by_size is not None
    here = Path(shutil.copytree(texts, tmp_path / "old"))
    # an old device that was ten times as slow for a text of twice the length
    steps = 10.0 ** np.log2(old.costs.sizes / old.costs.by_size.usual)[:, None, None]
    table = (old.costs.latency_ms * steps).tolist()
    write_costs(here, latency_ms=table, p95_ms=table)
    port(here, tmp_path / "ported", budget_s=0.5, share=1.0)
    check_ported(Bundle.load(here), Bundle.load(tmp_path / "ported"))
    with compsel.load(tmp_path / "ported", adapt=False) as runtime:
        short, long = (runtime(text).stages[0] for text in ("play", " ".join(["play the song now please"] * 5)))
        # of hundredths of a millisecond: what was measured here may not grow at all
        assert 0 < short.expected_ms <= long.expected_ms
    # it was measured that this device is not
    rises = [bundle.costs.by_size.latency_ms[[0, -1], 0, 0] for bundle in map(Bundle.load, (here, tmp_path / "ported"))]
    assert rises[1][1] / rises[1][0] < 0.5 * rises[0][1] / rises[0][0]


@pytest.mark.slow
def test_images_are_planned_by_their_pixels(bundle_folder: Path, tmp_path: Path) -> None:
    port(bundle_folder, tmp_path / "ported", budget_s=0.5)
    check_ported(Bundle.load(bundle_folder), Bundle.load(tmp_path / "ported"))


def test_tensors_are_planned_by_their_elements(tmp_path: Path) -> None:
    samples = sequences([4 + number % 40 for number in range(40)])
    compsel.build([sequence_model("few", 1)], samples, tmp_path / "bundle", measuring=MEASURING)
    port(tmp_path / "bundle", tmp_path / "ported", budget_s=0.5)
    check_ported(Bundle.load(tmp_path / "bundle"), Bundle.load(tmp_path / "ported"))


def test_costs_without_sizes_stay_without(texts: Path, tmp_path: Path) -> None:
    here = Path(shutil.copytree(texts, tmp_path / "old"))
    content = json.loads((here / "costs.json").read_text())
    (here / "costs.json").write_text(json.dumps(content | {"by_size": None}))
    (here / "manifest.json").unlink()
    write_manifest(here, compsel.__version__)
    port(here, tmp_path / "ported", budget_s=0.5)
    assert Bundle.load(tmp_path / "ported").costs.by_size is None


@pytest.mark.parametrize("modality", [TEXT, TENSORS], ids=lambda one: one.name)
def test_what_is_measured_has_the_size_that_is_asked_for(modality: Modality) -> None:
    model = classifier() if modality is TEXT else sequence_model()
    for size in (5.0, 14.0) if modality is TEXT else (5.0 * WIDTH, 140.0 * WIDTH):
        inputs = made_up_inputs(model, size)
        assert inputs.size == size
        assert [modality.size(value, model) for value in inputs.values] == [size] * len(inputs.values)
    assert np.isnan(made_up_inputs(model).size)


def test_an_image_has_the_pixels_that_are_asked_for(small_model: compsel.Model) -> None:
    (image,) = made_up_inputs(small_model, 20_000.0).values
    assert IMAGE.size(image) == pytest.approx(20_000, rel=0.02)
    assert image.dtype == np.uint8


def test_a_device_that_is_slower_and_grows_otherwise_is_found_from_one_choice() -> None:
    old = np.array([3.0, 2.0])[None, :] + np.outer(SIZES, [0.2, 0.1])
    new = 2 * np.array([3.0, 2.0])[None, :] + np.outer(SIZES, [0.6, 0.3])
    growth = growth_here([old[2, 0] / old[1, 0]], [new[2, 0] / new[1, 0]])
    found, proportional = at_sizes(old, 1, new[1], growth), at_sizes(old, 1, new[1])
    errors = [np.abs(np.log(table / new)).max() for table in (found, proportional)]
    assert errors[0] < 0.05 < 0.1 < errors[1]


def test_latency_never_falls_with_the_size_by_chance() -> None:
    assert growth_here([2.0], [0.1]) == 0.0
    assert (at_sizes(np.array([[1.0], [9.0]]), 1, np.array([1.0]), growth=5.0) > 0).all()
