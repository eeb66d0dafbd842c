"""Samples: arrays, tables, lists of classes."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from compsel.inputs.class_names import read_class_names
from compsel.inputs.modalities import open_samples
from compsel.inputs.tensors import TENSORS
from tests.fuzzing.target import Target, of_file
from tests.hostile.checkpoints import lying_npy

__all__ = ["TARGETS"]

_X = np.arange(6, dtype=np.float32).reshape(3, 2)


def _read(path: Path) -> Any:
    samples = open_samples(path, modality=TENSORS)
    said = samples.description, samples.notes, samples.label_names
    return said, [(samples.value(index), samples.target(index)) for index in range(min(len(samples), 3))]


def _npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _parquet(**columns: Any) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    stream = io.BytesIO()
    parquet.write_table(pa.table(columns), stream)
    return stream.getvalue()


def _arrays_seeds() -> dict[str, bytes]:
    return {
        "x and y": _npz(x=_X, y=np.array([0, 1, 0])),
        "names": _npz(x_test=_X, y_test=np.array(["a", "b", "a"]), group=np.array([1, 2, 2])),
        "pictures": _npz(images=np.zeros((2, 8, 8, 3), np.uint8)),
        "lying": _npz(x=np.frombuffer(lying_npy("(3,)"), np.uint8)),
    }


def _array_seeds() -> dict[str, bytes]:
    return {
        "numbers": _npy(_X),
        "texts": _npy(np.array(["a", "bc"])),
        "times": _npy(np.array(["2020-01-01"], "M8[D]")),
        "lying": lying_npy("(250000000000,)"),
    }


def _table_seeds() -> dict[str, bytes]:
    return {
        "commas": b'text,label\nhello,a\n"off, please",b\n',
        "semicolons": b"sep=;\ntext;label\nhello;a\n",
        "tabs": b"text\tlabel\nhello\t1\nbye\t0\n",
        "utf-16": "text,label\nhello,a\n".encode("utf-16"),
        "several": b"sentence,targets,group\nhello,cat|dog,1\nbye,cat,2\n",
        "numbers": b"text,score\nhello,1.5\nbye,nan\n",
    }


def _lines_seeds() -> dict[str, bytes]:
    return {
        "lines": b'{"text": "hello", "label": "a"}\n{"text": "bye", "label": 3}\n',
        "lists": b'{"text": ["a"], "label": {"b": 1}}\n{"text": null, "label": true}\n',
        "files": b'{"file": "a.jpg", "label": 1}\n',
    }


def _parquet_seeds() -> dict[str, bytes]:
    return {
        "texts": _parquet(text=["hello", "bye"], label=[0, 1]),
        "lists": _parquet(text=["hello"], embedding=[[1.0, 2.0]]),
        "structs": _parquet(text=["hello"], label=[{"a": [1]}]),
    }


def _classes_seeds() -> dict[str, bytes]:
    return {
        "lines": b"cat\ndog\n",
        "numbered": b"0: cat\n1: dog\n",
        "list": b'["cat", "dog"]',
        "mapping": b'{"0": "cat", "1": "dog"}',
        "keras": b'{"0": ["n01440764", "tench"]}',
        "id2label": b'{"id2label": {"0": "a"}}',
    }


def _table(name: str, seeds: Callable[[], dict[str, bytes]], suffix: str, *words: bytes) -> Target:
    return Target(name, of_file(_read, f"a{suffix}"), seeds, words=words)


TARGETS = (
    _table("npz-samples", _arrays_seeds, ".npz", b"PK\1\2", b"\x93NUMPY", b"descr", b"shape", b"x.npy", b"y.npy"),
    _table("npy-samples", _array_seeds, ".npy", b"\x93NUMPY", b"descr", b"fortran_order", b"shape", b"'<f4'", b"'|O'"),
    _table("csv", _table_seeds, ".csv", b"text", b"label", b"group", b"file", b"sep=", b"\xef\xbb\xbf", b'"', b".jpg"),
    _table("tsv", _table_seeds, ".tsv", b"text", b"label", b"group", b"file", b"\t", b'"'),
    _table("json-lines", _lines_seeds, ".jsonl", b'"text"', b'"label"', b'"file"', b"null", b"1e999", b"[]", b"{}"),
    _table("parquet", _parquet_seeds, ".parquet", b"PAR1", b"text", b"label"),
    Target("classes", of_file(read_class_names, "a.txt"), _classes_seeds),
    Target("classes-json", of_file(read_class_names, "a.json"), _classes_seeds, words=(b"[", b"{", b'"id2label"')),
)
