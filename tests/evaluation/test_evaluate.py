"""The comparison on the real runtime: its JSON is the one that others script against, its figures can be recomputed."""

import itertools
import json
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compsel.errors import BundleError, SamplesError
from compsel.evaluation.evaluate import evaluate
from compsel.evaluation.results import Evaluation, PolicyResult
from compsel.inputs.samples import ArraySamples, ImageFolder, Samples
from compsel.processors import default_cpu
from compsel.runtime import Runtime
from compsel.selection.judging.hindsight import HindsightStatic
from compsel.selection.policies import FixedPolicy
from tests.cascade_bundle import INT8, NONE
from tests.reporters import Heard
from tests.whole_bundles import whole

# real time, or real load, is what is looked at: nothing runs beside
pytestmark = pytest.mark.clock

NAMES = {
    "adaptive",
    "current",
    "most_accurate",
    "fastest",
    "best_static",
    "hindsight_static",
    "premodel",
    "random",
    "oracle",
}


@pytest.fixture(scope="module")
def samples(labelled_folder: Path) -> Samples:
    return ImageFolder(labelled_folder, classes=1000).subset(range(10))


@pytest.fixture(scope="module")
def evaluation(runtime: Runtime, samples: Samples) -> Evaluation:
    return evaluate(runtime, samples, repeats=1)


COMPARED = ("current", "most_accurate", "best_static", "hindsight_static")


def test_json_has_the_keys_that_others_script_against(evaluation: Evaluation, runtime: Runtime) -> None:
    content = evaluation.to_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content.keys() >= {"n", "device", "policies", "names", "static", "overhead_ms", "summary", "verdict"}
    assert content["n"] == 10
    assert content["policies"].keys() == NAMES
    for policy in content["policies"].values():
        assert policy.keys() == {"accuracy", "latency_ms", "energy_mj", "choices"}
        assert policy["latency_ms"].keys() == {"mean", "p50", "p95", "p99"}
        assert policy["energy_mj"] is None
        assert 0 <= policy["accuracy"] <= 1
        assert 0 < policy["latency_ms"]["p50"] <= policy["latency_ms"]["p95"] <= policy["latency_ms"]["p99"]
        assert sum(policy["choices"].values()) == pytest.approx(1.0)
    assert content["names"].keys() == NAMES
    assert set(content["names"].values()) <= content["policies"].keys()
    assert content["overhead_ms"].keys() >= {"features", "selector", "total"}
    assert content["overhead_ms"]["total"] == content["overhead_ms"]["features"] + content["overhead_ms"]["selector"]
    figures = {
        *(f"{figure}_vs_{other}" for figure in ("speedup", "accuracy") for other in COMPARED),
        "oracle_latency_fraction",
        "gap_closed",
    }
    assert content["summary"].keys() >= figures | {f"{name}_95" for name in figures}
    assert content["static"].keys() == set(runtime.bundle.variants)
    for static in content["static"].values():
        assert static.keys() == {"accuracy", "latency_ms"}
    assert content["verdict"].keys() == {"beats_hindsight_static", "sentence", "reasons"}


def test_summary_follows_from_the_policies(evaluation: Evaluation) -> None:
    content = evaluation.to_dict()
    mean = {name: policy["latency_ms"]["mean"] for name, policy in content["policies"].items()}
    accuracy = {name: policy["accuracy"] for name, policy in content["policies"].items()}
    summary = content["summary"]
    for other in COMPARED:
        assert summary[f"speedup_vs_{other}"] == pytest.approx(mean[other] / mean["adaptive"])
        assert summary[f"accuracy_vs_{other}"] == pytest.approx(accuracy["adaptive"] - accuracy[other])
    assert summary["oracle_latency_fraction"] == pytest.approx(mean["oracle"] / mean["adaptive"])
    for name in [name for name in summary if f"{name}_95" in summary]:
        low, high = summary[f"{name}_95"]
        assert summary[name] is None or low <= summary[name] <= high, name


