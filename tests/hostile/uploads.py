"""Uploads to a fleet that mean to stop it, fill it or teach it nonsense; what is to be said of each."""

import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from compsel.runtime.recording.part_format import METADATA_KEY, part_name
from tests.fleet.recorded import Session, answers, outcomes, put
from tests.hostile.kinds import hole

__all__ = ["GOOD", "UPLOADS", "HostileUpload", "repeated", "write"]

GOOD = (Session(8), Session(9))
SESSION = Session(7)
NAME = part_name(1, SESSION.id, "answers")
_DEEP = "[" * 10_000 + "]" * 10_000


@dataclass(frozen=True)
class HostileUpload:
    """A kind of upload.

    Attributes:
        name: of the function that makes it.
        make: writes it, and nothing else, into a folder.
        kind: of the reason for which it is put aside.
        words: that the reason has.
    """

    name: str
    make: Callable[[Path], object]
    kind: str
    words: str


UPLOADS: list[HostileUpload] = []


def write(
    folder: Path, table: pa.Table, header: bytes = SESSION.header().write(), *, more: bytes = b"", **options: Any
) -> Path:
    """Write a part as anybody may: texts that were written from dictionaries are read as texts, without a schema."""
    path = folder / NAME
    options = {"compression": "zstd", "store_schema": False, **options}
    with parquet.ParquetWriter(path, table.schema, **options) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({METADATA_KEY: header, b"more": more})
    return path


def upload(kind: str, words: str) -> Callable[[Callable[[Path], object]], Callable[[Path], object]]:
    """Put the function that makes an upload on the list of them."""

    def noted(make: Callable[[Path], object]) -> Callable[[Path], object]:
        UPLOADS.append(HostileUpload(make.__name__.strip("_").replace("_", " "), make, kind, words))
        return make

    return noted


# What is no file


@upload("hostile", "allowed are files")
def a_fifo(folder: Path) -> None:
    os.mkfifo(folder / NAME)


@upload("hostile", "allowed are files")
def a_link_to_an_endless_device(folder: Path) -> None:
    (folder / NAME).symlink_to("/dev/zero")


@upload("hostile", "allowed are files")
def a_socket(folder: Path) -> None:
    there = os.open(folder, os.O_RDONLY)
    try:  # names of sockets are short
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(f"/proc/self/fd/{there}/{NAME}")
    finally:
        os.close(there)


@upload("hostile", "allowed are 64.0 MB")
def a_terabyte_of_nothing(folder: Path) -> None:
    hole(folder / NAME, 10**12)


@upload("damaged", "does not end as a Parquet file does")
def sixty_megabytes_of_nothing(folder: Path) -> None:
    hole(folder / NAME, 60_000_000)


@upload("foreign", "is not called as parts are")
def a_name_that_steers_terminals(folder: Path) -> None:
    (folder / "\x1b[2J\n.parquet").write_bytes(b"x")


@upload("foreign", "is not called as parts are")
def a_name_that_is_no_text(folder: Path) -> None:
    (folder / os.fsdecode(b"\xff\xfe.parquet")).write_bytes(b"x")


@upload("foreign", "is not called as parts are")
def a_name_of_255_bytes(folder: Path) -> None:
    (folder / f"{'1' * 247}.parquet").write_bytes(b"x")


@upload("damaged", "is no part of records")
def nothing_at_all(folder: Path) -> None:
    (folder / NAME).write_bytes(b"")


# What says something of itself that cannot be


def said(changes: dict[str, Any] | str | bytes, table: pa.Table | None = None) -> Callable[[Path], None]:
    """Return what writes a part whose description has changes, or is this text."""

    def make(folder: Path) -> None:
        content = json.loads(SESSION.header().write())
        text = json.dumps({**content, **changes}) if isinstance(changes, dict) else changes
        rows = answers([1, 2]) if table is None else table
        data = text.encode() if isinstance(text, str) else text
        write(folder, rows, data)

    return make


def _described(name: str, kind: str, words: str, changes: dict[str, Any] | str | bytes) -> None:
    UPLOADS.append(HostileUpload(f"a description {name}", said(changes), kind, words))


