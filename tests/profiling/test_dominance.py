from hypothesis import given
from hypothesis import strategies as st

from compsel.profiling.dominance import TradeOffPoint, dominated

numbers = st.floats(0.01, 10.0)


@st.composite
def standings(draw):
    found = []
    for index in range(draw(st.integers(1, 6))):
        latency, width = draw(numbers), draw(st.floats(0.0, 0.5))
        quality = draw(st.floats(0.0, 1.0))
        found.append(
            TradeOffPoint(
                f"v{index}", quality, latency, latency * (1 - width), latency * (1 + width), original=index == 0
            )
        )
    return found


@given(standings())
def test_the_fastest_and_the_best_are_never_dominated_and_reasons_hold(found):
    beaten = dominated(found)
    by_name = {one.name: one for one in found}
    assert min(found, key=lambda one: one.latency).name not in beaten
    best = max(one.quality for one in found)
    assert any(one.name not in beaten for one in found if one.quality == best)
    for name, domination in beaten.items():
        winner, loser = by_name[domination.by], by_name[name]
        assert winner.high < loser.low
        assert winner.quality >= loser.quality


def test_slower_and_worse_than_the_uncompressed_model_names_it_first():
    none = TradeOffPoint("none", 0.90, 1.0, 1.0, 1.0, original=True)
    small = TradeOffPoint("resolution:96", 0.90, 0.5, 0.49, 0.51)
    dynamic = TradeOffPoint("int8-dynamic", 0.82, 2.7, 2.6, 2.8)
    found = dominated([none, small, dynamic])
    assert found["int8-dynamic"].by == "none"
    assert found["none"].by == "resolution:96"
    assert str(found["int8-dynamic"]) == "2.70 times as slow as none, and 8.0 points worse"


def test_intervals_that_touch_say_nothing():
    none = TradeOffPoint("none", 0.90, 1.0, 1.0, 1.0, original=True)
    assert dominated([none, TradeOffPoint("prune", 0.80, 1.05, 0.98, 1.12)]) == {}


def test_a_gain_below_one_standard_error_is_none():
    none = TradeOffPoint("none", 0.90, 1.0, 1.0, 1.0, original=True)
    assert "x" in dominated([none, TradeOffPoint("x", 0.91, 2.0, 1.9, 2.1, error=0.02)])
    assert "x" not in dominated([none, TradeOffPoint("x", 0.93, 2.0, 1.9, 2.1, error=0.02)])
