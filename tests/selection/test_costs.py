"""Costs between and outside the measured states, and how measured latencies become them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.selection.costs import CostModel

times = st.floats(0.01, 1e4)


@st.composite
def models(draw: st.DrawFn) -> CostModel:
    states, choices = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    steps = draw(st.lists(st.floats(0.01, 8.0), min_size=states, max_size=states))
    table = st.lists(st.lists(times, min_size=choices, max_size=choices), min_size=states, max_size=states)
    return CostModel(
        tuple((f"v{number % 2}", f"cpu:{number // 2 + 1}") for number in range(choices)),
        np.cumsum(steps) - steps[0],
        np.array(draw(table)),
        np.array(draw(table)),
    )


@given(models(), st.floats(0.0, 40.0))
def test_costs_lie_between_those_of_the_neighbouring_states_and_are_flat_outside(model: CostModel, load: float) -> None:
    for table, costs in ((model.latency_ms, model.at(load)), (model.p95_ms, model.p95_at(load))):
        if load <= model.loads[0]:
            np.testing.assert_array_equal(costs, table[0])
        elif load >= model.loads[-1]:
            np.testing.assert_array_equal(costs, table[-1])
        else:
            upper = int(np.searchsorted(model.loads, load))
            low, high = table[upper - 1 : upper + 1].min(axis=0), table[upper - 1 : upper + 1].max(axis=0)
            assert (costs >= low * (1 - 1e-12)).all()
            assert (costs <= high * (1 + 1e-12)).all()


@given(models())
def test_costs_at_the_measured_loads_are_the_measured_ones(model: CostModel) -> None:
    for row, load in enumerate(model.loads):
        np.testing.assert_allclose(model.at(float(load)), model.latency_ms[row])
        np.testing.assert_allclose(model.p95_at(float(load)), model.p95_ms[row])


@given(models(), st.floats(0.0, 40.0))
def test_the_processor_is_the_fastest_that_was_measured(model: CostModel, load: float) -> None:
    latency = dict(zip(model.choices, model.at(load), strict=True))
    for variant in {variant for variant, _ in model.choices}:
        processor, expected = model.processors(variant, load)
        assert expected == latency[variant, processor]
        assert expected == min(value for (name, _), value in latency.items() if name == variant)
        mean, p95, processors = model.prices([variant], load)
        assert (processors, mean[0]) == ((processor,), expected)
        assert p95[0] == model.p95_at(load)[model.choices.index((variant, processor))]


@given(models())
def test_a_processor_that_is_asked_for_is_taken_where_it_was_measured(model: CostModel) -> None:
    for variant, processor in model.choices:
        mean, _, processors = model.prices([variant], 0.0, processor)
        assert processors == (processor,)
        assert mean[0] == model.at(0.0)[model.choices.index((variant, processor))]
        _, _, elsewhere = model.prices([variant], 0.0, "cuda:0")
        assert elsewhere == (model.processors(variant, 0.0)[0],)


@given(models(), st.floats(0.0, 40.0))
def test_json_gives_the_same_costs(model: CostModel, load: float) -> None:
    again = CostModel.from_dict(json.loads(json.dumps(model.to_dict())))
    assert again.choices == model.choices
    np.testing.assert_array_equal(again.at(load), model.at(load))
    np.testing.assert_array_equal(again.p95_at(load), model.p95_at(load))


@given(models())
def test_restricted_keeps_the_columns_of_its_variants(model: CostModel) -> None:
    small = model.restricted(["v0", "never measured"])
    assert small.choices == tuple(choice for choice in model.choices if choice[0] == "v0")
    for choice in small.choices:
        old, new = model.choices.index(choice), small.choices.index(choice)
        np.testing.assert_array_equal(small.latency_ms[:, new], model.latency_ms[:, old])
        np.testing.assert_array_equal(small.p95_ms[:, new], model.p95_ms[:, old])


def test_fit_summarises_every_run_and_orders_the_states_by_their_load() -> None:
    runs = np.array([1.0, 2.0, 3.0, 50.0])
    model = CostModel.fit(
        {("a", "cpu:1", "busy:2"): runs * 2, ("a", "cpu:1", "idle"): runs, ("b", "cpu:1", "idle"): runs},
        {"busy:2": 1.8, "idle": 0.1},
    )
    assert model.choices == (("a", "cpu:1"),), "b was not measured in every state"
    np.testing.assert_allclose(model.loads, [0.1, 1.8])
    np.testing.assert_allclose(model.latency_ms[:, 0], [14.0, 28.0])
    np.testing.assert_allclose(model.p95_ms[:, 0], [np.quantile(runs, 0.95), np.quantile(2 * runs, 0.95)])


def test_fit_tells_states_of_equal_load_apart() -> None:
    one = np.ones(3)
    model = CostModel.fit(
        {("a", "cpu:1", "idle"): one, ("a", "cpu:1", "memory:1"): 3 * one}, {"idle": 0.0, "memory:1": 0.0}
    )
    assert (np.diff(model.loads) > 0).all()
    assert CostModel.from_dict(model.to_dict()).at(5.0)[0] == 3.0


@pytest.mark.parametrize(
    "change",
    [
        {"loads": []},
        {"loads": [0.0, 1.0]},
        {"loads": [float("nan")]},
        {"latency_ms": [[1.0]]},
        {"p95_ms": [[1.0, 0.0]]},
        {"p95_ms": [[1.0, float("inf")]]},
        {"latency_ms": [[1.0, None]]},
        {"latency_ms": [[1.0, -1.0]]},
        {"choices": []},
        {"choices": [["a", "cpu:1"], ["a"]]},
        {"choices": [["a", "cpu:1"], ["a", "cpu:1"]]},
    ],
)
def test_json_that_does_not_fit_together_is_refused(change: dict[str, object]) -> None:
    good = {
        "choices": [["a", "cpu:1"], ["a", "cpu:2"]],
        "loads": [0.0],
        "latency_ms": [[1.0, 2.0]],
        "p95_ms": [[1.0, 2.0]],
    }
    CostModel.from_dict(good)
    with pytest.raises(ValueError, match=r"."):
        CostModel.from_dict(good | change)
