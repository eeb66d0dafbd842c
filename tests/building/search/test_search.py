import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel import Model
from compsel.building.search import SearchPoint, pareto_front, search
from compsel.building.search.expected_quality import deviation, expected_quality, loss_rate
from compsel.building.search.journal import Journal
from compsel.cli.main import main
from compsel.errors import ObjectiveError, SamplesError, VersionError
from compsel.selection.goals import Goal, parse_goal
from compsel.techniques import parse
from compsel.techniques.layerwise.output_divergence import DivergenceMeter
from compsel.techniques.layerwise.partial_execution import PartialExecutor
from compsel.techniques.layerwise.technique import LayerwiseTechnique
from tests.reporters import Interrupts
from tests.techniques.inputs import SeededTensors
from tests.techniques.structured import structured

levels = st.integers(0, 3).map(float)
points = st.builds(SearchPoint, st.just("t"), levels, levels, levels, levels, levels)


def technique(spec: str) -> LayerwiseTechnique:
    found = parse(spec)
    assert isinstance(found, LayerwiseTechnique)
    return found


@pytest.fixture(scope="module")
def model() -> Model:
    return structured()


@given(st.lists(points, max_size=12))
def test_the_front_holds_what_no_other_beats(found: list[SearchPoint]) -> None:
    front = pareto_front(found)
    assert all(not other.beats(point) for point in front for other in found)
    assert all(point in front or any(best.beats(point) for best in front) for point in found)


@pytest.mark.parametrize("rate", [0.1, 0.5, 3.0])
def test_what_is_expected_elsewhere_is_nearer_to_the_truth_than_what_was_measured(rate: float) -> None:
    rng, samples, baseline = np.random.default_rng(0), 100, 0.9
    divergences = np.array([0.0, *np.geomspace(0.01, 2.0, 12)]) / rate
    true = baseline * np.exp(-divergences * rate)
    near = true > 0.75 * baseline
    errors = []
    for _ in range(50):
        measured = baseline - rng.binomial(int(baseline * samples), 1 - true / baseline) / samples
        found = [SearchPoint("", 1, 1, 1, q, d) for q, d in zip(measured, divergences, strict=True)]
        fitted = loss_rate(found, baseline, samples)
        expected = np.array([expected_quality(point, baseline, fitted) for point in found])
        errors.append((np.square(expected - true)[near].mean(), np.square(measured - true)[near].mean()))
    ours, counted = np.mean(errors, axis=0)
    assert ours < 0.5 * counted


@pytest.mark.parametrize("spec", ["channel-prune:multiple=1", "low-rank"])
def test_a_goal_is_met(spec: str, model: Model, tmp_path: Path) -> None:
    samples = SeededTensors(model, 24)
    result = search(model, technique(spec), samples, parse_goal("at most 20 % less accurate"), tmp_path)
    assert result.chosen is not None and result.chosen in result.front
    assert result.expected[result.chosen.technique] >= 0.8 - 1e-9
    assert result.chosen.quality >= 0.8 - 2 * deviation(0.2, 12)
    good = [point for point in result.front if min(point.quality, result.expected[point.technique]) >= 0.8 - 1e-9]
    assert all(point.latency_ratio >= result.chosen.latency_ratio for point in good)
    judged = samples.subset(range(1, 24, 2))
    for point in result.front:
        made = Model.load(result.files[point.technique])
        onnxruntime.InferenceSession(made.serialize(), providers=["CPUExecutionProvider"])
        assert made.technique == point.technique
        assert DivergenceMeter(model, judged).measure(made).quality == point.quality
    # what the front says can be made again from the words alone
    again = parse(result.front[0].technique)
    assert again.spec == result.front[0].technique


def test_an_interrupted_search_goes_on(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goal, samples = Goal(max_loss=0.2), SeededTensors(model, 16)
    measured: list[str] = []
    measure, probe = DivergenceMeter.measure, PartialExecutor.outputs

    def counted(self: DivergenceMeter, variant: Model) -> Any:
        measured.append(variant.name)
        return measure(self, variant)

    def probed(self: PartialExecutor, altered: Mapping[str, np.ndarray]) -> Any:
        measured.append("probe")
        return probe(self, altered)

    monkeypatch.setattr(DivergenceMeter, "measure", counted)
    monkeypatch.setattr(PartialExecutor, "outputs", probed)

    with pytest.raises(KeyboardInterrupt):
        search(model, technique("low-rank"), samples, goal, tmp_path, reporter=Interrupts(after=3))
    early = len(measured)
    assert early > 0
    first = search(model, technique("low-rank"), samples, goal, tmp_path)
    whole = len(measured) - early
    again = search(model, technique("low-rank"), samples, goal, tmp_path)
    assert again == first and len(measured) == early + whole
    fresh = tmp_path / "fresh"
    search(model, technique("low-rank"), samples, goal, fresh)
    assert len(measured) - early - whole == early + whole


def test_other_samples_are_measured_again(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "search.json"
    Journal(path, {"samples": "a"}).note_point(SearchPoint("none", 1, 1, 1, 1, 0))
    assert Journal(path, {"samples": "a"}).points and not Journal(path, {"samples": "b"}).points
    path.write_text(json.dumps({"format_version": 99}), encoding="utf-8")
    with pytest.raises(VersionError, match="newer compsel"):
        Journal(path, {})


def test_goals_that_cannot_be_met_or_measured(model: Model, tmp_path: Path) -> None:
    samples = SeededTensors(model, 8)
    result = search(model, technique("low-rank"), samples, Goal(min_quality=1.0, max_latency_ratio=0.01), tmp_path)
    assert result.chosen is None and "no setting of low-rank meets the goal" in result.reason
    with pytest.raises(ObjectiveError, match="got 'energy' to minimise"):
        search(model, technique("low-rank"), samples, Goal(minimize="energy"), tmp_path)
    with pytest.raises(SamplesError, match="got 2 samples"):
        search(model, technique("low-rank"), samples.subset([0, 1]), Goal(), tmp_path)


def test_command(small_model: Model, labelled_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small_model.save(tmp_path / "small.onnx")
    out = tmp_path / "out"
    arguments = ["compress", str(path), "--goal", "half the time", "--samples", str(labelled_folder), "--out", str(out)]
    main([*arguments, "--technique", "low-rank"])
    content = json.loads((out / "search.json").read_text())
    [found] = content["searches"]
    assert found["technique"] == "low-rank" and content["goal"] == "half the time"
    assert {point["file"] for point in found["front"]} == {file.name for file in out.glob("*.onnx")}
    assert "latency" in capsys.readouterr().out
    for bad, message in (
        (["--technique", "int8-dynamic"], "--goal: got technique 'int8-dynamic', allowed are channel-prune, low-rank"),
        (["--goal", "nice"], "goal: got 'nice'"),
    ):
        assert main([*arguments, *bad]) == 2
        assert message in capsys.readouterr().err
    assert main([*arguments[:4], "--out", str(out)]) == 2
    assert "--goal: needs samples" in capsys.readouterr().err
