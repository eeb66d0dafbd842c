"""Documents that cost more than their size: settings, tokenizers, headers and tables of profiles, feeds, texts."""

from pathlib import Path
from typing import Any

import numpy as np

from compsel.cli.configuration import read_section
from compsel.cli.parsers import parser_of
from compsel.cli.run_inputs import given_inputs
from compsel.errors import InputError, ModelError, ProfileError, UsageError
from compsel.inputs.tensors import TENSORS
from compsel.inputs.text import TEXT
from compsel.inputs.texts.preprocessing import text_preprocessing
from compsel.profiling.latency_table import read_latency
from compsel.profiling.profile import Profile
from compsel.serving.json_bodies import read_object
from compsel.serving.npz_bodies import read_npz_bytes
from compsel.serving.request_error import RequestError
from compsel.storage.parquet import write_table
from tests.hostile.checkpoints import lying_npz, many_entries
from tests.hostile.kinds import Kind, hole, hostile

__all__ = ["KINDS", "read_settings"]

KINDS: list[Kind] = []
_BRACKETS = "[" + "[]," * 21_000_000 + "[]]"
_DEEP = "[" * 10_000 + "]" * 10_000


def read_settings(path: Path) -> Any:
    _, parsers = parser_of(["run"])
    return read_section(["run", "--config", str(path)], "run", parsers["run"])


def _text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@hostile(KINDS, read_settings, UsageError)
def settings_nested_10_000_deep(folder: Path) -> Path:
    return _text(folder / "compsel.toml", f"a = {_DEEP}")


@hostile(KINDS, read_settings, UsageError)
def settings_of_tables_nested_100_000_deep(folder: Path) -> Path:
    return _text(folder / "compsel.toml", f"{'a.' * 100_000}a = 1")


@hostile(KINDS, read_settings, UsageError)
def settings_of_64_mb_of_brackets(folder: Path) -> Path:
    return _text(folder / "compsel.toml", f"a = {_BRACKETS}")


@hostile(KINDS, read_settings, UsageError)
def settings_of_a_terabyte(folder: Path) -> Path:
    return hole(folder / "compsel.toml", 10**12)


@hostile(KINDS, read_settings, UsageError)
def settings_with_a_number_of_many_digits(folder: Path) -> Path:
    return _text(folder / "compsel.toml", f"a = {'1' * 5_000}")


@hostile(KINDS, text_preprocessing, ModelError)
def tokenizer_nested_10_000_deep(folder: Path) -> Path:
    return _text(folder / "tokenizer.json", _DEEP)


@hostile(KINDS, text_preprocessing, ModelError)
def tokenizer_of_64_mb_of_brackets(folder: Path) -> Path:
    return _text(folder / "tokenizer.json", _BRACKETS)


@hostile(KINDS, text_preprocessing, ModelError)
def tokenizer_of_a_terabyte(folder: Path) -> Path:
    return hole(folder / "tokenizer.json", 10**12)


@hostile(KINDS, Profile.load, ProfileError)
def profile_nested_10_000_deep(folder: Path) -> Path:
    _text(folder / "profile.json", _DEEP)
    return folder


@hostile(KINDS, Profile.load, ProfileError)
def profile_of_64_mb_of_brackets(folder: Path) -> Path:
    _text(folder / "profile.json", _BRACKETS)
    return folder


@hostile(KINDS, Profile.load, ProfileError)
def profile_of_a_terabyte(folder: Path) -> Path:
    hole(folder / "profile.json", 10**12)
    return folder


@hostile(KINDS, Profile.load, ProfileError)
def profile_of_an_infinite_version(folder: Path) -> Path:
    _text(folder / "profile.json", '{"format_version": 1e999, "variants": []}')
    return folder


@hostile(KINDS, Profile.load, ProfileError)
def profile_that_is_a_list(folder: Path) -> Path:
    _text(folder / "profile.json", "[1]")
    return folder


