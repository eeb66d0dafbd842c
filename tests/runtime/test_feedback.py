"""How good an answer was is recorded by its id, at once or later, and stands beside it in the records."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.errors import InputError
from tests.runtime.conftest import StartScripted

IMAGE = np.zeros((64, 64, 3), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "records"


@pytest.fixture
def runtime(scripted: StartScripted, folder: Path) -> Iterator[compsel.Runtime]:
    yield scripted({"fast": 0.0, "slow": 0.0}, record=folder)


def outcomes(folder: Path) -> list[float | None]:
    return [None if np.isnan(right) else right for right in compsel.records(folder)["right"]]


@pytest.mark.parametrize(("right", "kept"), [(True, 1.0), (np.False_, 0.0), (0.25, 0.25), (None, None)])
def test_an_outcome_stands_beside_its_answer(
    runtime: compsel.Runtime, folder: Path, right: float | None, kept: float | None
) -> None:
    answers = [runtime(IMAGE) for _ in range(3)]
    assert runtime.feedback(answers[1], right=right)
    runtime.close()
    assert outcomes(folder) == [None, kept, None]


def test_the_last_outcome_counts_whoever_gave_it(runtime: compsel.Runtime, folder: Path) -> None:
    answers = [runtime(IMAGE) for _ in range(4)]
    for answer in answers:
        runtime.feedback(answer, right=False)
    runtime.feedback(answers[0].id, right=True)
    runtime.flush()
    compsel.feedback(folder, {answers[1].id: 0.5, answers[2].id: None})
    runtime.feedback(answers[2], right=0.75)
    runtime.close()
    compsel.feedback(folder, {answers[3].id: True})
    assert outcomes(folder) == [1.0, 0.5, 0.75, 1.0]


def test_outcomes_of_no_answer_are_passed_over_and_counted(runtime: compsel.Runtime, folder: Path) -> None:
    answer = runtime(IMAGE)
    runtime.feedback("0123456789abcdef-3", right=True)
    runtime.close()
    compsel.feedback(folder, {"0123456789abcdef-4": True})
    frame = compsel.records(folder)
    assert frame["id"].tolist() == [answer.id] and frame.attrs["unknown_outcomes"] == 2


def test_another_session_takes_outcomes_of_the_one_before(scripted: StartScripted, folder: Path) -> None:
    before = scripted({"fast": 0.0, "slow": 0.0}, record=folder)
    answer = before(IMAGE)
    before.close()
    with compsel.load(before.bundle.folder, record=folder) as after:
        assert after.feedback(answer.id, right=True)
    assert outcomes(folder) == [1.0]


def test_the_right_class_is_compared_with_the_answer(labelled: compsel.Runtime, folder: Path) -> None:
    for label in ("owl", "cat", 2, np.int64(0)):
        answer = labelled(IMAGE)
        assert (answer.label, answer.label_name) == (2, "owl")
        labelled.feedback(answer, label=label)
    with pytest.raises(InputError, match="'owi', which is no class"):
        labelled.feedback(answer, label="owi")
    with pytest.raises(InputError, match="give the answer, not its id"):
        labelled.feedback(answer.id, label="owl")
    labelled.close()
    assert outcomes(folder) == [1.0, 0.0, 1.0, 0.0]


@pytest.fixture
def labelled(scripted: StartScripted, folder: Path) -> compsel.Runtime:
    scores = np.zeros((1, 10), np.float32)
    scores[0, 2] = 3.0
    made = scripted({"fast": 0.0, "slow": 0.0}, {name: lambda _: [scores] for name in ("fast", "slow")}, record=folder)
    made._executor._labels = ("cat", "dog", "owl", *"defghij")
    return made


def test_what_is_not_recorded_takes_no_outcome(scripted: StartScripted) -> None:
    runtime = scripted({"fast": 0.0, "slow": 0.0})
    answer = runtime(IMAGE)
    assert answer.id == "" and runtime.recording is None
    assert runtime.feedback(answer, right=True) is False and runtime.feedback("0123456789abcdef-3", right=True) is False


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"right": 1.5}, "got right=1.5"),
        ({"right": "yes"}, "got right='yes'"),
        ({"right": np.nan}, "got right=nan"),
        ({}, "give one of the two"),
        ({"right": True, "label": 3}, "give one of the two"),
    ],
)
def test_what_is_no_outcome_is_refused(runtime: compsel.Runtime, options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        runtime.feedback(runtime(IMAGE), **options)


@pytest.mark.parametrize("wrong", ["", "7", "0123456789abcdef-", "0123456789abcdef-1" + 20 * "0", "x" * 16 + "-1"])
def test_what_is_no_id_is_refused_and_nothing_is_written(runtime: compsel.Runtime, folder: Path, wrong: str) -> None:
    with pytest.raises(InputError, match="allowed is an answer"):
        runtime.feedback(wrong, right=True)
    with pytest.raises(InputError, match="allowed is an answer"):
        compsel.feedback(folder / "other", {"0123456789abcdef-1": True, wrong: True})
    assert not (folder / "other").exists()
