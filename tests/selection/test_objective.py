"""What "best" means: words and numbers that are allowed, and the floor that follows from them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.errors import ObjectiveError
from compsel.selection.objective import Objective

fractions = st.none() | st.floats(0.0, 1.0)


@given(fractions, fractions, st.none() | st.floats(1e-6, 1e6), st.sampled_from(["latency", "energy", "memory"]))
def test_json_gives_the_same_objective(
    max_loss: float | None, min_quality: float | None, penalty: float | None, minimize: str
) -> None:
    objective = Objective(minimize, max_loss, min_quality, penalty)
    assert Objective.from_dict(json.loads(json.dumps(objective.to_dict()))) == objective


@given(fractions, fractions, st.floats(0.0, 1.0))
def test_floor_is_the_stricter_of_both(max_loss: float | None, min_quality: float | None, best: float) -> None:
    floor = Objective(max_loss=max_loss, min_quality=min_quality).floor(best)
    assert 0.0 <= floor <= 1.0
    assert floor >= (min_quality or 0.0)
    assert max_loss is None or floor >= best - max_loss
    assert floor in (0.0, min_quality, None if max_loss is None else best - max_loss)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"minimize": "beauty"}, "allowed are latency, energy, energy_delay, memory"),
        ({"minimize": ""}, "allowed are"),
        ({"max_loss": -0.01}, "max_loss: got -0.01, allowed is a fraction from 0 to 1"),
        ({"max_loss": 1.5}, "max_loss"),
        ({"max_loss": float("nan")}, "max_loss"),
        ({"min_quality": 2}, "min_quality"),
        ({"min_quality": float("inf")}, "min_quality"),
        ({"penalty": 0}, "penalty: got 0, allowed is a cost above 0"),
        ({"penalty": -1.0}, "penalty"),
        ({"penalty": float("nan")}, "penalty"),
        ({"penalty": float("inf")}, "penalty"),
    ],
)
def test_values_that_are_not_allowed_are_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ObjectiveError, match=words):
        Objective(**arguments)


def test_json_with_unknown_words_is_refused() -> None:
    with pytest.raises(TypeError):
        Objective.from_dict({"colour": "red"})
