import os
import unicodedata

import pytest

from compsel.storage.file_names import clashing, cut, slug
from compsel.storage.files import atomic_directory, atomic_file


@pytest.mark.parametrize(
    "names",
    [
        ("net v1", "net-v1"),
        ("A", "a"),
        ("net:1", "net=1"),
        ("straße", "STRASSE"),
        (unicodedata.normalize("NFC", "modèle"), unicodedata.normalize("NFD", "modèle")),
        ("a", ".a."),
        ("a_int8-static/prune", "a/int8-static+prune"),
    ],
)
def test_names_that_some_file_system_takes_for_one_are_told(names: tuple[str, str]) -> None:
    assert clashing(["other", *names]) == list(names)


def test_names_that_differ_are_not(tmp_path) -> None:
    assert clashing(["a", "b", "x" * 300, "x" * 301, "é", "e"]) == []


@pytest.mark.parametrize("name", ["con", "CON.int8", "nul", "Com1.x", "aux", "lpt9"])
def test_no_name_is_that_of_a_device_of_windows(name: str) -> None:
    assert slug(name).split(".")[0].lower() not in ("con", "nul", "com1", "aux", "lpt9")
    assert slug("confusion.int8") == "confusion.int8"


@pytest.mark.parametrize("name", ["模" * 300, "é" * 200, "a\n\"'b", os.fsdecode(b"mod\xe9le"), "...", "", " "])
def test_every_name_makes_a_file(name: str, tmp_path) -> None:
    assert 0 < len(slug(name).encode()) <= 120
    (tmp_path / slug(name)).write_text("there")


@pytest.mark.parametrize("name", ["模" * 84, "a" * 255, os.fsdecode(b"\xe9" * 200)])
def test_a_file_and_a_folder_may_have_the_longest_names(name: str, tmp_path) -> None:
    with atomic_file(tmp_path / "files" / name) as temporary:
        temporary.write_text("whole")
    with atomic_directory(tmp_path / "folders" / name) as temporary:
        (temporary / "part").write_text("whole")
    assert (tmp_path / "files" / name).read_text() == (tmp_path / "folders" / name / "part").read_text() == "whole"


def test_a_name_is_cut_between_its_letters() -> None:
    assert cut("éé", 3) == "é"
