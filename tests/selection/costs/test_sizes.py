"""Costs of inputs of several sizes: interpolated in size and state, and how measured latencies become them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.profiling.latency_table import LatencyTable
from compsel.selection.costs.fitting import fit_costs
from compsel.selection.costs.model import CostModel

SIZES = np.array([5.0, 20.0, 80.0, 320.0])
LOADS = {"idle": 0.0, "busy:1": 1.0}
CHOICES = (("a", "cpu:1"), ("a", "cpu:2"), ("b", "cpu:1"))
# milliseconds of their own, and for each unit of size; two threads pay for large inputs, and not beside a busy process
AFFINE = {("a", "cpu:1"): (0.5, 0.10), ("a", "cpu:2"): (1.5, 0.05), ("b", "cpu:1"): (0.1, 0.01)}
BUSY = {"cpu:1": 1.2, "cpu:2": 3.0}


def true_ms(choice, state, size):
    fixed, each = AFFINE[choice]
    return (fixed + each * size) * (BUSY[choice[1]] if state != "idle" else 1.0)


def table(sizes=SIZES, usual=20.0, of=lambda choice, size: True):
    rows = [
        (*choice, state, size, true_ms(choice, state, size) * noise)
        for state in LOADS
        for choice in CHOICES
        for size in sizes
        if of(choice, size)
        for noise in (0.9, 1.0, 1.1)
    ]
    variant, processor, states, size, latency = zip(*rows, strict=True)
    seen = {state: {"load_others": load} for state, load in LOADS.items()}
    return LatencyTable(
        variant, processor, states, np.array(latency), seen, np.array(size, float), usual, "tokens", "a"
    )


def test_without_a_size_costs_are_those_of_the_usual_one():
    model = fit_costs(table())
    np.testing.assert_allclose(model.at(0.0), [true_ms(choice, "idle", 20) for choice in CHOICES], rtol=0.01)
    assert (model.unit, model.sized_by, model.sizes.tolist()) == ("tokens", "a", SIZES.tolist())


@given(st.sampled_from(list(LOADS)), st.floats(1.0, 2000.0))
def test_costs_that_are_affine_in_size_are_found_at_every_size_above_the_smallest(state, size):
    mean, p95 = fit_costs(table()).both_at(LOADS[state], size)
    expected = [true_ms(choice, state, max(size, 5.0)) for choice in CHOICES]
    np.testing.assert_allclose(mean, expected, rtol=0.02)
    np.testing.assert_allclose(p95, np.array(expected) * np.quantile([0.9, 1.0, 1.1], 0.95), rtol=0.02)


def test_the_best_processor_depends_on_size_and_state():
    model = fit_costs(table())
    assert [model.processors("a", 0.0, size)[0] for size in (5, 300)] == ["cpu:1", "cpu:2"]
    assert [model.processors("a", 1.0, size)[0] for size in (5, 300)] == ["cpu:1", "cpu:1"]
    assert model.cheapest(["a", "b"], 0.0, size=300)[2] == ("cpu:2", "cpu:1")


def test_what_is_steadiest_is_so_for_inputs_of_that_size():
    model = fit_costs(table())
    for size, cost in ((5.0, [10.0, 9.5, 1.0]), (None, [10.0, 9.5, 1.0]), (300.0, [9.5, 10.0, 1.0])):
        # the other is a little cheaper now, which is no reason to leave the steadiest
        expected = "cpu:1" if cost[0] == 10.0 else "cpu:2"
        assert model.best(["a"], np.array(cost), np.array(cost), worth_changing=1.15, size=size)[2] == (expected,)


def test_a_choice_that_was_not_measured_at_a_size_gains_as_many_milliseconds_as_another():
    measured = table(of=lambda choice, size: size == 20 or choice[0] == "b")
    model = fit_costs(measured)
    assert model.choices == CHOICES
    more = true_ms(CHOICES[2], "idle", 320) - true_ms(CHOICES[2], "idle", 20)
    expected = [true_ms(choice, "idle", 20) + more for choice in CHOICES]
    np.testing.assert_allclose(model.at(0.0, 320.0), expected, rtol=0.02)
    assert (model.at(0.0, 5.0) > 0).all()


def test_tables_without_sizes_have_none():
    plain = table(sizes=[20.0])
    model = fit_costs(LatencyTable(plain.variant, plain.processor, plain.state, plain.latency_ms, plain.seen))
    assert model.by_size is None and model.sizes.size == 0 and model.unit == model.sized_by == ""
    np.testing.assert_array_equal(model.at(0.0, 320.0), model.at(0.0))
    assert model.left_out_size_error().size == 0
    assert fit_costs(plain).by_size is None


def test_left_out_sizes_are_predicted_from_their_neighbours():
    model = fit_costs(table())
    assert model.left_out_size_error().shape == (2, 2, 3)
    np.testing.assert_allclose(model.left_out_size_error(), 0.0, atol=1e-9)
    curved = CostModel.from_dict(model.to_dict())
    assert curved.by_size is not None
    curved.by_size.latency_ms[2] *= 2.0
    found = curved.left_out_size_error()[1]
    np.testing.assert_allclose(found, np.log(0.5), atol=1e-9)


def test_nothing_falls_beyond_the_largest_size():
    model = fit_costs(table())
    assert model.by_size is not None
    model.by_size.latency_ms[3, :, 0] = 0.5 * model.by_size.latency_ms[2, :, 0]
    assert model.at(0.0, 1e6)[0] == pytest.approx(model.at(0.0, 320.0)[0])


def test_json_and_some_of_the_choices_keep_the_sizes():
    model = fit_costs(table())
    again = CostModel.from_dict(json.loads(json.dumps(model.to_dict())))
    np.testing.assert_array_equal(again.at(0.3, 50.0), model.at(0.3, 50.0))
    some = model.restricted(["b"])
    assert some.at(0.0, 50.0)[0] == pytest.approx(model.at(0.0, 50.0)[2])
    power = model.with_power(dict.fromkeys(CHOICES, 2.0))
    np.testing.assert_allclose(power.at(0.0, 50.0), model.at(0.0, 50.0))
    old = model.to_dict()
    del old["by_size"]
    assert CostModel.from_dict(old).by_size is None


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": [5.0, 20.0]},
        {"sizes": [5.0, 20.0, 20.0, 320.0]},
        {"sizes": [0.0, 20.0, 80.0, 320.0]},
        {"sizes": [5.0, 20.0, 80.0, float("inf")]},
        {"usual": 1000.0},
        {"usual": float("nan")},
        {"latency_ms": [[[1.0] * 3] * 2] * 3},
        {"p95_ms": [[[0.0] * 3] * 2] * 4},
    ],
)
def test_sizes_that_do_not_fit_together_are_refused(change):
    content = fit_costs(table()).to_dict()
    with pytest.raises(ValueError, match="costs: got"):
        CostModel.from_dict({**content, "by_size": {**content["by_size"], **change}})
