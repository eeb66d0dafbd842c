"""The same rows are the same samples, however a table is written: delimiter, encoding, line ends, quotes, columns."""

import csv
import io
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compsel.inputs.modalities import open_samples

TEXTS = st.text(st.sampled_from("ab ,;|\"'é€ß#\u2028"), min_size=1, max_size=12).map(str.strip).filter(bool)
ROWS = st.lists(st.tuples(TEXTS, st.sampled_from(["cat", "ant", "big, red dog", "naïve"])), min_size=2, max_size=6)
NUMBERED = st.lists(st.tuples(TEXTS, st.integers(0, 30).map(str)), min_size=1, max_size=6)


@dataclass(frozen=True)
class Writing:
    """How a table is written."""

    suffix: str
    delimiter: str
    encoding: str
    end: str
    quoting: int
    columns: tuple[str, str]
    blank: bool

    def write(self, folder: Path, rows: list[tuple[str, str]]) -> Path:
        path = folder / f"table{self.suffix}"
        if self.suffix == ".jsonl":
            lines = [json.dumps(dict(zip(self.columns, row, strict=True)), ensure_ascii=False) for row in rows]
            text = self.end.join([*lines, ""])
        else:
            stream = io.StringIO(newline="")
            writer = csv.writer(stream, delimiter=self.delimiter, lineterminator=self.end, quoting=self.quoting)
            writer.writerows([self.columns, *rows])
            text = stream.getvalue() + self.end * self.blank
        path.write_bytes(text.encode(self.encoding))
        return path


def writings(columns: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[Writing]:
    return st.builds(
        Writing,
        st.sampled_from([".csv", ".tsv", ".jsonl", ".CSV"]),
        st.sampled_from(",;\t|"),
        st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
        st.sampled_from(["\n", "\r\n"]),
        st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
        columns,
        st.booleans(),
    )


TEXT_COLUMNS = st.tuples(
    st.sampled_from(["text", "Sentence", "query", "user utterance"]), st.sampled_from(["label", "Class", "intent", "y"])
)
FILE_COLUMNS = st.tuples(
    st.sampled_from(["file", "File Name", "image_path", "Image Index"]), st.sampled_from(["label", "species", "Target"])
)


@settings(max_examples=150, deadline=None)
@given(ROWS, writings(TEXT_COLUMNS))
def test_texts(rows: list[tuple[str, str]], writing: Writing) -> None:
    with tempfile.TemporaryDirectory() as folder:
        samples = open_samples(writing.write(Path(folder), rows))
        classes = sorted({label for _, label in rows})
        assert [sample.value for sample in samples] == [text for text, _ in rows]
        assert samples.labels == tuple(classes.index(label) for _, label in rows)
        assert samples.label_names == tuple(classes)


@settings(max_examples=60, deadline=None)
@given(NUMBERED, writings(TEXT_COLUMNS), st.booleans())
def test_numbers_are_indices_of_classes(rows: list[tuple[str, str]], writing: Writing, floats: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written = [(text, f"{label}.0" if floats else label) for text, label in rows]
        samples = open_samples(writing.write(Path(folder), written))
        assert samples.labels == tuple(int(label) for _, label in rows) and samples.label_names == ()


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    (folder / "more").mkdir()
    for name in ("a b.png", "c;d.png", "more/é.png"):
        assert cv2.imwrite(str(folder / name), np.zeros((4, 5, 3), np.uint8))
    return folder


@settings(max_examples=60, deadline=None)
@given(writing=writings(FILE_COLUMNS), data=st.data())
def test_images(photographs: Path, writing: Writing, data: st.DataObject) -> None:
    files = data.draw(st.permutations(["a b.png", "c;d.png", "more/é.png"]))
    labels = data.draw(st.lists(st.sampled_from(["cat", "ant"]), min_size=3, max_size=3))
    path = writing.write(photographs, list(zip(files, labels, strict=True)))
    try:
        classes = sorted(set(labels))
        for place in (photographs, path):  # the folder, where the table is found, and the table itself
            samples = open_samples(place)
            assert samples.names == tuple(files)
            assert samples.labels == tuple(map(classes.index, labels)) and samples.findings.left_out == 0
    finally:
        path.unlink()


def test_a_table_that_begins_as_excel_says_it(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"sep=;\r\ntext;label\r\na, b;1\r\nc;-1\r\n")
    with pytest.raises(ValueError, match="line 4: got label '-1'"):
        open_samples(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_bytes(b"sep=;\r\ntext;label\r\na, b;1\r\n")
    assert open_samples(tmp_path / "t.csv")[0].value == "a, b"


def test_quoted_fields_of_several_lines(tmp_path: Path) -> None:
    for suffix, delimiter in ((".csv", ","), (".tsv", "\t"), (".csv", "\t")):
        path = tmp_path / f"t{suffix}"
        path.write_text(f'text{delimiter}label\n"one\ntwo"{delimiter}1\nthree{delimiter}0\n')
        assert [sample.value for sample in open_samples(path)] == ["one\ntwo", "three"]


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"text,label\nab\0c,1\n")
    with pytest.raises(ValueError, match="zero bytes"):
        open_samples(tmp_path / "t.csv")
