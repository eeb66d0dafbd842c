"""Names that no file system has are not there: said in the words of the package, wherever they are given."""

from collections.abc import Callable
from pathlib import Path

import pytest

import compsel
from compsel.errors import CompselError
from compsel.inputs.images.decoding import decode
from compsel.models.model import Model
from compsel.networks import build
from compsel.storage.files import atomic_file, check_place
from compsel.storage.paths import is_file, is_folder, is_there

NAMES = {"too long": 300 * "a", "zero": "a\0b", "newline": "line\nbreak", "gone": "no such"}
GIVEN: dict[str, Callable[[str, Model], object]] = {
    "model": lambda name, _: Model.load(f"{name}.onnx"),
    "bundle": lambda name, _: compsel.load(name),
    "samples": lambda name, _: compsel.open_samples(name),
    "table": lambda name, _: compsel.open_samples(f"{name}.csv"),
    "arrays": lambda name, _: compsel.open_samples(f"{name}.npz"),
    "class names": lambda name, model: Model.load(model.save("m.onnx"), classes=f"{name}.txt"),
    "picture": lambda name, _: decode(f"{name}.png"),
}


@pytest.fixture(scope="module")
def model() -> Model:
    return build("mobilenet-v1", width=0.25, resolution=32)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", GIVEN)
def test_what_is_not_there_is_told(what: str, name: str, model: Model, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CompselError):
        GIVEN[what](NAMES[name], model)


@pytest.mark.parametrize("name", ["too long", "zero"])
def test_such_a_place_cannot_be_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(CompselError, match="choose"):
        check_place(tmp_path / NAMES[name] / "below")
    with pytest.raises(CompselError, match="choose"), atomic_file(tmp_path / NAMES[name]):
        pass


def test_what_is_there_is_seen(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert is_file(tmp_path / "file")
    assert is_folder(tmp_path)
    assert is_there(tmp_path)
    assert not is_file(tmp_path)
    assert not any(check(tmp_path / NAMES["too long"]) for check in (is_file, is_folder, is_there))