def test_latencies_count_decoding_of_files(evaluation: Evaluation, runtime: Runtime, crops: ArraySamples) -> None:
    for result in evaluation.results.values():
        assert (result.decode_ms > 0).all() and (result.latency_ms > result.decode_ms).all()
    adaptive = evaluation.results["adaptive"]
    assert evaluation.to_dict()["overhead_ms"]["decode"] == pytest.approx(adaptive.decode_ms.mean())
    in_memory = evaluate(runtime, crops.subset(range(2)), repeats=1)
    assert in_memory.to_dict()["overhead_ms"]["decode"] == 0.0


def test_a_damaged_file_is_named_and_left_out(runtime: Runtime, labelled_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(labelled_folder, tmp_path / "samples"))
    samples = ImageFolder(folder)
    samples.path(3).write_bytes(samples.source(3)[:-30])
    heard = Heard()
    assert evaluate(runtime, samples.subset([2, 3]), repeats=1, reporter=heard).to_dict()["n"] == 1
    assert any("1 image cannot be read" in message and samples.names[3] in message for message in heard.messages)


def test_accuracy_is_the_share_of_labels_that_were_said(
    evaluation: Evaluation, runtime: Runtime, samples: Samples
) -> None:
    for name in ("most_accurate", "fastest", "best_static", "premodel"):
        fixed = runtime.with_policy(runtime.bundle.policies[name])
        right = [fixed.answer(sample.value).label == sample.label for sample in samples]
        assert evaluation.results[name].right.tolist() == right
        assert evaluation.to_dict()["policies"][name]["accuracy"] == np.mean(right)


def test_no_choice_of_one_variant_is_right_more_often_than_the_oracle(evaluation: Evaluation) -> None:
    oracle = evaluation.results["oracle"].right
    for name in ("most_accurate", "fastest", "best_static", "premodel", "random"):
        assert (oracle >= evaluation.results[name].right).all(), name


def test_oracle_takes_the_cheapest_variant_that_is_right(
    evaluation: Evaluation, runtime: Runtime, samples: Samples
) -> None:
    cheapest = min(evaluation.static, key=lambda name: np.median(evaluation.static[name].latency_ms))
    first = runtime.with_policy(FixedPolicy(cheapest))
    share = evaluation.to_dict()["policies"]["oracle"]["choices"].get(f"{cheapest}@cpu:1", 0.0)
    right = np.mean([first.answer(sample.value).label == sample.label for sample in samples])
    nothing_right = float((evaluation.results["oracle"].right == 0).mean())
    assert share == pytest.approx(right + nothing_right)


def test_hindsight_static_is_the_fastest_variant_that_is_as_accurate_on_these_very_samples(
    evaluation: Evaluation,
) -> None:
    accuracy = evaluation.results["adaptive"].right.mean()
    enough = {name: static for name, static in evaluation.static.items() if static.right.mean() >= accuracy}
    assert enough
    found = evaluation.hindsight
    assert found.as_accurate
    medians = {name: float(np.median(static.latency_ms)) for name, static in enough.items()}
    assert found.variant in enough
    assert medians[found.variant] <= 1.25 * min(medians.values())
    assert evaluation.results["hindsight_static"].right.tolist() == evaluation.static[found.variant].right.tolist()
    assert [*evaluation.results["hindsight_static"].choices] == [f"{found.variant}@cpu:1"]


def test_the_result_says_what_keeps_it_from_beating_the_sceptics_choice(evaluation: Evaluation) -> None:
    slower = with_latencies(evaluation, {"adaptive": 50.0, "hindsight_static": 1.0})
    other = replace(slower.results["adaptive"], choices=Counter({"other/none@cpu:1": 10}))
    slower = replace(slower, results={**slower.results, "adaptive": other})
    assert not slower.verdict.beats_hindsight_static
    assert slower.result.why == slower.verdict.reasons[0]
    assert slower.verdict.reasons[0][1:] in slower.result.sentences()[1]


