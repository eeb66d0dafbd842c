"""`compsel run` on folders, `.npz` files and standard input; the most probable classes."""

import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import compsel
from compsel.cli.main import main
from compsel.cli.run_inputs import given_inputs
from compsel.errors import InputError
from compsel.inputs.tensors import TENSORS
from compsel.inputs.text import TEXT
from compsel.models.model import Model
from tests.bad_input_world import World


def run(world: World, out: Path, *words: object) -> list[dict[str, object]]:
    assert main(["run", str(world.bundle), *map(str, words), "--json", str(out)]) == 0
    found = json.loads(out.read_text())["answers"]
    assert isinstance(found, list)
    return found


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch) -> object:
    def given(content: bytes) -> None:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))

    return given


def test_a_folder_is_the_images_in_it_and_below(small_world: World, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small_world.samples, tmp_path / "photos"))
    (folder / "cats").mkdir()
    shutil.copy(small_world.photo, folder / "cats" / "A.JPG")
    answers = run(small_world, tmp_path / "r.json", folder)
    assert [answer["image"] for answer in answers] == [
        *(str(folder / f"{number}.png") for number in range(6)),
        str(folder / "cats" / "A.JPG"),
    ]
    with compsel.load(small_world.bundle) as runtime:
        assert [answer["label"] for answer in answers] == [runtime(answer["image"]).label for answer in answers]


def test_what_of_a_folder_is_not_read_is_said(
    small_world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(small_world.photo, folder / "a.jfif")
    (folder / "b.heic").write_bytes(b"of a phone")
    (answer,) = run(small_world, tmp_path / "r.json", folder)
    assert answer["image"] == str(folder / "a.jfif")
    assert "1 file of a kind that is not read (.heic)" in capsys.readouterr().err


def test_standard_input_is_an_image(small_world: World, tmp_path: Path, standard_input) -> None:
    standard_input(small_world.photo.read_bytes())
    (piped,) = run(small_world, tmp_path / "r.json", "-")
    (named,) = run(small_world, tmp_path / "r.json", small_world.photo)
    assert piped["image"] == "-"
    assert piped["top"] == named["top"]


def test_npz_holds_the_models_own_tensors(small_world: World, tmp_path: Path, standard_input) -> None:
    model = Model.load(small_world.model)
    (spec,) = model.inputs
    assert spec.shape is not None
    values = np.random.default_rng(0).random([axis or 1 for axis in spec.shape]).astype(np.float32)
    file = tmp_path / "one.npz"
    np.savez(file, **{spec.name: values, "label": np.array(3)})
    (answer,) = run(small_world, tmp_path / "r.json", file)
    with compsel.load(small_world.bundle) as runtime:
        assert answer["label"] == int(np.argmax(runtime.run(None, {spec.name: values})[0]))
    standard_input(file.read_bytes())
    (piped,) = run(small_world, tmp_path / "r.json", "-")
    assert piped["top"] == answer["top"]


def test_empty_standard_input_says_what_to_pipe(
    small_world: World, standard_input, capsys: pytest.CaptureFixture[str]
) -> None:
    standard_input(b"")
    assert main(["run", str(small_world.bundle), "-"]) == 2
    assert "standard input: is empty: pipe an image" in capsys.readouterr().err


def test_the_most_probable_classes(small_world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (answer,) = run(small_world, tmp_path / "r.json", small_world.photo, "--top", 3)
    top = answer["top"]
    assert isinstance(top, list)
    probabilities = [one["probability"] for one in top]
    assert len(top) == 5
    assert top[0]["label"] == answer["label"]
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < sum(probabilities) <= 1.000001
    shown = ", ".join(f"{one['name']} {one['probability']:.1%}" for one in top[:3])
    assert f"  {shown}  " in capsys.readouterr().out


def test_a_table_of_texts_is_read_and_a_missing_one_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("sentence,sentiment\nturn it on,1\nplay a song,0\n", encoding="utf-8")
    lines = tmp_path / "lines.txt"
    lines.write_text("one\n\ntwo\n", encoding="utf-8")
    assert [text for _, text in given_inputs([str(table), str(lines)], TEXT)] == [
        "turn it on",
        "play a song",
        "one",
        "two",
    ]
    with pytest.raises(InputError, match="no such file: give the path of a table of texts, or a text"):
        given_inputs(["reviews.CSV"], TEXT)


def test_an_archive_with_a_sample_a_row_is_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "test.npz"
    np.savez(file, X=np.arange(6, dtype=np.float32).reshape(3, 2), y=np.arange(3.0))
    found = given_inputs([str(file)], TENSORS, names={"X"})
    assert len(found) == 3
    np.savez(file, X=np.zeros((3, 2), np.float32))
    ((_, whole),) = given_inputs([str(file)], TENSORS, names={"X"})
    assert whole["X"].shape == (3, 2)


@pytest.mark.parametrize("words", [("-v",), ("--quiet",)])
def test_verbosity_may_stand_anywhere(words: tuple[str, ...], small_world: World) -> None:
    assert main(["run", str(small_world.bundle), *words, str(small_world.photo)]) == 0


def test_a_reason_that_many_inputs_share_is_said_once(
    small_world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / f"{number}.npz" for number in range(3)]
    for file in files:
        np.savez(file, other=np.zeros(2, np.float32))
    assert main(["run", str(small_world.bundle), *map(str, files)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[1] == "compsel: 3 of 3 inputs have no answer, for what is said above"
