"""Options that several commands share: what they make of the objective."""

import argparse
import sys
from pathlib import Path

import pytest

from compsel.building.verbs.options import MeasuringOptions, ObjectiveOptions, measuring_of, objective_of
from compsel.cli.options import TECHNIQUE_WORDS, add_measuring, add_objective, given_options
from compsel.errors import ObjectiveError, UsageError
from compsel.selection.objective import Objective
from compsel.techniques import TECHNIQUES


def read(*arguments: str) -> Objective:
    """Return the objective of a command line."""
    parser = argparse.ArgumentParser()
    add_objective(parser)
    return objective_of(None, given_options(parser.parse_args(arguments), ObjectiveOptions))


def test_default_is_as_accurate_as_the_best_network() -> None:
    assert read() == Objective(max_loss=0.0)


@pytest.mark.parametrize(
    ("words", "same"),
    [
        ("at most 1 % less accurate, as fast as possible", ["--max-loss", "0.01"]),
        ("at least as accurate as the best single network", []),
        ("at least 90 % accurate", ["--min-quality", "0.9"]),
        ("as fast as possible", []),
    ],
)
def test_a_goal_says_the_same_as_options(words: str, same: list[str]) -> None:
    assert read("--goal", words) == read(*same)


def test_least_quality_alone_sets_the_only_floor() -> None:
    assert read("--min-quality", "0.9").floor(0.95) == pytest.approx(0.9)
    assert read("--min-quality", "0.9", "--max-loss", "0.01").floor(0.95) == pytest.approx(0.94)


def test_no_floor() -> None:
    assert not read("--no-floor", "--penalty", "20").has_floor


@pytest.mark.parametrize("other", [["--max-loss", "0"], ["--no-floor"], ["--min-quality", "0.5"]])
def test_a_goal_stands_alone(other: list[str]) -> None:
    with pytest.raises(UsageError, match="say all of it in the goal"):
        read("--goal", "no loss", *other)


def test_what_choosing_cannot_promise_is_refused() -> None:
    with pytest.raises(ObjectiveError, match="a share of the time"):
        read("--goal", "half the time")
    with pytest.raises(UsageError, match="one of the two"):
        read("--no-floor", "--max-loss", "0.1")


def test_a_function_in_the_working_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rated_in_tests.py").write_text("def half(outputs, target):\n    return 0.5\n")
    parser = argparse.ArgumentParser()
    add_measuring(parser)
    arguments = parser.parse_args(["--quality", "rated_in_tests:half"])
    measuring = measuring_of(None, given_options(arguments, MeasuringOptions))
    assert measuring.output_quality.score([], None, None) == 0.5


def test_the_help_names_every_technique() -> None:
    assert tuple(name for name, kind in TECHNIQUES.items() if kind.__module__.startswith("compsel.")) == TECHNIQUE_WORDS