def test_samples_of_a_group_are_drawn_together(evaluation: Evaluation) -> None:
    slower = with_latencies(evaluation, {"adaptive": 0.5})
    grouped = replace(slower, groups=("a",) * 5 + ("b",) * 5)
    alone, together = (one.to_dict()["summary"]["speedup_vs_best_static_95"] for one in (slower, grouped))
    assert alone != together
    evaluated = evaluation.groups
    assert evaluated == ()  # each photograph is its own


def with_latencies(evaluation: Evaluation, factors: Mapping[str, float]) -> Evaluation:
    """The same answers, with latencies that no clock decides: 4 to 6 ms times the policy's factor."""
    generator = np.random.default_rng(0)
    results = {
        name: replace(result, latency_ms=factors.get(name, 1.0) * generator.uniform(4.0, 6.0, len(result.right)))
        for name, result in evaluation.results.items()
    }
    return replace(evaluation, results=results)


def test_gap_closed_is_recomputed_from_single_answers(evaluation: Evaluation) -> None:
    """(cost(best_static) - cost(adaptive)) / (cost(best_static) - cost(oracle)), latency plus penalty where wrong."""
    evaluation = with_latencies(evaluation, {"oracle": 0.5, "adaptive": 0.8})
    cost = {
        name: sum(
            latency if right else latency + evaluation.penalty
            for latency, right in zip(result.latency_ms, result.right, strict=True)
        )
        for name, result in evaluation.results.items()
    }
    at_most = cost["best_static"] - cost["oracle"]
    assert at_most > 0
    gap, low, high = evaluation.gap_closed
    assert gap == pytest.approx((cost["best_static"] - cost["adaptive"]) / at_most)
    assert low <= gap <= high
    summary = evaluation.to_dict()["summary"]
    assert (summary["gap_closed"], summary["gap_closed_95"]) == (gap, [low, high])


def test_an_oracle_that_is_slower_altogether_leaves_no_gap_and_no_interval() -> None:
    """On a busy machine the oracle's answers can take longer; some samples still have a gap."""
    evaluation = made_up(
        {"best_static": [4.0] * 4, "adaptive": [3.0] * 4, "oracle": [2.0, 2.0, 2.0, 99.0], "most_accurate": [8.0] * 4}
    )
    assert np.isnan(evaluation.gap_closed).all()
    summary = evaluation.to_dict()["summary"]
    assert (summary["gap_closed"], summary["gap_closed_95"]) == (None, [None, None])


def made_up(costs: Mapping[str, list[float]]) -> Evaluation:
    ones = np.ones(4)
    results = {name: PolicyResult(name, ones, np.array(latency)) for name, latency in costs.items()}
    for result in results.values():
        result.features_ms = result.selector_ms = 0.01 * ones
        result.choices["x@cpu:1"] = 4
    results.setdefault("hindsight_static", results["best_static"])
    return Evaluation(results, 10.0, True, HindsightStatic("x", True, 1))


def test_gap_of_known_figures() -> None:
    evaluation = made_up(
        {"best_static": [4.0] * 4, "adaptive": [3.0] * 4, "oracle": [2.0] * 4, "most_accurate": [8.0] * 4}
    )
    assert evaluation.gap_closed == (0.5, 0.5, 0.5)
    assert evaluation.to_dict()["summary"]["speedup_vs_most_accurate"] == pytest.approx(8 / 3)
    assert evaluation.to_dict()["overhead_ms"]["share_of_mean_latency"] == pytest.approx(0.02 / 3)


