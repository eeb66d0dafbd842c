"""Goals said in words."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.errors import ObjectiveError
from compsel.selection.goals import Goal, parse_goal


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("at most 1 % less accurate", Goal(max_loss=0.01)),
        ("At most 0.5 percent less accurate.", Goal(max_loss=0.005)),
        ("2 points less accurate", Goal(max_loss=0.02)),
        ("at most 1% accuracy drop", Goal(max_loss=0.01)),
        ("at most 1% drop in accuracy", Goal(max_loss=0.01)),
        ("at least as accurate as the best single network, as fast as possible", Goal(max_loss=0.0)),
        ("no less accurate", Goal(max_loss=0.0)),
        ("at least 90 % accurate and as fast as possible", Goal(min_quality=0.9)),
        ("half the time", Goal(max_latency_ratio=0.5)),
        ("twice as fast but at most 1 % less accurate", Goal(max_loss=0.01, max_latency_ratio=0.5)),
        ("at least 20 % faster", Goal(max_latency_ratio=0.8)),
        ("2.5x faster", Goal(max_latency_ratio=0.4)),
        ("at most 40 % of the time", Goal(max_latency_ratio=0.4)),
        ("as little energy as possible, at most 1 % less accurate", Goal(minimize="energy", max_loss=0.01)),
        ("least memory", Goal(minimize="memory")),
    ],
)
def test_reads_what_people_say(text: str, goal: Goal) -> None:
    assert parse_goal(text) == goal


@pytest.mark.parametrize("text", ["", "very good", "0 times as fast", "fast", "at most 1 % less accurate, blue"])
def test_says_what_it_understands(text: str) -> None:
    with pytest.raises(ObjectiveError, match="at most 1 % less accurate"):
        parse_goal(text)


@pytest.mark.parametrize(
    "text", ["at least 120 % accurate", "100 % faster", "half the time, 20 % faster", "at most 1 % loss, no loss"]
)
def test_refuses_what_cannot_be(text: str) -> None:
    with pytest.raises(ObjectiveError, match="goal: got"):
        parse_goal(text)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ObjectiveError):
        parse_goal(text)
