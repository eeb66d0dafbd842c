"""The certificate: its words, its JSON form, and what other samples say about it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from compsel.errors import BundleError, SelectorError
from compsel.selection.certificate.certificate import Certificate

GIVEN = Certificate("agreement", 0.99, 0.95, "net/none", 1200, 5, 0.0088, 3.1, (2.9, 3.3), 0.2, 900.0, 800, 1200)


def test_it_says_what_is_promised_and_what_that_rests_on() -> None:
    assert GIVEN.sentence() == (
        "on inputs like these it agrees with net/none on at least 99 % (95 % confidence) at 3.1 times its speed "
        "(95 %: 2.9 to 3.3); 5 of 1200 inputs kept aside got another answer"
    )


def test_it_goes_through_json_unchanged() -> None:
    content = json.loads(json.dumps(GIVEN.to_dict()))
    assert Certificate.from_dict(content) == GIVEN
    assert content["sentence"] == GIVEN.sentence()


@pytest.mark.parametrize(
    "changed", [{"kind": "luck"}, {"level": 1.5}, {"confidence": 0}, {"disagreements": 1201}, {"n": "many"}]
)
def test_a_damaged_one_is_refused(changed: dict) -> None:
    with pytest.raises(BundleError, match=r"certificate: .*build the bundle again"):
        Certificate.from_dict(GIVEN.to_dict() | changed)
    with pytest.raises(BundleError):
        Certificate.from_dict({})


@pytest.mark.parametrize(
    ("n", "disagreements", "broken", "says"),
    [
        (1000, 20, True, "breaks the certificate"),
        (1000, 10, False, "does not contradict the certificate"),
        (1000, 3, False, "keeps the certificate"),
        (10, 1, False, "does not contradict"),
        (0, 0, False, "does not contradict"),
    ],
)
def test_other_samples_break_it_keep_it_or_say_nothing(n: int, disagreements: int, broken: bool, says: str) -> None:
    check = GIVEN.check(n, disagreements)
    assert (check.n, check.disagreements, check.broken) == (n, disagreements, broken)
    assert says in check.sentence
    assert f"{disagreements} of {n} inputs" in check.sentence


def test_a_promise_that_is_just_kept_seldom_counts_as_broken() -> None:
    counts = np.random.default_rng(0).binomial(400, 0.01, 3000)
    assert np.mean([GIVEN.check(400, int(count)).broken for count in counts]) <= 0.05
    counts = np.random.default_rng(0).binomial(400, 0.04, 300)
    assert np.mean([GIVEN.check(400, int(count)).broken for count in counts]) > 0.9


def test_more_disagreements_than_inputs_are_refused() -> None:
    with pytest.raises(SelectorError, match="got 3 disagreements of 2 inputs"):
        replace(GIVEN, n=2, disagreements=0).check(2, 3)