def test_a_wrong_answer_costs_the_penalty_on_top_of_its_time() -> None:
    evaluation = made_up(
        {"best_static": [2.0] * 4, "adaptive": [3.0] * 4, "oracle": [1.0] * 4, "most_accurate": [8.0] * 4}
    )
    evaluation.results["best_static"].right = np.array([1.0, 1.0, 0.0, 0.0])
    evaluation.results["adaptive"].right = np.array([1.0, 1.0, 1.0, 0.0])
    assert evaluation.results["best_static"].cost(10.0).tolist() == [2.0, 2.0, 12.0, 12.0]
    assert evaluation.gap_closed[0] == pytest.approx((28.0 - 22.0) / (28.0 - 4.0))


def test_without_a_gap_the_share_that_is_closed_is_null() -> None:
    same = [2.0] * 4
    content = made_up({"best_static": same, "adaptive": same, "oracle": same, "most_accurate": same}).to_dict()
    assert content["summary"]["gap_closed"] is None
    assert content["summary"]["gap_closed_95"] == [None, None]
    json.dumps(content, allow_nan=False)


def test_median_of_the_repeats_counts_and_every_policy_answers_every_sample(runtime: Runtime, samples: Samples) -> None:
    heard = Heard()
    result = evaluate(runtime, samples.subset([0, 1]), repeats=3, reporter=heard)
    assert heard.loops[-1] == "evaluating"
    for policy in result.results.values():
        assert len(policy.right) == len(policy.latency_ms) == len(policy.features_ms) == 2
        assert sum(policy.choices.values()) == 2


def test_random_choices_are_seeded(runtime: Runtime, samples: Samples) -> None:
    few = samples.subset(range(4))
    one, two = (evaluate(runtime, few, repeats=1, seed=7).results["random"].choices for _ in range(2))
    assert one == two


def test_without_labels_the_most_accurate_network_is_right(runtime: Runtime, samples: Samples) -> None:
    unlabelled = ArraySamples([sample.value for sample in samples.subset(range(4))])
    result = evaluate(runtime, unlabelled, repeats=1)
    assert not result.labelled
    assert result.to_dict()["labelled"] is False
    assert result.results["most_accurate"].right.tolist() == [1.0] * 4
    assert result.results["oracle"].right.tolist() == [1.0] * 4


def test_nothing_to_evaluate_on_is_refused(runtime: Runtime) -> None:
    with pytest.raises(SamplesError, match="no samples"):
        evaluate(runtime, ArraySamples([]))


def test_where_some_have_labels_those_alone_judge(runtime: Runtime, samples: Samples) -> None:
    values = [sample.value for sample in samples.subset(range(4))]
    heard = Heard()
    result = evaluate(runtime, ArraySamples(values, labels=[0, None, 2, None]), repeats=1, reporter=heard)
    assert result.labelled and result.to_dict()["n"] == 2
    assert "2 of 4 samples have no label: the others alone judge" in heard.messages


def test_labels_that_the_models_do_not_have_are_refused(runtime: Runtime, samples: Samples) -> None:
    values = [samples.value(0), samples.value(1)]
    with pytest.raises(SamplesError, match="labels reach 1000, allowed are 0 to 999"):
        evaluate(runtime, ArraySamples(values, labels=[0, 1000]))


@pytest.mark.parametrize("repeats", [0, -1])
def test_fewer_than_one_repeat_is_refused(runtime: Runtime, samples: Samples, repeats: int) -> None:
    with pytest.raises(SamplesError, match="repeats"):
        evaluate(runtime, samples, repeats=repeats)


def test_models_without_classes_are_refused(runtime: Runtime, samples: Samples) -> None:
    variants = {name: replace(variant, output="other") for name, variant in runtime.bundle.variants.items()}
    other = runtime.with_policy(runtime.bundle.policies["adaptive"])
    other.bundle = replace(runtime.bundle, variants=variants)
    with pytest.raises(BundleError, match="gives no class scores"):
        evaluate(other, samples)


