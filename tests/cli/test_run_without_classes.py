"""What `compsel run` shows of answers without class scores, and of tensors."""

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from compsel.cli.answer_rows import given_names, output_lines, rows_of
from compsel.cli.main import main
from compsel.errors import CompselError
from compsel.features.tasks.base import Task
from compsel.features.tasks.multilabel import Multilabel
from compsel.features.tasks.multioutput import Multioutput
from compsel.features.tasks.ordinal import Ordinal
from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model
from compsel.runtime.answer import Answer, Stage
from tests.bad_input_world import fixed_bundle
from tests.foreign_models import finish, two_inputs


def answer(*outputs: np.ndarray) -> Answer:
    return Answer(list(outputs), 1.0, (Stage("net/none", "cpu:1", 1.0, 1.0),))


def test_answers_without_classes_show_each_output_on_a_line() -> None:
    boxes, scores = np.array([[[0.5, 12.25]]], np.float32), np.array([[0.75]], np.float32)
    (row,) = rows_of([("a.png", answer(boxes, scores))], outputs=["boxes", "scores"])
    assert (row["label"], row["name"]) == (None, "0.5 12.25 0.75")
    assert output_lines(row) == ["boxes float32 (1, 1, 2): 0.5 12.25", "scores float32 (1, 1): 0.75"]
    (long,) = rows_of([("a.png", answer(np.arange(9.0), np.array(["text"])))])
    assert long["name"] == "0 1 2 3 ..."
    assert output_lines(long) == ["output 0 float64 (9): 0 1 2 3 ...", "output 1 <U4 (1): text"]
    (other,) = rows_of([("a.png", answer(np.array([True]), np.array(["text"], object)))])
    assert other["name"] == "1 text"


@pytest.mark.parametrize(
    ("task", "outputs", "said"),
    [
        (Multilabel(), [np.array([[0.9, 0.1, 0.7]])], "cat, 2"),
        (Multilabel(), [np.array([[0.2, 0.1, 0.3]])], "none"),
        (Ordinal(), [np.array([[1.2]])], "dog"),
        (Multioutput((True, True)), [np.array([[0.1, 0.9]]), np.array([[0.8, 0.2]])], "1, 0"),
    ],
)
def test_what_outputs_decide_is_said_with_the_names_of_the_classes(
    task: Task, outputs: list[np.ndarray], said: str
) -> None:
    (row,) = rows_of([("a.png", answer(*outputs))], ("cat", "dog"), task=task)
    assert (row["decided"], row["name"], row["label"]) == (said, said, None)
    (withheld,) = rows_of([("a.png", answer(*outputs)._replace(abstained=True))], task=task)
    assert "decided" not in withheld


def test_names_of_classes_are_read_once_for_all_commands(tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text(json.dumps({"0": "cat", "1": "dog"}))
    assert given_names(str(tmp_path / "names.json"), 2) == ("cat", "dog")
    assert given_names("imagenet")[0] == "tench" and given_names(None, 2) == ()
    with pytest.raises(CompselError, match="has 2 names, the model has 3 classes: one each"):
        given_names(str(tmp_path / "names.json"), 3)


def test_the_outputs_of_tensors_are_shown_a_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    feeds = {"tokens": np.zeros((1, 6), np.int64), "mask": np.ones((1, 6), np.float32)}
    bundle = fixed_bundle(two_inputs(), ArraySamples([feeds]), tmp_path / "two")
    np.savez(tmp_path / "one.npz", **feeds)
    assert main(["run", str(bundle), str(tmp_path / "one.npz"), "--json", str(tmp_path / "r.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and "vector float32 (1, 1, 16): " in lines[1] and " ...  " in lines[1]
    ((row,),) = json.loads((tmp_path / "r.json").read_text()).values()
    assert row["outputs"][0]["shape"] == [1, 1, 16]


def test_class_scores_of_tensors_are_shown_with_their_probabilities(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs, outputs = (
        [helper.make_tensor_value_info("x", 1, ["n", 4])],
        [helper.make_tensor_value_info("p", 1, ["n", 4])],
    )
    nodes = [helper.make_node("Softmax", ["x"], ["p"], axis=1)]
    model = Model.from_proto(finish(nodes, inputs, outputs, {}), "iris")
    bundle = fixed_bundle(model, ArraySamples([{"x": np.zeros((1, 4), np.float32)}]), tmp_path / "iris.bundle")
    np.savez(tmp_path / "one.npz", x=np.log([[0.1, 0.2, 0.65, 0.05]]).astype(np.float32))
    assert main(["run", str(bundle), str(tmp_path / "one.npz")]) == 0
    assert "2 65.0%, 1 20.0%, 0 10.0%" in capsys.readouterr().out