_described("nested 10,000 deep", "damaged", "deep", f'{{"device": {_DEEP}}}')
_described("of 30 MB of brackets", "damaged", "its footer", "[" + "[]," * 10_000_000 + "[]]")
_described("with a key twice", "damaged", "stands there twice", '{"kind": "answers", "kind": "answers"}')
_described("that is a list", "damaged", "allowed is an object", "[1]")
_described("that is no text", "damaged", "", b"\xff\xfe{}")
_described("with a number beyond all", "damaged", "", '{"share": 1e999}')
_described("with a number of many digits", "damaged", "", f'{{"dropped": {"1" * 5000}}}')
_described("of a share that is no number", "damaged", "", '{"share": NaN}')
_described("of a negative number of losses", "damaged", "dropped", {"dropped": -1})
_described("of more losses than there is time", "damaged", "dropped", {"dropped": 10**18})
_described("of a format below the first", "damaged", "format_version", {"format_version": -1})
_described("of a format to come", "version", "update compsel", {"format_version": 10**9})
_described("of a bundle that is a path", "hostile", "no hash", {"bundle": "../../../../etc/cron.d"})
_described("of a bundle that is a path from the root", "hostile", "no hash", {"bundle": "/etc/passwd"})
_described("of a bundle that is a hash, and a path", "hostile", "no hash", {"bundle": "0123456789abcdef/../../x"})
_described("of a bundle with a zero character", "hostile", "no hash", {"bundle": "0123456789abcdef\0"})
_described("of a bundle of 50 kB", "hostile", "no hash", {"bundle": "a" * 50_000})
_described("of a device that is a path", "hostile", "not the hash", {"device_id": "../../../x"})
_described("of another device", "hostile", "not the hash", {"device": {"cpu": "of somebody else"}})
_described("of an installation that is a path", "damaged", "installation", {"installation": "../../../../x"})
_described("of another session", "hostile", "is called as a part of", {"session": "0" * 16})
_described("of a session that is a path", "damaged", "session", {"session": "../../../../../x"})
_described("of a kind that is a path", "damaged", "kind", {"kind": "../answers"})


# Rows that cannot be


def with_column(name: str, values: Any) -> pa.Table:
    """Return rows of which one column has these values."""
    table = answers([1, 2])
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), pa.array(values, table.schema.field(place).type))


def _rows(name: str, kind: str, words: str, column: str, values: Any) -> None:
    UPLOADS.append(HostileUpload(f"rows with {name}", said({}, with_column(column, values)), kind, words))


_rows("a latency that is no number", "damaged", "latency_ms", "latency_ms", [1.0, float("nan"), 1.0, 1.0])
_rows("latencies that are no numbers", "damaged", "latency_ms", "latency_ms", [float("nan")] * 4)
_rows("an infinite latency", "damaged", "latency_ms", "latency_ms", [1.0, float("inf"), 1.0, 1.0])
_rows("a negative latency", "damaged", "latency_ms", "latency_ms", [1.0, -1.0, 1.0, 1.0])
_rows("a latency of a year", "hostile", "allowed is a day", "latency_ms", [1.0, 3e10, 1.0, 1.0])
_rows("an infinite probability", "damaged", "probability_right", "probability_right", [float("inf")] * 4)
_rows("a confidence above one", "damaged", "confidence", "confidence", [0.5, 2.0, 0.5, 0.5])
_rows("a negative time", "damaged", "time", "time", [-1, 1, 1, 1])
_rows("a time that no calendar holds", "damaged", "time", "time", [2**62, 1, 1, 1])
_rows("times of 1970", "clock", "clock", "time", [1, 1, 1, 1])
_rows("times of the year 2200", "clock", "clock", "time", [7_258_118_400_000_000] * 4)
_rows("a negative answer", "damaged", "answer", "answer", [-1, 1, 2, 2])
_rows("a negative stage", "damaged", "stage", "stage", [-1, 1, 0, 1])
_rows("an answer twice", "hostile", "twice", "answer", [1, 1, 1, 1])
_rows("a text of a megabyte", "damaged", "variant", "variant", ["a" * 1_000_000, "a", "a", "a"])
_rows("no variant", "damaged", "variant is missing", "variant", [None, "a", "a", "a"])
_rows("an infinite load", "damaged", "load_others", "load_others", [float("inf"), 1.0, 1.0, 1.0])


@upload("damaged", "right")
def an_outcome_that_is_no_number(folder: Path) -> None:
    put(folder, 1, outcomes(SESSION.id, {1: float("nan")}), SESSION.header("outcomes"))


@upload("damaged", "right")
def an_outcome_that_is_infinite(folder: Path) -> None:
    put(folder, 1, outcomes(SESSION.id, {1: float("inf")}), SESSION.header("outcomes"))


@upload("damaged", "session")
def an_outcome_of_a_session_that_is_a_path(folder: Path) -> None:
    put(folder, 1, outcomes("../../../../etc", {1: 1.0}), SESSION.header("outcomes"))


