"""Policies decide alike before and after they were stored, and for one input as for a table of them."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compsel.errors import BundleError
from compsel.features.fusion import Evidence, stack_evidence
from compsel.selection.cascade.decision_graph import Cascade
from compsel.selection.cascade.fitting import fit_cascade
from compsel.selection.policies import STOP, CascadePolicy, FixedPolicy, Policy, SelectingPolicy, policy_from_dict

NAMES = ("small", "middle", "large")
CLASSES = 12


def simulated(n: int, seed: int) -> tuple[list[Evidence], np.ndarray]:
    """What three variants of rising skill say about n samples, and the labels."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, n)
    hardness = generator.gamma(2.0, 1.0, n)
    evidence = []
    for skill in (1.5, 2.5, 4.0):
        scores = generator.normal(0.0, 1.0, (n, CLASSES))
        scores[np.arange(n), labels] += skill * 2.0 / hardness
        powers = np.exp(scores)
        probabilities = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :10]
        evidence.append(Evidence(order.astype(np.int32), np.take_along_axis(probabilities, order, axis=1), CLASSES))
    return evidence, labels


EVIDENCE, LABELS = simulated(200, 0)
CASCADE = fit_cascade(NAMES, EVIDENCE, LABELS)

costs = st.tuples(*[st.floats(0.1, 100.0)] * 3).map(np.array)
penalties = st.floats(0.01, 1e5)


def stored(policy: Policy, selectors: dict[str, object] | None = None) -> Policy:
    return policy_from_dict(json.loads(json.dumps(policy.to_dict())), selectors or {})


def walk_one(policy: Policy, row: int, costs: np.ndarray, limit: float) -> tuple[list[int], list[float | None]]:
    plan = policy.plan(costs, costs, limit)
    ran, sure, variant = [], [], plan.first(None)
    while variant != STOP:
        ran.append(variant)
        variant, probability = plan.next(ran, [EVIDENCE[member].take(np.array([row])) for member in ran])
        sure.append(probability)
    assert len(plan.weights(ran)) == len(ran)
    return ran, sure


@settings(max_examples=30, deadline=None)
@given(costs, penalties)
def test_a_cascade_decides_the_same_after_a_round_trip(costs: np.ndarray, penalty: float) -> None:
    policy = CascadePolicy(CASCADE, penalty, 0.5)
    again = stored(policy)
    assert isinstance(again, CascadePolicy)
    assert (again.variants, again.penalty, again.expected_quality) == (NAMES, penalty, 0.5)
    assert again.to_dict() == json.loads(json.dumps(policy.to_dict()))
    for row in range(0, 200, 29):
        assert walk_one(again, row, costs, np.inf) == walk_one(policy, row, costs, np.inf)


@settings(max_examples=30, deadline=None)
@given(costs, penalties, st.floats(1.0, 400.0))
def test_one_input_walks_as_a_table_of_them(costs: np.ndarray, penalty: float, limit: float) -> None:
    if costs.min() > limit:
        with pytest.raises(ValueError, match="no variant"):
            CascadePolicy(CASCADE, penalty).plan(costs, costs, limit)
        return
    walk = CASCADE.walk(CASCADE.plan(costs, penalty, limit, costs), EVIDENCE)
    for row in range(0, 200, 29):
        ran, sure = walk_one(CascadePolicy(CASCADE, penalty), row, costs, limit)
        assert sorted(ran) == np.flatnonzero(walk.ran[row]).tolist()
        assert sure[-1] == pytest.approx(walk.score[row], abs=1e-9)
        assert costs[ran].sum() <= limit * (1 + 1e-12)


@settings(max_examples=20, deadline=None)
@given(costs, penalties)
def test_a_variant_of_infinite_price_never_runs(costs: np.ndarray, penalty: float) -> None:
    costs[1] = np.inf
    for row in range(0, 200, 41):
        assert 1 not in walk_one(CascadePolicy(CASCADE, penalty), row, costs, np.inf)[0]


