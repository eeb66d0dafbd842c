"""Samples that cost more than their size: arrays, tables, lists of classes."""

import json
import zipfile
from pathlib import Path

import numpy as np

from compsel.errors import SamplesError
from compsel.inputs.class_names import read_class_names
from compsel.inputs.modalities import open_samples
from tests.hostile.checkpoints import lying_npy, lying_npz, many_entries
from tests.hostile.kinds import Kind, hostile

__all__ = ["KINDS"]

KINDS: list[Kind] = []


@hostile(KINDS, open_samples, SamplesError)
def npz_that_is_a_bomb(folder: Path) -> Path:
    np.savez_compressed(folder / "a.npz", x=np.zeros(150_000_000, np.uint8), y=np.zeros(4, np.int64))
    return folder / "a.npz"


@hostile(KINDS, open_samples, SamplesError)
def npz_of_50_arrays_that_are_one(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for index in range(50):
            archive.writestr(f"a{index}.npy", lying_npy("(3000000,)", "u1", bytes(3_000_000)))
    return folder / "a.npz"


@hostile(KINDS, open_samples, SamplesError)
def npz_compressed_by_bzip2(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.npy", lying_npy("(60000000,)", "u1", bytes(60_000_000)))
    return folder / "a.npz"


@hostile(KINDS, open_samples, SamplesError)
def npz_whose_header_says_a_terabyte(folder: Path) -> Path:
    return lying_npz(folder / "x.npz", "(250000000000,)")


@hostile(KINDS, open_samples, SamplesError)
def npz_whose_elements_are_nothing(folder: Path) -> Path:
    return lying_npz(folder / "x.npz", "(1000000000000,)", "|V0")


@hostile(KINDS, open_samples, SamplesError)
def npz_whose_zip_has_a_million_entries(folder: Path) -> Path:
    (folder / "a.npz").write_bytes(many_entries(1_000_000))
    return folder / "a.npz"


@hostile(KINDS, open_samples, SamplesError)
def npz_in_a_folder_that_is_a_bomb(folder: Path) -> Path:
    (folder / "f").mkdir()
    zeros = np.zeros(150_000_000, np.uint8)
    np.savez_compressed(folder / "f" / "a.npz", x=zeros, label=zeros)
    return folder / "f"


@hostile(KINDS, open_samples, SamplesError)
def npy_whose_header_says_a_terabyte(folder: Path) -> Path:
    (folder / "a.npy").write_bytes(lying_npy("(250000000000,)"))
    return folder / "a.npy"


@hostile(KINDS, open_samples, SamplesError)
def npy_whose_shape_overflows(folder: Path) -> Path:
    (folder / "a.npy").write_bytes(lying_npy(f"({2**40}, {2**40})"))
    return folder / "a.npy"


@hostile(KINDS, open_samples, SamplesError)
def npy_whose_shape_is_negative(folder: Path) -> Path:
    (folder / "a.npy").write_bytes(lying_npy("(-1, -1)"))
    return folder / "a.npy"


@hostile(KINDS, open_samples, SamplesError)
def npy_of_more_than_its_size_by_nothing(folder: Path) -> Path:
    (folder / "a.npy").write_bytes(lying_npy("(100000000, 0)", "<f4", b""))
    return folder / "a.npy"


@hostile(KINDS, open_samples, SamplesError)
def csv_of_a_million_columns(folder: Path) -> Path:
    header = ",".join(f"c{index}" for index in range(1_000_000))
    (folder / "a.csv").write_text(f"text,{header}\n" + "a" + ",1" * 1_000_000 + "\n")
    return folder / "a.csv"


@hostile(KINDS, open_samples, SamplesError)
def csv_of_20_million_fields(folder: Path) -> Path:
    (folder / "a.csv").write_text("text,label\n" + "a,b\n" * 10_000_000)
    return folder / "a.csv"


@hostile(KINDS, open_samples, SamplesError)
def csv_of_20_mb_in_one_field(folder: Path) -> Path:
    (folder / "a.csv").write_text("text,label\n" + '"' + "a" * 20_000_000 + '",b\n')
    return folder / "a.csv"


@hostile(KINDS, open_samples, SamplesError)
def json_lines_nested_10_000_deep(folder: Path) -> Path:
    (folder / "a.jsonl").write_text('{"text": ' + "[" * 10_000 + "]" * 10_000 + "}\n")
    return folder / "a.jsonl"


@hostile(KINDS, open_samples, SamplesError)
def json_lines_of_64_mb_of_brackets(folder: Path) -> Path:
    (folder / "a.jsonl").write_text('{"text": [' + "[]," * 21_000_000 + "[]]}\n")
    return folder / "a.jsonl"


@hostile(KINDS, open_samples, SamplesError)
def json_lines_of_20_million_rows(folder: Path) -> Path:
    (folder / "a.jsonl").write_text("{}\n" * 20_000_000)
    return folder / "a.jsonl"


@hostile(KINDS, open_samples, SamplesError)
def json_lines_of_other_columns_in_each_row(folder: Path) -> Path:
    (folder / "a.jsonl").write_text("".join(json.dumps({f"c{index}": 1}) + "\n" for index in range(20_000)))
    return folder / "a.jsonl"


@hostile(KINDS, open_samples, SamplesError)
def parquet_of_100_million_rows(folder: Path) -> Path:
    return _repeated(folder, 100_000_000)


def _repeated(folder: Path, rows: int) -> Path:
    """Write a table whose rows are all alike: some kB."""
    import pyarrow as pa
    from pyarrow import parquet

    one = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10_000_000, np.int8)), pa.array(["a"]))
    table = pa.table({"text": one})
    with parquet.ParquetWriter(folder / "a.parquet", table.schema) as writer:
        for _ in range(rows // 10_000_000):
            writer.write_table(table)
    return folder / "a.parquet"


@hostile(KINDS, open_samples, SamplesError)
def parquet_of_texts_of_200_mb(folder: Path) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"text": ["a" * 100_000_000] * 2})
    parquet.write_table(table, folder / "a.parquet", compression="zstd", use_dictionary=False)
    return folder / "a.parquet"


