"""Costs between and outside the measured states, and how measured latencies become them."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compsel.selection.costs.model import CostModel

times = st.floats(0.01, 1e4)


COORDINATES = ("load_others", "runnable_others")


@st.composite
def models(draw: st.DrawFn) -> CostModel:
    """States on a line: 0, 1, 2, ... busy neighbours on two cores."""
    states, choices = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    table = st.lists(st.lists(times, min_size=choices, max_size=choices), min_size=states, max_size=states)
    mean = np.array(draw(table))
    return CostModel(
        tuple((f"v{number % 2}", f"cpu:{number // 2 + 1}") for number in range(choices)),
        np.array([(min(2.0, busy), float(busy)) for busy in range(states)]),
        mean,
        mean * draw(st.floats(1.0, 3.0)),
        COORDINATES,
    )


@given(models())
def test_costs_in_the_measured_states_are_the_measured_ones(model: CostModel) -> None:
    span = np.log(model.latency_ms.max() / model.latency_ms.min())
    for row, where in enumerate(model.states):
        np.testing.assert_allclose(np.log(model.at(where)), np.log(model.latency_ms[row]), atol=1e-6 + 0.1 * span)
        np.testing.assert_allclose(np.log(model.both_at(where)[1]), np.log(model.p95_ms[row]), atol=1e-6 + 0.1 * span)


@given(models(), st.floats(0.0, 2.0), st.floats(0.0, 1e9))
@example(
    model=CostModel(
        (("v0", "cpu:1"),),
        np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [2.0, 3.0]]),
        np.array([[1.0], [2.0], [1.0], [2.0]]),
        np.array([[1.0], [2.0], [1.0], [2.0]]),
        ("load_others", "runnable_others"),
    ),
    load=0.0,
    runnable=6.0,
)
def test_costs_are_times_everywhere_and_do_not_run_away(model: CostModel, load: float, runnable: float) -> None:
    mean, p95 = model.both_at(np.array([load, runnable]))
    assert (np.isfinite(mean) & (mean > 0) & (p95 >= mean)).all()
    span = np.log(model.latency_ms.max() / model.latency_ms.min())
    assert (np.abs(np.log(mean / model.latency_ms[0])) <= 5 * span + 1e-6).all()


def test_states_between_the_measured_ones_cost_what_lies_between() -> None:
    model = line_model()
    costs = [model.at(np.array([min(2.0, busy), busy]))[0] for busy in np.linspace(0, 4, 17)]
    assert costs == sorted(costs)
    assert 4.0 < model.at(np.array([2.0, 3.0]))[0] < 10.0


def test_beyond_the_measured_states_the_trend_goes_on() -> None:
    model = line_model()
    assert model.at(np.array([2.0, 8.0]))[0] > 1.2 * model.at(np.array([2.0, 4.0]))[0]
    np.testing.assert_array_equal(model.at(np.array([2.0, 1e3])), model.at(np.array([2.0, 1e6])))


def test_a_state_that_is_left_out_is_predicted_from_the_others() -> None:
    model, row = line_model(), 2
    others = [number for number in range(len(model.states)) if number != row]
    rest = CostModel(
        model.choices, model.states[others], model.latency_ms[others], model.p95_ms[others], model.coordinates
    )
    predicted = np.log(rest.at(model.states[row]) / model.latency_ms[row])
    np.testing.assert_allclose(model.left_out_error()[row], predicted, atol=0.03)


def test_states_that_the_share_of_cores_cannot_tell_apart_are_told_apart() -> None:
    table = np.array([[2.0], [8.0], [14.0]])
    blind = CostModel((("a", "cpu:2"),), np.array([[0.0], [2.0], [2.0]]), table, table)
    seeing = CostModel(blind.choices, np.array([[0.0, 0.0], [2.0, 2.0], [2.0, 4.0]]), table, table, COORDINATES)
    assert blind.at(2.0)[0] == pytest.approx(np.sqrt(8 * 14), rel=0.05)
    assert seeing.at(np.array([2.0, 2.0]))[0] == pytest.approx(8.0, rel=0.05)
    assert seeing.at(np.array([2.0, 4.0]))[0] == pytest.approx(14.0, rel=0.05)


def test_a_number_that_is_not_known_now_is_taken_from_the_nearest_state() -> None:
    model = line_model()
    np.testing.assert_allclose(model.at(np.array([1.0, np.nan])), model.latency_ms[1], rtol=0.05)


def line_model() -> CostModel:
    table = np.array([[2.0, 4.0], [3.0, 4.0], [5.0, 6.0], [10.0, 12.0]])
    states = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [2.0, 4.0]])
    return CostModel((("a", "cpu:2"), ("a", "cpu:1")), states, table, 1.5 * table, COORDINATES)


@given(models(), st.floats(0.0, 2.0))
def test_the_processor_is_the_fastest_that_was_measured(model: CostModel, load: float) -> None:
    where = np.array([load, load])
    latency = dict(zip(model.choices, model.at(where), strict=True))
    for variant in {variant for variant, _ in model.choices}:
        processor, expected = model.processors(variant, where)
        assert expected == latency[variant, processor]
        assert expected == min(value for (name, _), value in latency.items() if name == variant)
        mean, p95, processors = model.cheapest([variant], where)
        assert (processors, mean[0]) == ((processor,), expected)
        assert p95[0] == model.both_at(where)[1][model.choices.index((variant, processor))]


@given(models())
def test_a_processor_that_is_asked_for_is_taken_where_it_was_measured(model: CostModel) -> None:
    for variant, processor in model.choices:
        mean, _, processors = model.cheapest([variant], model.idle, processor)
        assert processors == (processor,)
        assert mean[0] == model.at(model.idle)[model.choices.index((variant, processor))]
        _, _, elsewhere = model.cheapest([variant], model.idle, "cuda:0")
        assert elsewhere == (model.processors(variant, model.idle)[0],)


@given(models())
def test_json_gives_the_same_costs(model: CostModel) -> None:
    again = CostModel.from_dict(json.loads(json.dumps(model.to_dict())))
    assert again.choices == model.choices
    assert (again.coordinates, again.names) == (model.coordinates, model.names)
    np.testing.assert_array_equal(again.both_at(again.states[-1]), model.both_at(model.states[-1]))


def test_costs_of_bundles_of_format_1_are_read() -> None:
    old = {"choices": [["a", "cpu:1"]], "loads": [0.1, 1.8], "latency_ms": [[2.0], [4.0]], "p95_ms": [[3.0], [6.0]]}
    model = CostModel.from_dict(old)
    assert model.coordinates == ("load_others",)
    np.testing.assert_allclose(model.at(1.8), [4.0], rtol=0.02)


@given(models())
def test_restricted_keeps_the_columns_of_its_variants(model: CostModel) -> None:
    small = model.restricted(["v0", "never measured"])
    assert small.choices == tuple(choice for choice in model.choices if choice[0] == "v0")
    for choice in small.choices:
        old, new = model.choices.index(choice), small.choices.index(choice)
        np.testing.assert_array_equal(small.latency_ms[:, new], model.latency_ms[:, old])
        np.testing.assert_array_equal(small.p95_ms[:, new], model.p95_ms[:, old])


def test_fit_summarises_every_run_and_puts_the_idlest_state_first() -> None:
    runs = np.array([1.0, 2.0, 3.0, 50.0])
    model = CostModel.fit(
        {("a", "cpu:1", "busy:2"): runs * 2, ("a", "cpu:1", "idle"): runs, ("b", "cpu:1", "idle"): runs},
        {"busy:2": {"load_others": 1.8, "runnable_others": 2.0, "temperature_c": 50.0}, "idle": {"load_others": 0.1}},
    )
    assert model.choices == (("a", "cpu:1"),), "b was not measured in every state"
    assert model.coordinates == ("load_others",), "the others were not seen in every state, or are no coordinates"
    assert model.names == ("idle", "busy:2")
    np.testing.assert_allclose(model.states, [[0.1], [1.8]])
    np.testing.assert_allclose(model.latency_ms[:, 0], [14.0, 28.0])
    np.testing.assert_allclose(model.p95_ms[:, 0], [np.quantile(runs, 0.95), np.quantile(2 * runs, 0.95)])


def test_states_that_look_alike_are_averaged_not_refused() -> None:
    one = np.ones(3)
    model = CostModel.fit(
        {("a", "cpu:1", "idle"): one, ("a", "cpu:1", "memory:1"): 3 * one},
        {"idle": {"load_others": 0.0}, "memory:1": {"load_others": 0.0}},
    )
    again = CostModel.from_dict(model.to_dict())
    assert again.at(0.0)[0] == pytest.approx(np.sqrt(3.0), rel=0.01)


@pytest.mark.parametrize(
    "change",
    [
        {"states": []},
        {"states": [[0.0], [1.0]]},
        {"states": [[float("nan")]]},
        {"states": [[-0.1]]},
        {"states": [[0.0, 0.0]]},
        {"coordinates": ["mood"]},
        {"coordinates": []},
        {"names": ["idle", "busy:1"]},
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
        "states": [[0.0]],
        "latency_ms": [[1.0, 2.0]],
        "p95_ms": [[1.0, 2.0]],
    }
    CostModel.from_dict(good)
    with pytest.raises(ValueError, match=r"."):
        CostModel.from_dict(good | change)
