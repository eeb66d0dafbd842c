"""A model whose cost depends on the length of its input, from samples to answers."""

import json

import pytest

import compsel
from compsel.building.options import Measuring
from compsel.evaluation.evaluate import evaluate
from compsel.evaluation.report.content import read_content
from compsel.profiling.latency import Criterion
from compsel.profiling.profile import Profile
from tests.sized_models import WIDTH, sequence, sequence_model, sequences


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sized")
    models = [sequence_model("few", 1).save(folder / "few.onnx"), sequence_model("many", 8).save(folder / "many.onnx")]
    compsel.build(
        models=models,
        samples=sequences([4 + number % 40 for number in range(80)] + [300, 301]),
        out=folder / "bundle",
        measuring=Measuring(
            techniques=["none"], processors=["cpu:1"], states=["idle"], criterion=Criterion(budget_s=2.0)
        ),
    )
    return folder / "bundle"


def test_sizes_go_from_samples_into_the_bundle(bundle):
    profile = Profile.load(bundle.with_name("bundle.work"))
    assert profile.sizes is not None and profile.sizes.max() == 301 * WIDTH
    assert profile.latency is not None and profile.latency.unit == "elements"
    costs = json.loads((bundle / "costs.json").read_text())
    assert costs["by_size"]["unit"] == "elements" and len(costs["by_size"]["sizes"]) >= 3
    assert costs["by_size"]["sized_by"] in {choice[0] for choice in costs["choices"]}


def test_report_and_evaluation_say_the_sizes(bundle):
    line = "latency depends on the size of the input: measured at "
    for folder in (bundle, bundle.with_name("bundle.work")):
        assert read_content(folder).sizes.startswith(line)
    with compsel.load(bundle) as runtime:
        content = evaluate(runtime, sequences(list(range(4, 24)))).to_dict()
    assert content["sizes"].startswith(line) and "elements" in content["sizes"]


@pytest.mark.clock
def test_answers_expect_more_time_for_what_is_larger(bundle):
    with compsel.load(bundle, adapt=False) as runtime:
        small, large = (runtime(sequence(length, 1)) for length in (5, 3000))
        assert small.label == large.label == 1
        assert large.stages[0].expected_ms > small.stages[0].expected_ms
