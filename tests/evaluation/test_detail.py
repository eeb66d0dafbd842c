"""What an evaluation tells of every input, and what follows from it."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.evaluation.evaluate import evaluate
from compsel.evaluation.reliability import reliability
from compsel.evaluation.results import Evaluation
from compsel.inputs.imagenet_classes import imagenet_classes
from compsel.inputs.samples import ArraySamples, ImageFolder, Samples
from compsel.runtime import Runtime
from tests.cascade_bundle import PENALTY


@pytest.fixture(scope="module")
def samples(labelled_folder: Path) -> Samples:
    return ImageFolder(labelled_folder, classes=1000).subset(range(24))


@pytest.fixture(scope="module")
def evaluation(runtime: Runtime, samples: Samples) -> Evaluation:
    return evaluate(runtime, samples, repeats=1)


def test_every_input_says_its_way_and_whether_it_is_right(evaluation: Evaluation, samples: Samples) -> None:
    content = evaluation.to_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    rows, ours = content["inputs"], evaluation.results["adaptive"]
    assert [row["name"] for row in rows] == list(samples.names)
    assert [row["right"] for row in rows] == ours.right.tolist()
    assert [row["latency_ms"] for row in rows] == ours.latency_ms.tolist()
    assert [row["right"] == 1 for row in rows] == [row["answered"] == row["wanted"] for row in rows]
    names = imagenet_classes()
    assert [row["wanted"] for row in rows] == [names[label or 0] for label in samples.labels]
    assert all(0 <= row["confidence"] <= 1 for row in rows)
    ways = Counter(" > ".join(stage.partition("@")[0] for stage in way.split(" > ")) for way in ours.choices.elements())
    assert Counter(row["way"] for row in rows) == ways


def test_the_parts_of_the_time_add_up_to_an_answer(evaluation: Evaluation) -> None:
    split, ours = evaluation.to_dict()["time_ms"], evaluation.results["adaptive"]
    assert split.keys() == {"decode", "preprocess", "features", "selector", "stages"}
    assert split["stages"].keys() == {name for way in ours.ways for name in way.split(" > ")}
    whole = sum(value for name, value in split.items() if name != "stages") + sum(split["stages"].values())
    assert whole == pytest.approx(float(ours.latency_ms.mean()), rel=1e-6)


def test_the_curve_goes_from_the_cheapest_to_what_is_surest(evaluation: Evaluation) -> None:
    curve = evaluation.to_dict()["curve"]
    assert [one["penalty_ms"] for one in curve] == sorted(one["penalty_ms"] for one in curve)
    assert curve[0]["penalty_ms"] < PENALTY < curve[-1]["penalty_ms"]
    latencies = [one["latency_ms"] for one in curve]
    assert latencies == sorted(latencies)
    assert latencies[0] <= float(evaluation.results["adaptive"].latency_ms.mean()) * (1 + 1e-9) <= latencies[-1] * 1.01


def test_calibration_is_of_all_answers(evaluation: Evaluation) -> None:
    found = evaluation.to_dict()["calibration"]
    assert sum(one["n"] for one in found["bins"]) == 24
    right = sum(one["n"] * one["right"] for one in found["bins"]) / 24
    assert right == pytest.approx(evaluation.results["adaptive"].right.mean())


def test_reliability_of_honest_and_of_boastful_answers() -> None:
    sure = np.random.default_rng(0).uniform(0.2, 1.0, 4000)
    right = np.random.default_rng(1).uniform(size=4000) < sure
    honest = reliability(sure, right)
    assert honest is not None and honest["error"] < 0.03
    inside = [one["right_95"][0] <= one["confidence"] <= one["right_95"][1] for one in honest["bins"]]
    assert sum(inside) >= 8
    boastful = reliability(np.sqrt(sure), right)
    assert boastful is not None and boastful["error"] > 0.1
    assert reliability(np.full(40, np.nan), np.ones(40)) is None
    assert reliability(np.ones(5), np.ones(5)) is None


def test_samples_of_the_build_are_recognised_whatever_they_are_called(
    bundle_folder: Path, samples: Samples, crops: ArraySamples
) -> None:
    others = ArraySamples([255 - crops.value(index) for index in range(3)], labels=crops.labels[:3])
    with compsel.load(bundle_folder, warm_up=False, adapt=False) as loaded:
        found = [evaluate(loaded, one, repeats=1).to_dict()["seen"] for one in (samples.subset(range(3)), others)]
    assert found == [1.0, 0.0]
