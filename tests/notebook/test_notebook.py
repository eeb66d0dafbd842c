"""What a notebook shows: pictures of decisions, cards of results; escaped, whole, in the colours of the page."""

import copy
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas
import pytest

import compsel
from compsel.errors import UsageError
from compsel.evaluation.evaluate import evaluate
from compsel.inputs.samples import ArraySamples, ImageFolder
from compsel.profiling.profile import Profile
from compsel.runtime import Answer, Runtime, Stage
from compsel.selection.policies import CascadePolicy
from tests.cascade_bundle import LATENCY_MS, LOWER, NONE, PENALTY, cascade_policy

HOSTILE = "<script>alert('&')</script>"


class Tags(HTMLParser):
    """Collects what is open, and fails where a tag is closed that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(page: str) -> set[str]:
    """Return the tags of a piece of HTML that is whole and brings no colours of text or background, and no scripts."""
    tags = Tags()
    tags.feed(page)
    assert not tags.open and "script" not in tags.seen and "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"[;']\s*(color|background|background-color):(?!none)", page)
    return tags.seen


@pytest.fixture(scope="module")
def answers(runtime: Runtime, crops: ArraySamples, profile: Profile) -> list[Answer]:
    careful = runtime.with_policy(CascadePolicy(cascade_policy(profile).policy, 20 * PENALTY))
    return [one(crops.value(index)) for index in range(12) for one in (runtime, careful)]


@pytest.fixture
def answer(answers: list[Answer]) -> Answer:
    return answers[0]


def test_a_decision_says_what_ran_and_what_else_could_have(answer: Answer) -> None:
    decision = compsel.explain(answer).decision
    assert [step.stage for step in decision.steps] == list(answer.stages)
    assert {one.variant for one in decision.alternatives} == LATENCY_MS.keys()
    costs = [one.expected_ms for one in decision.alternatives]
    assert costs == sorted(costs)
    assert {one.variant for one in decision.alternatives if one.ran} == {stage.variant for stage in answer.stages}
    assert sum(decision.parts_ms.values()) == pytest.approx(answer.latency_ms, abs=0.01)


def test_it_says_why_it_went_on(answers: list[Answer]) -> None:
    for answer in answers:
        *before, last = compsel.explain(answer).decision.steps
        for step in before:
            assert step.stage.probability_right < step.stops_from and "goes on" in step.why
        if "is enough" in last.why:
            assert last.stage.probability_right >= last.stops_from
    assert len({len(answer.stages) for answer in answers}) > 1, "no difference to see"


def test_a_fixed_choice_is_explained_too(runtime: Runtime, crops: ArraySamples) -> None:
    explanation = compsel.explain(runtime(crops.value(0), deadline_ms=1e-6))
    assert [step.why for step in explanation.decision.steps] == ["the one variant that is run"]
    assert explanation.decision.steps[0].stage.variant == LOWER
    assert "no choice meets deadline" in explanation._repr_html_()


def test_the_picture_is_whole_svg_with_a_box_a_stage(answers: list[Answer]) -> None:
    for answer in answers:
        root = ElementTree.fromstring(compsel.explain(answer).svg)
        text = " ".join(node.text or "" for node in root.iter())
        for stage in answer.stages:
            assert f"{stage.latency_ms:.2f} ms" in text
        assert root.get("role") == "img" and answer.choice in text
        assert checked(compsel.explain(answer)._repr_html_()) >= {"svg", "table", "rect"}


def test_elsewhere_it_is_text(answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    compsel.show(answer)
    said = capsys.readouterr().out
    assert said.startswith(repr(answer)) and NONE in said and "where the time went" in said
    compsel.show(copy.copy(answer))
    assert capsys.readouterr().out == f"{answer!r}\n"
    with pytest.raises(UsageError, match="not a copy"):
        compsel.explain(copy.copy(answer))


def test_results_are_cards(
    runtime: Runtime, profile: Profile, bundle_folder: Path, labelled_folder: Path, answer: Answer
) -> None:
    samples = ImageFolder(labelled_folder, classes=1000).subset(range(4))
    evaluation = evaluate(runtime, samples, repeats=1)
    rows = [(number, name, number % 9 > 0, 5.0) for number in range(40) for name in ("a/none", "a/int8")]
    trained = compsel.train(pandas.DataFrame(rows, columns=["sample", "variant", "quality", "latency_ms"]))
    for one in (runtime, runtime.bundle, profile, trained, evaluation, answer):
        assert "table" in checked(one._repr_html_())


def test_names_that_are_html_stay_names() -> None:
    answer = Answer(
        [np.zeros((1, 2))], 1.0, (Stage(HOSTILE, "cpu:1", 1.0, 1.0),), output="logits", labels=(HOSTILE, "b")
    )
    page = answer._repr_html_()
    checked(page)
    assert "&lt;script&gt;" in page


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """A process that looks like a notebook's kernel; what is displayed."""
    import types

    displayed: list[object] = []
    module = types.ModuleType("IPython.display")
    module.display = displayed.append
    for name, value in {"ipykernel": types.ModuleType("ipykernel"), "IPython.display": module}.items():
        monkeypatch.setitem(sys.modules, name, value)
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    yield displayed


def test_in_a_notebook_it_is_displayed(
    answer: Answer, runtime: Runtime, kernel: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    compsel.show(runtime)
    compsel.show(answer)
    assert kernel[:2] == [runtime, answer] and kernel[2].svg == compsel.explain(answer).svg
    assert capsys.readouterr().out == ""
