"""Certify on simulated classifiers: what is promised holds on others, and what cannot be shown is refused."""

import re
from dataclasses import replace

import numpy as np
import pytest

from compsel.errors import ObjectiveError
from compsel.selection.certificate.bounds import binomial_upper_bound
from compsel.selection.certificate.certify import certify, check_enough, split_for_certificate, train_and_judge
from compsel.selection.certificate.inputs_needed import inputs_needed
from compsel.selection.certificate.promise import Promise
from compsel.selection.dataset import SelectionDataset
from compsel.selection.policies import STOP, CertifiedPolicy
from tests.selection.simulated import simulated_dataset

SKILLS = (9.0, 12.0, 14.0)
PROMISE = Promise(0.9)


@pytest.fixture(scope="module")
def dataset() -> SelectionDataset:
    return simulated_dataset(600, 0, SKILLS)


@pytest.fixture(scope="module")
def others() -> SelectionDataset:
    return simulated_dataset(4000, 1, SKILLS)


def disagreement(policy: CertifiedPolicy, dataset: SelectionDataset, reference: str) -> float:
    chosen = dataset.among([dataset.names.index(name) for name in policy.variants])
    return float(
        (policy.walk(chosen).classes != chosen.evidence[policy.variants.index(reference)].classes[:, 0]).mean()
    )


def test_what_is_promised_holds_on_others(dataset: SelectionDataset, others: SelectionDataset) -> None:
    found = certify(dataset, PROMISE)
    certificate = found.certificate
    assert certificate.reference == "m2/none"
    assert certificate.n + certificate.n_trained == 600
    assert certificate.disagreements / certificate.n < certificate.bound <= 0.1
    assert disagreement(found.policy, others, "m2/none") <= 0.1
    outcome = found.policy.outcome(others)
    assert certificate.speedup > 1.3
    assert others.costs_ms[2] / outcome.latency_ms.mean() == pytest.approx(certificate.speedup, rel=0.15)
    low, high = certificate.speedup_95
    assert low < certificate.speedup < high
    assert found.portfolio[0].variant == "m2/none"


def test_the_samples_that_judge_have_no_part_in_training(dataset: SelectionDataset) -> None:
    _, judging = split_for_certificate(dataset)
    rows = np.arange(600)
    rows[judging] = judging[::-1]
    other = dataset.evidence[0].take(rows)
    changed = replace(dataset, evidence=(other, *dataset.evidence[1:]))
    one, another = (train_and_judge(table, PROMISE) for table in (dataset, changed))
    assert [point.to_dict() for point in one.family.points] == [point.to_dict() for point in another.family.points]
    assert one.judged.disagrees.sum() < another.judged.disagrees.sum()


def test_over_many_draws_it_is_seldom_broken(others: SelectionDataset) -> None:
    broken, given = 0, 0
    for seed in range(30):
        found = certify(simulated_dataset(300, 100 + seed, SKILLS), PROMISE, seed)
        broken += disagreement(found.policy, others, found.certificate.reference) > 0.1
        given += 1
    assert given == 30
    assert broken <= 4  # 5 % of 30, and chance


def test_no_labels_are_needed(dataset: SelectionDataset) -> None:
    targets = dataset.evidence[2].classes[:, 0].astype(np.int64)
    agrees = np.stack([one.classes[:, 0] == targets for one in dataset.evidence], axis=1).astype(np.float64)
    unlabelled = replace(dataset, targets=targets, quality=agrees, reference="m2/none")
    assert replace(certify(unlabelled, PROMISE).certificate) == certify(dataset, PROMISE).certificate


def test_a_stricter_promise_leaves_less_speed(dataset: SelectionDataset) -> None:
    speeds = [certify(dataset, Promise(level)).certificate.speedup for level in (0.97, 0.9, 0.8)]
    assert speeds == sorted(speeds)
    assert speeds[0] < speeds[2]


def test_an_escalated_answer_is_the_references_own(dataset: SelectionDataset, others: SelectionDataset) -> None:
    found = certify(dataset, PROMISE)
    chosen = others.among([others.names.index(name) for name in found.policy.variants])
    walk, last = found.policy.walk(chosen), found.policy.variants.index("m2/none")
    escalated = walk.ran[:, last]
    assert 0 < escalated.mean() < 1
    assert (walk.classes[escalated] == chosen.evidence[last].classes[escalated, 0]).all()
    assert found.certificate.escalated == pytest.approx(escalated.mean(), abs=0.1)


