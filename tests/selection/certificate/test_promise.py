"""Promises in words."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.errors import ObjectiveError
from compsel.selection.certificate.promise import Promise


@pytest.mark.parametrize(
    ("text", "promise"),
    [
        ("99 % agreement", Promise(0.99)),
        ("99% agreement", Promise(0.99)),
        ("at least 99.5 percent agreement", Promise(0.995)),
        ("agrees on at least 95 % of the inputs", Promise(0.95)),
        ("99 % agreement at 90 % confidence", Promise(0.99, 0.9)),
        ("99 % agreement, 90 % confidence", Promise(0.99, 0.9)),
        ("99 % agreement (95 % confidence)", Promise(0.99, 0.95)),
        ("99 % agreement with 99 % confidence.", Promise(0.99, 0.99)),
    ],
)
def test_reads_what_people_say(text: str, promise: Promise) -> None:
    assert (Promise.read(text).level, Promise.read(text).confidence) == pytest.approx(
        (promise.level, promise.confidence)
    )


@pytest.mark.parametrize(
    "text", ["", "agreement", "99 % confidence", "99 % agreement, blue", "99 % agreement, 98 % agreement", "no loss"]
)
def test_says_what_it_understands(text: str) -> None:
    with pytest.raises(ObjectiveError, match='understood are "99 % agreement"'):
        Promise.read(text)


@pytest.mark.parametrize("text", ["100 % agreement", "20 % agreement", "99 % agreement at 100 % confidence"])
def test_refuses_what_no_samples_can_show(text: str) -> None:
    with pytest.raises(ObjectiveError, match="allowed are 50% to below 100 %"):
        Promise.read(text)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ObjectiveError):
        Promise.read(text)
