"""Names of classes in the forms that people and exporters write them."""

import json
from pathlib import Path

import pytest

from compsel.errors import SamplesError
from compsel.inputs.class_names import ClassNames, names_from, read_class_names


def test_synonyms_case_and_wordnet_ids() -> None:
    classes = ClassNames(["n01440764 tench, Tinca tinca", "n02012849 crane", "n03126707 crane", "Great_White-shark"])
    assert [classes.place(name) for name in ("tench", "TINCA tinca", "n01440764", "great white shark")] == [0, 0, 0, 3]
    assert classes.place("tench, Tinca tinca") == 0
    assert classes.place("crane") is None and classes.place("n03126707") == 2
    assert classes.place("salmon") is None and classes.place("") is None


def test_a_name_is_meant_before_a_synonym() -> None:
    assert ClassNames(["jay, bird", "bird"]).place("bird") == 1
    assert ClassNames(["a", "A"]).place("A") == 1


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("{0: 'cat', 1: 'dog'}", ("cat", "dog")),
        ('["cat", "dog"]', ("cat", "dog")),
        ("cat,dog", ("cat", "dog")),
        ("cat\ndog\n", ("cat", "dog")),
        ({"0": ["n1", "cat"], "1": ["n2", "dog"]}, ("n1 cat", "n2 dog")),
        ({"0": "cat", "2": "dog"}, ()),
        ("{", ()),
        (None, ()),
        ([1.5], ()),
    ],
)
def test_names_in_what_files_hold(content: object, names: tuple[str, ...]) -> None:
    assert names_from(content) == names


def test_files(tmp_path: Path) -> None:
    for name, text, wanted in (
        ("a.txt", "\ufeff0 background\r\n1 tench\r\n", ("background", "tench")),
        ("b.txt", "7 wonders\ncat\n", ("7 wonders", "cat")),
        ("c.json", '{"id2label": {"0": "no", "1": "yes"}}', ("no", "yes")),
    ):
        (tmp_path / name).write_bytes(text.encode())
        assert read_class_names(tmp_path / name) == wanted
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "bad.json").write_text("{")
    for name, message in (("empty.txt", "holds no names"), ("bad.json", "is no JSON"), ("gone.txt", "cannot be read")):
        with pytest.raises(SamplesError, match=message):
            read_class_names(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1"])
@pytest.mark.parametrize("suffix", [".txt", ".json"])
def test_names_in_the_encodings_that_programs_write(encoding: str, suffix: str, tmp_path: Path) -> None:
    names = ("Käse", "Brot", "crème brûlée")
    text = "\n".join(names) if suffix == ".txt" else json.dumps(names, ensure_ascii=False)
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    (tmp_path / f"labels{suffix}").write_bytes((mark + text).encode(encoding))
    assert read_class_names(tmp_path / f"labels{suffix}") == names
