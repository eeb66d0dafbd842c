"""What `compsel run` is given: files, folders, `.npz`, texts, and standard input."""

import contextlib
import io
import sys
import zipfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from compsel.cli.terminal import TERMINAL
from compsel.errors import InputError
from compsel.inputs.image import IMAGE
from compsel.inputs.modality import Modality
from compsel.inputs.text import TEXT
from compsel.storage.numpy_files import read_npz
from compsel.storage.paths import is_there
from compsel.storage.regular_files import open_regular
from compsel.storage.sizes import DOCUMENT_BYTES, MOST_VALUES, TABLE_BYTES, physical_memory_bytes

__all__ = ["given_inputs"]

_TENSOR_SUFFIX = ".npz"
_TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"})


def given_inputs(
    words: Sequence[str], modality: Modality, texts: Path | None = None, names: Collection[str] = ()
) -> list[tuple[str, Any]]:
    """Return what to answer: a name of each input, and what the runtime takes.

    Args:
        words: paths of files or folders, texts or tables of them where the bundle takes texts, "-" for standard input.
        modality: what the bundle takes.
        texts: a file of texts, one a line.
        names: of the bundle's input tensors.

    Raises:
        SamplesError: a table that has no texts.
        InputError: a folder without such files, or a file that cannot be read as texts.

    >>> given_inputs(["what is the weather?"], TEXT)
    [('what is the weather?', 'what is the weather?')]
    """
    found = [pair for word in words for pair in _expanded(word, modality, names)]
    if texts is not None:
        found += _texts_in(texts)
    return found


def _expanded(word: str, modality: Modality, names: Collection[str]) -> Iterator[tuple[str, Any]]:
    if word == "-":
        yield from _standard_input(modality)
    elif modality is TEXT and (Path(word).suffix.lower() in _TABLE_SUFFIXES or _is_file(word)):
        yield from _texts_of(Path(word))
    elif modality is TEXT and not word.endswith(_TENSOR_SUFFIX):
        yield word, word
    elif Path(word).is_dir():
        yield from _folder(Path(word), modality)
    elif modality is not TEXT and modality is not IMAGE:
        yield from _rows(word, names)
    elif word.endswith(_TENSOR_SUFFIX):
        yield word, _tensors_of(word)
    else:
        yield word, word


def _is_file(word: str) -> bool:
    try:
        return not word.endswith(_TENSOR_SUFFIX) and Path(word).is_file()
    except (OSError, ValueError):  # a text that is too long for a path, or has a zero byte
        return False


def _texts_of(path: Path) -> Iterator[tuple[str, Any]]:
    """Give the texts of a table, or the lines of another file."""
    if path.suffix.lower() not in _TABLE_SUFFIXES:
        yield from _texts_in(path)
        return
    from compsel.inputs.samples.text_table import TextTable  # other inputs need no tables

    if not path.is_file():
        raise InputError(f"{path}: no such file: give the path of a table of texts, or a text")
    samples = TextTable(path)
    yield from ((samples.value(index), samples.value(index)) for index in range(len(samples)))


def _texts_in(path: Path) -> list[tuple[str, str]]:
    with _opened(path, DOCUMENT_BYTES, "texts, one a line") as stream:
        return _lines(stream.read(), str(path))


def _rows(word: str, names: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Give the tensors of an `.npz`: those that the bundle takes, or a sample a row where it has others."""
    arrays = _tensors_of(word) if word.endswith(_TENSOR_SUFFIX) and is_there(Path(word)) else None
    # what is right for each row beside them: then it has a sample a row
    answered = arrays is not None and any(key.lower() in ("y", "labels", "targets") for key in arrays)
    if arrays is None or (arrays.keys() >= set(names) and not answered):
        yield word, word if arrays is None else {name: arrays[name] for name in names or arrays}
        return
    from compsel.inputs.modalities import open_samples  # other inputs need no samples

    samples = open_samples(word)
    yield from ((f"{word} {samples.names[index]}", samples.value(index)) for index in range(len(samples)))


def _folder(folder: Path, modality: Modality) -> Iterator[tuple[str, Any]]:
    suffixes = {_TENSOR_SUFFIX}
    if modality is IMAGE:
        # one image needs no samples
        from compsel.inputs.samples.findings import Findings
        from compsel.inputs.samples.image_files import IMAGE_SUFFIXES, list_files

        suffixes, files, findings = set(IMAGE_SUFFIXES), list_files(folder), Findings()
        files.say(findings)
        for note in findings.notes:
            TERMINAL.say(note)
        paths = [folder / name for name in files.images]
    else:
        paths = sorted(path for path in folder.rglob(f"*{_TENSOR_SUFFIX}") if path.is_file())
    if not paths:
        raise InputError(f"{folder}: has no inputs of this bundle: allowed are files {', '.join(sorted(suffixes))}")
    yield from ((str(path), str(path)) for path in paths)


def _standard_input(modality: Modality) -> Iterator[tuple[str, Any]]:
    content = _all_of(sys.stdin.buffer)
    if not content:
        raise InputError("standard input: is empty: pipe an image, an .npz, or texts, one a line, into it")
    if modality is TEXT:
        yield from _lines(content, "standard input")
    elif modality is IMAGE and not zipfile.is_zipfile(io.BytesIO(content)):
        yield "-", content
    else:
        yield "-", _tensors(io.BytesIO(content), "standard input")


def _all_of(stream: BinaryIO) -> bytes:
    parts, size = [], 0
    while part := stream.read(1 << 20):
        size += len(part)
        if size > TABLE_BYTES:
            raise InputError(f"standard input: has over {TABLE_BYTES:,} bytes: write it into a file")
        parts.append(part)
    return b"".join(parts)


def _lines(content: bytes, name: str) -> list[tuple[str, str]]:
    try:
        if content.count(b"\n") > MOST_VALUES:
            raise InputError(f"{name}: has over {MOST_VALUES:,} lines: give them in parts")
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: cannot be read as texts, one a line: {error}") from error
    return [(line, line) for line in (line.rstrip("\r") for line in lines) if line.strip()]


def _tensors(stream: BinaryIO, name: str) -> dict[str, np.ndarray]:
    """Read an `.npz` without its label and target."""
    try:
        return read_npz(stream, lambda key: key not in ("label", "target"))
    except ValueError as error:
        raise InputError(f"{name}: cannot be read as tensors by name: {error}: write it by numpy.savez") from error


def _tensors_of(path: str) -> dict[str, np.ndarray]:
    with _opened(Path(path), physical_memory_bytes(), "tensors by name") as stream:
        return _tensors(stream, path)


@contextlib.contextmanager
def _opened(path: Path, most_bytes: int, what: str) -> Iterator[BinaryIO]:
    try:
        with open_regular(path, most_bytes) as stream:
            yield stream
    except OSError as error:
        raise InputError(f"{path}: cannot be read as {what}: {error.strerror or error}") from error
