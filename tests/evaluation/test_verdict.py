"""What an evaluation says first: does the policy beat the sceptic's choice, and if not, why, and what would help."""

import re

from compsel.evaluation.results import PolicyResult
from compsel.evaluation.verdict import Verdict, judge
from compsel.selection.judging.single_choices import SingleChoices
from tests.evaluation.made_up import result, right, spread

N = 200


def verdict(ours: PolicyResult, static: dict[str, PolicyResult], oracle: PolicyResult, trained_on: int = 0) -> Verdict:
    return judge(ours, oracle, static, SingleChoices(static).against(ours), trained_on=trained_on)


EXACT, GOOD, CHEAP = (
    result(spread(ms, N, seed), right(share, N))
    for seed, (ms, share) in enumerate(((10.0, 0.9), (5.0, 0.9), (1.0, 0.5)))
)
STATIC = {"net/none": EXACT, "net/int8": GOOD, "small/int8": CHEAP}
ORACLE = result(spread(2.0, N, 7), right(0.92, N))


def test_a_policy_that_wins_says_so_with_its_figures() -> None:
    found = verdict(result(spread(3.0, N, 5), right(0.9, N)), STATIC, ORACLE)
    assert found.beats_hindsight_static
    assert found.sentence.startswith(
        "adaptive beats net/int8, the fastest single variant that is as accurate here: 1.7 times as fast"
    )
    assert re.search(r"95 %: 1\.\d to 1\.\d; no difference seen in 200 samples", found.sentence)
    assert found.reasons == ()
    assert found.to_dict() == {"beats_hindsight_static": True, "sentence": found.sentence, "reasons": []}


def test_a_slower_policy_is_told_to_ship_the_static_choice_and_what_an_oracle_gains() -> None:
    found = verdict(result(spread(7.0, N, 5), right(0.9, N)), STATIC, ORACLE, trained_on=600)
    assert not found.beats_hindsight_static
    assert found.sentence.startswith("adaptive does not beat net/int8")
    assert found.reasons[0] == "this static choice is better here: ship that one, net/int8"
    assert found.reasons[1].startswith(
        "an oracle is 2.5 times as fast, +2.0 points: to come nearer, train on more than the 600"
    )


def noisy(n: int) -> Verdict:
    """Five against 4.6 ms, spread widely."""
    static = {"net/none": result(spread(10.0, n)), "net/int8": result(spread(5.0, n, 1, by=0.9))}
    return verdict(result(spread(4.6, n, 2, by=0.9)), static, result(spread(2.0, n)))


def test_few_samples_say_how_many_would_settle_it() -> None:
    expected = r"too few samples: got 12, about (\d+) would settle whether 1\.09 times as fast is real"
    told = re.match(expected, noisy(12).reasons[0])
    assert told is not None
    assert not noisy(int(told[1]) // 4).beats_hindsight_static
    assert noisy(2 * int(told[1])).beats_hindsight_static


def test_an_interval_around_nothing_asks_for_no_more_samples() -> None:
    ours = result(spread(5.0, N, 9), right(0.9, N))
    assert verdict(ours, STATIC, ORACLE).reasons[0].startswith("they are equally fast: a gain of more than")


def test_the_choice_itself_is_called_so() -> None:
    found = verdict(GOOD, STATIC, ORACLE)
    assert not found.beats_hindsight_static
    assert found.sentence == (
        "adaptive does not beat net/int8, the fastest single variant that is as accurate here: it is that choice"
    )
    assert len(found.reasons) == 1


def test_a_policy_that_never_changes_is_called_so_and_not_short_of_samples() -> None:
    """A cascade may run one variant for every input: more samples would not change what it is."""
    ours, good = result(spread(5.2, N, 9), right(0.9, N)), result(GOOD.latency_ms, GOOD.right)
    ours.choices.update({"net/int8@cpu:1": N - 1, "net/int8@cpu:2": 1})
    good.choices["net/int8@cpu:1"] = N
    static = {**STATIC, "net/int8": good}
    assert verdict(ours, static, ORACLE).reasons[0].startswith("adaptive ran net/int8 for every input too")
    ours.choices["net/none@cpu:1"] = 1
    assert not verdict(ours, static, ORACLE).reasons[0].startswith("adaptive ran")


def test_candidates_that_are_too_alike_are_named() -> None:
    alike = {"a": result(spread(5.0, N, 1), right(0.9, N)), "b": result(spread(5.5, N, 2), right(0.9, N))}
    found = verdict(result(spread(6.0, N, 3), right(0.9, N)), alike, result(spread(4.9, N, 4), right(0.905, N)))
    assert "candidates too alike: all take 5.00 to 5.50 ms" in found.reasons[1]
    assert "cheaper ones" in found.reasons[1]


def test_an_oracle_that_is_too_near_is_named() -> None:
    found = verdict(result(spread(7.0, N, 5), right(0.9, N)), STATIC, result(spread(4.8, N, 4), right(0.9, N)))
    assert found.reasons[1].startswith("the oracle is too near: choosing with hindsight is only 1.04 times as fast")


def test_what_is_faster_and_less_accurate_for_certain_does_not_win() -> None:
    static = {"net/none": result(spread(10.0, N), right(0.9, N))}
    # the sceptic's choice must be at least as accurate: there is only this one
    found = verdict(result(spread(2.0, N, 1), right(0.8, N)), static, ORACLE)
    assert not found.beats_hindsight_static
    assert found.reasons[0].startswith("it is faster, but less accurate with 95 % confidence")


def test_what_is_more_accurate_than_every_variant_is_not_called_worse() -> None:
    static = {"net/none": result(spread(3.0, N), right(0.6, N))}
    found = verdict(result(spread(9.0, N, 1), right(0.9, N)), static, ORACLE)
    assert "none is as accurate" in found.sentence
    assert found.reasons[0].startswith("it is more accurate, but slower")


def test_a_variant_that_misses_the_accuracy_by_a_sample_is_not_hidden() -> None:
    """The sceptic's choice is at least as accurate; one that is a sample short of it, and much faster, is no choice."""
    near = {**STATIC, "net/near": result(spread(2.0, N, 8), right(0.895, N))}
    found = verdict(result(spread(3.0, N, 5), right(0.9, N)), near, ORACLE)
    assert found.beats_hindsight_static
    (caveat,) = found.reasons
    assert caveat.startswith("but net/near is nearly as accurate, and faster: 1.5 times as fast")