@settings(max_examples=30, deadline=None)
@given(costs, penalties, st.floats(1.01, 100.0))
def test_a_dearer_error_never_lowers_the_quality_that_is_expected(
    costs: np.ndarray, penalty: float, factor: float
) -> None:
    policy = CascadePolicy(CASCADE, penalty)
    cheap = policy.plan(costs, costs, np.inf).plan
    dear = policy.plan_at(penalty * factor, costs, costs, np.inf).plan
    assert dear.expected_quality >= cheap.expected_quality - 1e-6
    assert dear.expected_cost >= cheap.expected_cost - 1e-6 * cheap.expected_cost


@given(st.text(min_size=1), st.none() | st.sampled_from(["cpu:1", "cpu:2:nospin"]))
def test_fixed_policy_is_the_same_after_a_round_trip(variant: str, processor: str | None) -> None:
    again = stored(FixedPolicy(variant, processor))
    assert (again.variants, again.processor) == ((variant,), processor)
    plan = again.plan(np.ones(1), np.ones(1), np.inf)
    assert plan.first(None) == 0
    assert plan.next([0], []) == (STOP, None)
    with pytest.raises(ValueError, match="longer than the limit"):
        again.plan(np.ones(1), np.array([5.0]), 4.0)


class Largest:
    """Selects the position of the largest feature."""

    def select(self, features: np.ndarray) -> int:
        return int(np.argmax(features))


@given(st.lists(st.floats(-5, 5, width=32), min_size=3, max_size=3), costs, st.floats(0.1, 120.0))
def test_selecting_policy_obeys_the_selector_within_the_limit(
    features: list[float], costs: np.ndarray, limit: float
) -> None:
    policy = stored(SelectingPolicy(NAMES, Largest(), "selectors/x.onnx", "image"), {"selectors/x.onnx": Largest()})
    assert (policy.variants, policy.extractor) == (NAMES, "image")
    if costs.min() > limit:
        with pytest.raises(ValueError, match="longer than the limit"):
            policy.plan(costs, costs, limit)
        return
    plan = policy.plan(costs, costs, limit)
    chosen, wanted = plan.first(np.array(features, np.float32)), int(np.argmax(features))
    assert costs[chosen] <= limit
    if costs[wanted] <= limit:
        assert chosen == wanted
    else:
        assert costs[chosen] == costs[costs <= limit].max()
    assert plan.next([chosen], []) == (STOP, None)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"kind": None},
        {"kind": "oracle", "variants": ["a"]},
        {"kind": "selecting", "variants": ["a"], "selector": "absent.onnx", "extractor": "image"},
    ],
)
def test_unknown_policies_are_refused(content: dict[str, object]) -> None:
    with pytest.raises(BundleError, match="build the bundle again"):
        policy_from_dict(content, {"x": Largest()})


def damaged() -> dict[str, tuple[list[str], object]]:
    """Places in the JSON of a cascade, each with what should not stand there."""
    return {
        "variants": (["variants"], ["only one"]),
        "penalty": (["penalty"], -1.0),
        "penalty nan": (["penalty"], float("nan")),
        "members": (["nodes", 1, "members"], [7]),
        "weights": (["nodes", -1, "weights"], [1.0]),
        "coefficients": (["nodes", 1, "coefficients"], [1.0]),
        "grid": (["nodes", 1, "grid"], []),
        "grid that falls": (["nodes", 1, "grid"], [0.9, 0.1]),
        "edge of another shape": (["nodes", 1, "edges", "1"], [[1.0]]),
        "edge to nowhere": (["nodes", 1, "edges"], {"9": [[1.0]]}),
        "no nodes": (["nodes"], []),
    }


@pytest.mark.parametrize("case", damaged())
def test_a_cascade_that_does_not_fit_together_is_refused_when_it_is_read(case: str) -> None:
    content = json.loads(json.dumps(CascadePolicy(CASCADE, 10.0).to_dict()))
    path, value = damaged()[case]
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=r"cascade"):
        policy_from_dict(content, {})


def test_evidence_of_one_input_is_a_row_of_the_table() -> None:
    rows = [EVIDENCE[0].take(np.array([row])) for row in range(5)]
    table = stack_evidence(rows)
    np.testing.assert_array_equal(table.classes, EVIDENCE[0].classes[:5])
    assert isinstance(CASCADE, Cascade)