def test_trained_bundle_is_evaluated(bundle_folder: Path, profile_folder: Path, samples: Samples) -> None:
    with Runtime(whole(bundle_folder, profile_folder)) as runtime:
        content = evaluate(runtime, samples.subset(range(3)), repeats=1).to_dict()
    assert content["policies"].keys() == NAMES
    assert [*content["policies"]["current"]["choices"]] == [f"{NONE}@{default_cpu().name}"]
    json.dumps(content, allow_nan=False)


def test_the_model_as_it_runs_today_shares_no_costs_with_what_is_judged(
    runtime: Runtime, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody measured but for it is no choice of the policies, and what it takes teaches them nothing."""
    asked: list[Runtime] = []
    answer = Runtime.__call__
    monkeypatch.setattr(Runtime, "__call__", lambda self, value: asked.append(self) or answer(self, value))
    before = runtime.costs.choices
    result = evaluate(runtime, samples.subset(range(4)), repeats=1)
    today = f"{NONE}@{default_cpu().name}"
    assert [*result.results["current"].choices] == [today]
    apart = [one for one in asked if [*one.bundle.policies] == ["current"]]
    judged = [one for one in asked if [*one.bundle.policies] != ["current"]]
    assert len(apart) == 4  # timed beside the others, in the same run
    assert min(asked.index(one) for one in apart) > asked.index(judged[0])
    assert all(one.costs.choices == ((NONE, default_cpu().name),) for one in apart)
    assert all(one.costs.choices == before for one in judged)
    named = {"@".join(choice) for choice in before}
    ran = {choice for name, one in result.results.items() if name != "current" for choice in one.choices}
    assert {stage for way in ran for stage in way.split(" > ")} <= named


def test_a_bundle_with_one_choice_is_evaluated_alone(
    bundle_folder: Path, profile_folder: Path, samples: Samples
) -> None:
    """Nothing of what it lacks is made up."""
    bundle = whole(bundle_folder, profile_folder)
    alone = replace(
        bundle,
        variants={INT8: bundle.variants[INT8]},
        policies=dict.fromkeys(("adaptive", "best_static"), FixedPolicy(INT8)),
        costs=bundle.costs.restricted([INT8]),
        baselines={name: one for name, one in bundle.policies.items() if {*one.variants} - {INT8}},
    )
    with Runtime(alone) as runtime:
        content = evaluate(runtime, samples.subset(range(3)), repeats=1).to_dict()
    assert content["names"].keys() == NAMES
    here = {name for name, policy in content["names"].items() if policy is not None}
    assert here == {"adaptive", "best_static", "random", "oracle", "hindsight_static"}
    assert content["result"]["current"] is None
    for figure in ("speedup_vs_current", "accuracy_vs_most_accurate", "speedup_vs_hindsight_static", "gap_closed"):
        assert content["summary"][figure] is None
        assert content["summary"][f"{figure}_95"] == [None, None]
    assert content["verdict"] == {
        "beats_hindsight_static": None,
        "sentence": f"the bundle holds one choice, {INT8}: there is nothing here to compare it with",
        "reasons": [],
    }
    for lacks in ("your model today", "uncompressed", "a sceptic or an oracle", "--profile DIR"):
        assert lacks in content["lacking"]
    (sentence,) = content["result"]["sentences"]
    assert "answers in" in sentence
    assert "instead" not in sentence
    json.dumps(content, allow_nan=False)


def test_a_policy_answers_a_block_of_samples_in_a_row(
    runtime: Runtime, labelled_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One answer at a time of each would find the caches emptied by the others."""
    asked: list[Runtime] = []
    answer = Runtime.__call__

    def noted(self: Runtime, value: object) -> object:
        asked.append(self)
        return answer(self, value)

    monkeypatch.setattr(Runtime, "__call__", noted)
    samples = ImageFolder(labelled_folder, classes=1000).subset(range(10))
    evaluate(runtime, samples, repeats=1)
    changes = sum(one is not other for one, other in itertools.pairwise(asked))
    assert changes < len(asked) / 3