def test_load_does_not_change_what_was_certified(dataset: SelectionDataset, others: SelectionDataset) -> None:
    policy = certify(dataset, PROMISE).policy
    chosen = others.take(np.arange(200)).among([others.names.index(name) for name in policy.variants])
    busy = replace(chosen, costs_ms=chosen.costs_ms * np.linspace(1.0, 30.0, len(chosen.costs_ms)))
    walk = policy.walk(busy)
    np.testing.assert_array_equal(walk.ran, policy.walk(chosen).ran)
    plan = policy.plan(busy.costs_ms, busy.costs_ms, np.inf)
    for row in range(200):
        ran, variant = [], plan.first(None)
        while variant != STOP:
            ran.append(variant)
            evidence = [chosen.evidence[member].take(np.array([row])) for member in ran]
            variant, _ = plan.next(ran, evidence, None)
        assert sorted(ran) == np.flatnonzero(walk.ran[row]).tolist()


def test_a_call_that_asks_for_more_quality_than_the_reference_has_is_not_promised_it(
    dataset: SelectionDataset,
) -> None:
    policy = certify(dataset, PROMISE).policy
    costs = policy.costs
    _, reached = policy.plan_for_quality(costs, costs, np.inf, 0.99)
    assert reached == pytest.approx(dataset.quality[:, 2].mean(), abs=0.1)
    assert reached < dataset.quality[:, 2].mean()


def test_it_goes_through_json_unchanged(dataset: SelectionDataset, others: SelectionDataset) -> None:
    policy = certify(dataset, PROMISE).policy
    read = CertifiedPolicy.from_dict(policy.to_dict())
    chosen = others.among([others.names.index(name) for name in policy.variants])
    np.testing.assert_array_equal(read.walk(chosen).ran, policy.walk(chosen).ran)
    assert read.to_dict() == policy.to_dict()


@pytest.mark.parametrize("changed", [{"costs": [1.0]}, {"costs": [0.0, 1.0, 2.0]}, {"reference_quality": 2.0}])
def test_a_damaged_policy_is_refused(dataset: SelectionDataset, changed: dict) -> None:
    with pytest.raises(ValueError, match="certified: got"):
        CertifiedPolicy.from_dict(certify(dataset, PROMISE).policy.to_dict() | changed)


def test_groups_stay_together_and_count_as_one(dataset: SelectionDataset) -> None:
    grouped = replace(dataset, groups=np.repeat(np.arange(150), 4))
    training, judging = split_for_certificate(grouped)
    assert not set(grouped.groups[training]) & set(grouped.groups[judging])
    assert sorted([*training, *judging]) == list(range(600))
    certificate = certify(grouped, Promise(0.8)).certificate
    assert certificate.n_groups == certificate.n / 4
    assert certificate.bound > binomial_upper_bound(certificate.disagreements, certificate.n)
    with pytest.raises(ObjectiveError, match=r"of 86 groups, .* inputs would have to judge"):
        certify(grouped, Promise(0.96))
    # fewer groups than even a policy that never disagrees would need
    with pytest.raises(
        ObjectiveError, match="got 150 inputs, needed for 97 % agreement at 95 % confidence are at least"
    ):
        certify(grouped, Promise(0.97))
    assert certificate.speedup <= certify(dataset, Promise(0.8)).certificate.speedup


def test_too_few_inputs_are_refused_before_anything_is_trained(dataset: SelectionDataset) -> None:
    with pytest.raises(ObjectiveError, match=r"got 400 inputs, needed for 99 % agreement .* are at least 499"):
        certify(dataset.take(np.arange(400)), Promise(0.99))
    check_enough(499, Promise(0.99))


def test_what_the_inputs_do_not_show_is_refused_with_the_number_that_would(dataset: SelectionDataset) -> None:
    alike = simulated_dataset(600, 0, (1.0, 14.0))
    with pytest.raises(ObjectiveError, match="certify: got 360 inputs that judge, too few for 99 % agreement") as said:
        certify(alike, Promise(0.99))
    wrong = int(re.search(r"another answer on (\d+)", str(said.value))[1])
    needed = inputs_needed(0.99, wrong / 360)
    assert ("more inputs will hardly help" if needed is None else f"about {needed} inputs") in str(said.value)
    assert "or promise less: they show" in str(said.value)


def test_nothing_faster_than_the_reference_is_refused(dataset: SelectionDataset) -> None:
    dear = replace(dataset, costs_ms=np.array([50.0, 60.0, 36.0]))
    with pytest.raises(ObjectiveError, match="no operating point is faster than m2/none"):
        certify(dear, PROMISE)


def test_without_evidence_there_is_nothing_to_certify(dataset: SelectionDataset) -> None:
    with pytest.raises(ObjectiveError, match="allowed are classes"):
        certify(replace(dataset, evidence=()), PROMISE)
