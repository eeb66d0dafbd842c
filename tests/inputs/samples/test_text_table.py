"""Tables of texts: every format, columns by name, labels in a stated order, and what is refused, with its line."""

import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

import compsel
from compsel.errors import SamplesError
from compsel.inputs.modalities import open_samples
from compsel.inputs.samples import TextTable

ROWS = [("turn it off, now", "lights"), ('say "hello"', "greeting"), ("naïve\u2028café", None)]


def write_csv(path: Path) -> None:
    path.write_text('text,label\n"turn it off, now",lights\n"say ""hello""",greeting\nnaïve\u2028café,\n', "utf-8")


def write_tsv(path: Path) -> None:
    path.write_text('text\tlabel\nturn it off, now\tlights\r\nsay "hello"\tgreeting\n\nnaïve\u2028café\t\n', "utf-8")


def write_quoted_tsv(path: Path) -> None:
    path.write_text(
        '"text"\tlabel\nturn it off, now\t"lights"\n"say ""hello"""\tgreeting\nnaïve\u2028café\t\n', "utf-8"
    )


def write_jsonl(path: Path) -> None:
    lines = [json.dumps({"text": text, "label": label, "more": [1]}, ensure_ascii=False) for text, label in ROWS]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def write_parquet(path: Path) -> None:
    texts, labels = zip(*ROWS, strict=True)
    parquet.write_table(pyarrow.table({"text": texts, "label": labels, "more": [[1]] * 3}), path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.csv", write_csv),
        ("a.tsv", write_tsv),
        ("b.tsv", write_quoted_tsv),
        ("a.jsonl", write_jsonl),
        ("A.PARQUET", write_parquet),
    ],
)
def test_every_format_gives_the_same(name: str, write: object, tmp_path: Path) -> None:
    write(tmp_path / name)  # one of the functions above
    samples = open_samples(tmp_path / name)
    assert isinstance(samples, compsel.TextTable)
    assert [sample.value for sample in samples] == [text for text, _ in ROWS]
    assert samples.labels == (1, 0, None) and samples.label_names == ("greeting", "lights")
    assert samples.label_order == "sorted" and "sorted by name" in samples.notes[0]
    assert samples[0].value is samples[0].value  # tokenizers know a text by its identity
    assert not samples.labelled and len(set(samples.names)) == 3 and samples.groups == samples.names