@hostile(KINDS, open_samples, SamplesError)
def parquet_of_20_000_columns(folder: Path) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({f"c{index}": [1] for index in range(20_000)}), folder / "a.parquet")
    return folder / "a.parquet"


@hostile(KINDS, read_class_names, SamplesError)
def classes_of_30_million_lines(folder: Path) -> Path:
    (folder / "a.txt").write_text("a\n" * 30_000_000)
    return folder / "a.txt"


@hostile(KINDS, read_class_names, SamplesError)
def classes_that_are_numbered_200_000_times(folder: Path) -> Path:
    (folder / "a.txt").write_text("".join(f"{index} a\n" for index in range(2_000_000)))
    return folder / "a.txt"


@hostile(KINDS, read_class_names, SamplesError)
def classes_nested_10_000_deep(folder: Path) -> Path:
    (folder / "a.json").write_text("[" * 10_000 + "]" * 10_000)
    return folder / "a.json"


@hostile(KINDS, read_class_names, SamplesError)
def classes_of_64_mb_of_brackets(folder: Path) -> Path:
    (folder / "a.json").write_text("[" + "[]," * 21_000_000 + "[]]")
    return folder / "a.json"


@hostile(KINDS, open_samples, SamplesError)
def parquet_whose_page_says_a_gigabyte(folder: Path) -> Path:
    return _changed_parquet(folder, bytes.fromhex("15041520"), bytes.fromhex("1504 15808080800f"))


@hostile(KINDS, open_samples, SamplesError)
def parquet_whose_group_says_two_billion_rows(folder: Path) -> Path:
    return _changed_parquet(folder, bytes.fromhex("16e002 1604"), bytes.fromhex("16e002 16fcffffff0f"))


def _changed_parquet(folder: Path, before: bytes, after: bytes) -> Path:
    """Write a table of two rows with other bytes in one place; the length of its footer is made to fit."""
    import pyarrow as pa
    from pyarrow import parquet

    path = folder / "a.parquet"
    parquet.write_table(pa.table({"text": ["hello", "bye"], "label": [0, 1]}), path)
    data = path.read_bytes()
    place = data.index(before)
    footer = int.from_bytes(data[-8:-4], "little")
    grown = len(after) - len(before) if place > len(data) - 8 - footer else 0
    data = data[:place] + after + data[place + len(before) : -8] + (footer + grown).to_bytes(4, "little") + b"PAR1"
    path.write_bytes(data)
    return path
