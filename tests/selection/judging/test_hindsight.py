"""What a sceptic would ship, found on the samples that judge."""

from compsel.selection.judging.hindsight import HindsightStatic, hindsight_static, oracle_choices, shortlist
from tests.evaluation.made_up import result

STATIC = {
    "exact": result([9.0] * 4),
    "good": result([4.0] * 4, [1.0, 1.0, 1.0, 0.0]),
    "also good": result([5.0] * 4, [0.0, 1.0, 1.0, 1.0]),
    "poor": result([1.0] * 4, [1.0, 0.0, 0.0, 0.0]),
}


def test_the_sceptic_takes_the_fastest_that_is_at_least_as_accurate() -> None:
    assert hindsight_static(STATIC, 0.75) == HindsightStatic("good", True, 4)
    assert hindsight_static(STATIC, 0.76).variant == "exact"
    assert hindsight_static(STATIC, 0.0).variant == "poor"


def test_where_none_is_as_accurate_it_is_the_most_accurate_and_said_so() -> None:
    found = hindsight_static({name: one for name, one in STATIC.items() if name != "exact"}, 1.0)
    assert (found.variant, found.as_accurate) == ("good", False)  # the faster one of two
    assert "none is as accurate" in found.described


def test_the_oracle_takes_the_fastest_that_is_right_and_the_fastest_of_all_where_none_is() -> None:
    assert oracle_choices(STATIC) == ["poor", "good", "good", "also good"]
    none_right = {name: result(one.latency_ms, 0.0) for name, one in STATIC.items()}
    assert oracle_choices(none_right) == ["poor"] * 4


def test_what_is_nearly_as_fast_is_timed_again_and_a_hiccup_decides_nothing() -> None:
    assert shortlist(STATIC, 0.75) == ["good", "also good"]
    assert shortlist(STATIC, 0.8) == ["exact"]
    hiccup = STATIC | {"good": result([4.0, 4.0, 4.0, 99.0], [1.0, 1.0, 1.0, 0.0])}
    assert shortlist(hiccup, 0.75) == ["good", "also good"]
    assert oracle_choices(hiccup) == oracle_choices(STATIC)
    assert shortlist({"poor": STATIC["poor"]}, 0.5) == ["poor"]
    many = {str(number): result([4.0 + number / 100]) for number in range(9)}
    assert shortlist(many, 1.0) == ["0", "1", "2"]