def table(folder: Path, text: str, name: str = "t.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_columns_by_name_and_groups(tmp_path: Path) -> None:
    path = table(tmp_path, "query,intent,user,group\na,x,u1,g1\nb,y,u1,g2\nc,x,,g2\n")
    samples = TextTable(path, text="query", label="intent", group="user")
    assert samples.labels == (0, 1, 0) and samples.groups == ("u1", "u1", "row 3")
    assert TextTable(path).labels == (0, 1, 0)  # by their usual names
    assert TextTable(path, "query").groups == ("g1", "g2", "g2")
    assert TextTable(path, "query", "intent").subset([1]).label_names == ("x", "y")
    for columns in ({"text": "body"}, {"text": "query", "label": "class"}, {"text": "query", "group": "author"}):
        with pytest.raises(SamplesError, match="got columns"):
            TextTable(path, **columns)


def test_whole_numbers_are_indices(tmp_path: Path) -> None:
    samples = TextTable(table(tmp_path, "text,label\na,2\nb,0\nc,\n"))
    assert (
        samples.labels == (2, 0, None)
        and samples.label_order == "numbers"
        and samples.notes == ("1 row without a label: line 4",)
    )
    assert samples.label_names == () and samples.ordered_by(("x", "y", "z")).labels == (2, 0, None)
    assert samples.ordered_by(("x", "y", "z")).label_names == ("x", "y", "z")
    with pytest.raises(SamplesError, match=r"line 2: got label '2', allowed are 0 to 1"):
        TextTable(samples.path, labels=["no", "yes"])
    jsonl = table(tmp_path, '{"text": "a", "label": 1}\n', "t.jsonl")
    assert TextTable(jsonl).labels == (1,)


def test_the_order_of_the_classes_is_given_beside_of_the_model_or_sorted(tmp_path: Path) -> None:
    path = table(tmp_path, "text,label\na,x\nb,y\n")
    found = TextTable(path)
    assert (found.labels, found.label_order) == ((0, 1), "sorted")
    ours = found.ordered_by(("y", "z", "x"))
    assert (ours.labels, ours.label_names, ours.label_order) == ((2, 0), ("y", "z", "x"), "model")
    assert found.labels == (0, 1) and "of the model" in ours.notes[0]
    assert found.ordered_by(("x", "y")).label_order == "model" and found.ordered_by(()) is found
    table(tmp_path, "y\nx\n", "labels.txt")
    beside = TextTable(path)
    assert (beside.labels, beside.label_order) == ((1, 0), "labels.txt")
    assert beside.ordered_by(("y", "x")).labels == (1, 0)
    with pytest.raises(SamplesError, match="leave out one of the two"):
        beside.ordered_by(("x", "y"))
    given = TextTable(path, labels=["q", "y", "x"])
    assert (given.labels, given.label_order) == ((2, 1), "labels=")
    assert TextTable(path, labels=tmp_path / "labels.txt").labels == (1, 0)
    assert found.subset([1]).ordered_by(("y", "x")).labels == (0,)


@pytest.mark.parametrize("labels", [["x"], ["x", "x", "y"]])
def test_labels_that_are_no_class_and_classes_named_twice(labels: list[str], tmp_path: Path) -> None:
    path = table(tmp_path, "text,label\na,x\nb,y\n")
    with pytest.raises(SamplesError, match=r"line 3: got label 'y'|twice"):
        TextTable(path, labels=labels)
    with pytest.raises(SamplesError, match="line 2: got label 'x', allowed are y"):
        TextTable(path).ordered_by(["y"])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.csv", 'text,label\na,1\n"  ",2\n', "line 3: the text is empty"),
        ("t.csv", "text,label\n", "has no rows"),
        ("t.csv", "", "got columns"),
        ("t.csv", "text,label\na\n", "line 2: got 1 fields"),
        ("t.tsv", "text\tlabel\na\n", "line 2: got 1 fields"),
        ("t.tsv", "", "got columns"),
        ("t.jsonl", '{"text": "a"}\n{"text": \n', "line 2: not JSON"),
        ("t.jsonl", '{"text": "a"}\n["a"]\n', "line 2: got list"),
        ("t.jsonl", '{"text": "a"}\n{"query": "a"}\n', "line 2: got columns"),
        ("t.jsonl", '{"text": 3}\n', "line 1: got int as a text"),
        ("t.jsonl", '{"text": "a", "label": true}\n', "line 1: got label True"),
        ("t.parquet", "text", "not a Parquet file"),
        ("t.txt", "text", "allowed are .csv"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line(name: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SamplesError, match=message):
        TextTable(table(tmp_path, text, name))


def test_a_table_that_is_not_there_or_in_latin_1(tmp_path: Path) -> None:
    with pytest.raises(SamplesError, match="no such file"):
        open_samples(tmp_path / "absent.csv")
    for name in ("t.csv", "t.tsv", "t.jsonl"):
        content = '{"text": "caf\u00e9"}\n' if name.endswith("jsonl") else "text\ncaf\u00e9\n"
        (tmp_path / name).write_bytes(content.encode("latin-1"))
        samples = TextTable(tmp_path / name)
        assert samples.value(0) == "caf\u00e9" and "not in UTF-8: read as Latin-1" in samples.notes[0]


def test_the_version_follows_the_text(tmp_path: Path) -> None:
    first = TextTable(table(tmp_path, "text\na\nb\n"))
    again = TextTable(table(tmp_path, "text\na\nc\n"))
    assert first.version(0) == again.version(0) and first.version(1) != again.version(1)
    assert first.digest() != again.digest() and first.digest(1) == again.digest(1)