@upload("damaged", "session")
def an_outcome_of_a_session_that_is_no_number(folder: Path) -> None:
    put(folder, 1, outcomes("g" * 16, {1: 1.0}), SESSION.header("outcomes"))


# Tables that cost more than their size


def repeated(rows: int, **texts: str) -> pa.Table:
    """Return rows that are all alike but for the number of the answer; texts are stored once."""
    one = answers([1]).slice(0, 1)
    columns = {}
    for field in one.schema:
        if field.name in texts:
            codes = pa.array(np.zeros(rows, np.int8))
            columns[field.name] = pa.DictionaryArray.from_arrays(codes, pa.array([texts[field.name]]))
        elif field.name == "answer":
            columns[field.name] = pa.array(np.arange(rows))
        else:
            value = one.column(field.name)[0]
            columns[field.name] = pa.repeat(value, rows)
    return pa.table(columns)


@upload("damaged", "more than a part has")
def two_million_rows(folder: Path) -> None:
    write(folder, repeated(2_000_000), use_dictionary=True)


@upload("damaged", "")
def a_million_texts_of_999_bytes_that_are_one(folder: Path) -> None:
    write(folder, repeated(1_000_000, variant="a" * 999, processor="b" * 999))


@upload("damaged", "")
def a_hundred_thousand_texts_of_a_megabyte_that_are_one(folder: Path) -> None:
    write(folder, repeated(100_000, variant="a" * 1_000_000))


@upload("damaged", "variant has 200000000 bytes")
def a_text_of_200_megabytes_that_is_packed(folder: Path) -> None:
    write(folder, with_column("variant", ["a" * 200_000_000, "a", "a", "a"]), use_dictionary=False)


@upload("damaged", "unpack to")
def a_text_of_300_megabytes_that_is_packed(folder: Path) -> None:
    write(folder, with_column("variant", ["a" * 300_000_000, "a", "a", "a"]), use_dictionary=False)


@upload("damaged", "")
def a_footer_of_30_megabytes_of_texts(folder: Path) -> None:
    write(folder, answers([1]), more=b"a" * 30_000_000)


@upload("damaged", "")
def twenty_thousand_columns(folder: Path) -> None:
    table, many = answers([1]), 20_000
    more = {f"a.f{number}": pa.array([0.0, 0.0], pa.float32()) for number in range(many)}
    columns = {name: table.column(name) for name in table.column_names}
    write(folder, pa.table({**columns, **more}))


@upload("damaged", "")
def columns_nested_1000_deep(folder: Path) -> None:
    column: Any = pa.array([1.0, 2.0], pa.float32())
    for _ in range(1000):
        column = pa.StructArray.from_arrays([column], ["a"])
    write(folder, answers([1]).append_column("a.b", column))


@upload("damaged", "")
def a_column_twice(folder: Path) -> None:
    table = answers([1])
    write(folder, table.append_column(table.schema.field("latency_ms"), table.column("latency_ms")))


# Tables whose footer, or whose pages, are false


def _false(name: str, before: str, after: str) -> None:
    """Put a kind on the list that has other bytes (in hexadecimal) in one place; the footer's length is made to fit."""

    def make(folder: Path) -> None:
        path = write(folder, answers([1]), use_dictionary=False, compression="none")
        data, old, new = path.read_bytes(), bytes.fromhex(before), bytes.fromhex(after)
        length = int.from_bytes(data[-8:-4], "little")
        at = data.index(old)
        length += len(new) - len(old) if at >= len(data) - 8 - length else 0
        path.write_bytes(data[:at] + new + data[at + len(old) : -8] + length.to_bytes(4, "little") + b"PAR1")

    UPLOADS.append(HostileUpload(f"a table {name}", make, "damaged", ""))


_false("that says two billion rows", "1604191c", "16fcffffff0f191c")
_false("whose group says two billion rows", "16042608", "16fcffffff0f2608")
_false("whose column says two billion values", "616e7377657215001604", "616e73776572150016fcffffff0f")
_false("whose column says fewer than no values", "616e7377657215001604", "616e7377657215001603")
_false("whose page says a gigabyte", "1500152c", "150015808080800f")
_false("that says two billion columns", "736368656d61151e", "736368656d6115feffffff0f")


@upload("damaged", "does not end")
def a_footer_that_is_longer_than_the_file(folder: Path) -> None:
    path = write(folder, answers([1]))
    path.write_bytes(path.read_bytes()[:-8] + b"\xff\xff\xff\x7fPAR1")


@upload("hostile", "contradicts")
def another_part_of_the_name_of_a_good_one(folder: Path) -> None:
    put(folder, 1, answers([1, 5, 9]), GOOD[0].header())