def _latency(folder: Path, **metadata: str) -> Path:
    (folder / "latency").mkdir()
    columns = {"variant": ["a"], "processor": ["cpu:1"], "latency_ms": np.ones(1), "size": np.ones(1)}
    write_table(folder / "latency" / "idle.parquet", columns, {"state": "idle", "load": "0", **metadata})
    return folder


@hostile(KINDS, read_latency, ProfileError)
def table_whose_metadata_are_nested_10_000_deep(folder: Path) -> Path:
    return _latency(folder, device_state=_DEEP)


@hostile(KINDS, read_latency, ProfileError)
def table_whose_metadata_are_64_mb_of_brackets(folder: Path) -> Path:
    return _latency(folder, device_state=_BRACKETS)


@hostile(KINDS, read_latency, ProfileError)
def table_of_a_terabyte(folder: Path) -> Path:
    _latency(folder)
    hole(folder / "latency" / "idle.parquet", 10**12)
    return folder


@hostile(KINDS, read_latency, ProfileError)
def table_of_100_million_rows(folder: Path) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    (folder / "latency").mkdir()
    one = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10_000_000, np.int8)), pa.array(["a"]))
    table = pa.table({"variant": one}).replace_schema_metadata({"state": "idle", "load": "0"})
    with parquet.ParquetWriter(folder / "latency" / "idle.parquet", table.schema) as writer:
        for _ in range(10):
            writer.write_table(table)
    return folder


def _tensors(path: Path) -> Any:
    return given_inputs([str(path)], TENSORS)


def _texts(path: Path) -> Any:
    return given_inputs([], TEXT, path)


@hostile(KINDS, _tensors, InputError)
def given_npz_that_is_a_bomb(folder: Path) -> Path:
    np.savez_compressed(folder / "a.npz", x=np.zeros(150_000_000, np.uint8))
    return folder / "a.npz"


@hostile(KINDS, _tensors, InputError)
def given_npz_whose_header_says_a_terabyte(folder: Path) -> Path:
    return lying_npz(folder / "a.npz", "(250000000000,)")


@hostile(KINDS, _tensors, InputError)
def given_npz_whose_zip_has_a_million_entries(folder: Path) -> Path:
    (folder / "a.npz").write_bytes(many_entries(1_000_000))
    return folder / "a.npz"


@hostile(KINDS, _texts, InputError)
def given_texts_of_a_terabyte(folder: Path) -> Path:
    return hole(folder / "a.txt", 10**12)


@hostile(KINDS, _texts, InputError)
def given_texts_of_40_million_lines(folder: Path) -> Path:
    return _text(folder / "a.txt", "a\n" * 40_000_000)


def _body(path: Path) -> Any:
    return read_object(path.read_bytes())


@hostile(KINDS, _body, RequestError)
def body_nested_10_000_deep(folder: Path) -> Path:
    return _text(folder / "body", f'{{"a": {_DEEP}}}')


@hostile(KINDS, _body, RequestError)
def body_of_64_mb_of_brackets(folder: Path) -> Path:
    return _text(folder / "body", f'{{"a": {_BRACKETS}}}')


@hostile(KINDS, _body, RequestError)
def body_with_a_key_twice(folder: Path) -> Path:
    return _text(folder / "body", '{"a": 1, "a": 2}')


@hostile(KINDS, _body, RequestError)
def body_with_a_number_beyond_all(folder: Path) -> Path:
    return _text(folder / "body", '{"a": 1e999}')


def _npz_body(path: Path) -> Any:
    return read_npz_bytes(path.read_bytes(), 100_000_000)


@hostile(KINDS, _npz_body, RequestError)
def npz_body_whose_zip_has_a_million_entries(folder: Path) -> Path:
    (folder / "a.npz").write_bytes(many_entries(1_000_000))
    return folder / "a.npz"


@hostile(KINDS, _npz_body, RequestError)
def npz_body_whose_header_says_a_terabyte(folder: Path) -> Path:
    return lying_npz(folder / "a.npz", "(250000000000,)")
