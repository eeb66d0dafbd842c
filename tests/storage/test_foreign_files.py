"""What is refused by size or kind, and what looks like it and is read: files with holes, masks, shared weights."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest

from compsel.errors import CompselError, UnreadableFileError
from compsel.networks import load_weights
from compsel.storage.numpy_files import read_npy, read_npz
from compsel.storage.regular_files import open_regular, read_regular
from compsel.storage.shapes import element_count
from compsel.storage.strict_json import parse_json
from tests.networks.checkpoints.written import PROTO, STOP, legacy, tensor, text, written

linux = pytest.mark.skipif(sys.platform != "linux", reason="file systems elsewhere tell no holes")


@linux
def test_a_file_of_holes_is_refused_and_one_with_some_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb") as stream:
        stream.truncate(200_000_000)
    with pytest.raises(UnreadableFileError, match="next to none are there"):
        open_regular(path, 10**9)
    with path.open("r+b") as stream:
        stream.seek(100_000_000)
        stream.write(np.random.default_rng(0).bytes(4_000_000))
    open_regular(path, 10**9).close()


def test_the_reason_is_an_error_of_ours_and_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="is a folder, allowed is a file") as raised:
        read_regular(tmp_path, 100)
    assert isinstance(raised.value, CompselError) and isinstance(raised.value, OSError)
    assert raised.value.strerror is not None and str(tmp_path) not in raised.value.strerror
    with pytest.raises(UnreadableFileError, match="has 5 bytes, allowed are 4 bytes"):
        read_regular(written(tmp_path / "a", b"12345"), 4)
    with pytest.raises(UnreadableFileError, match="no name of a file"):
        read_regular("zero\0", 4)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "none", 4)


@linux
def test_files_of_the_kernel_are_read() -> None:
    assert b"Name" in read_regular("/proc/self/status", 100_000)


def test_masks_that_compress_well_are_read() -> None:
    stream = io.BytesIO()
    masks = np.zeros((40, 1000, 1000), np.uint8)
    masks[:, 200:400, 300:500] = 7
    np.savez_compressed(stream, masks=masks)
    np.testing.assert_array_equal(read_npz(stream)["masks"], masks)


@pytest.mark.parametrize("order", "<>")
def test_texts_of_both_byte_orders_are_read(order: str) -> None:
    stream = io.BytesIO()
    np.save(stream, np.array(["a", "gruen"], f"{order}U5"))
    assert read_npy(stream).tolist() == ["a", "gruen"]
    broken = io.BytesIO(stream.getvalue()[:-4] + b"\xff\xff\xff\xff")
    with pytest.raises(ValueError, match="characters that do not exist"):
        read_npy(broken)


def test_weights_that_two_names_share_are_read(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    one = tensor("0", array, legacy=True)
    described = PROTO + b"ccollections\nOrderedDict\n)R(" + text("a") + one + text("b") + one + b"u" + STOP
    found = load_weights(written(tmp_path / "a.pth", legacy({"a": array}, described)))
    np.testing.assert_array_equal(found["b"], array)
    np.testing.assert_array_equal(found["a"], array)


@pytest.mark.parametrize("shape", [[1] * 33, [2**30, 2**30], [0, 2**62], [True], [-1], [1.0], ["2"]])
def test_shapes_that_cannot_be(shape: list[object]) -> None:
    with pytest.raises(ValueError, match=r"dimensions|2\*\*48|whole numbers"):
        element_count(shape)


@pytest.mark.parametrize(
    "document", ["1e400", "-1e400", "[1.5, 1e999]", "9" * 400 + ".0", "NaN", '{"a": 1, "a": 2}', "[" * 65 + "]" * 65]
)
def test_json_that_could_be_read_in_two_ways(document: str) -> None:
    with pytest.raises(ValueError, match=r"finite|twice|nested"):
        parse_json(document)


def test_json_of_large_but_finite_numbers() -> None:
    assert parse_json("[1e300, 1e-400, 1.5]") == [1e300, 0.0, 1.5]
    assert parse_json("\ufeff{}".encode()) == {}
    with pytest.raises(ValueError, match="has 3 values, allowed are 2"):
        parse_json("[1,2,3]", 2)
