import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from compsel.errors import InputError
from compsel.inputs.tensor_specs import TensorSpec, check_feeds, holds_nan

IMAGE = TensorSpec("image", "float32", (None, 3, 4, 4))


def test_a_batch_of_any_size_is_fine():
    for batch in (0, 1, 5):
        IMAGE.check(np.zeros((batch, 3, 4, 4), np.float32))


@pytest.mark.parametrize("shape", [(3, 4, 4), (1, 3, 4), (1, 1, 3, 4, 4), (1, 4, 4, 3), ()])
def test_a_wrong_shape_says_what_is_allowed(shape):
    with pytest.raises(InputError, match=r"'image': got shape \(.*\), allowed is \(any, 3, 4, 4\)"):
        IMAGE.check(np.zeros(shape, np.float32))


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.uint8, np.int64, bool, np.complex64, object, "U3"])
def test_a_wrong_dtype_says_what_is_allowed(dtype):
    with pytest.raises(InputError, match=r"'image': got dtype .*, allowed is float32"):
        IMAGE.check(np.zeros((1, 3, 4, 4), dtype))


def test_a_list_is_no_array():
    with pytest.raises(InputError, match="got list, allowed is a numpy array"):
        IMAGE.check([[1.0]])


@given(
    arrays.arrays(
        st.sampled_from([np.float16, np.float32, np.float64]),
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0),
        elements=st.floats(width=16, allow_nan=True, allow_infinity=True),
    )
)
def test_nan_is_refused_and_nothing_else(value):
    spec = TensorSpec("x", value.dtype.name, None)
    if np.isnan(value).any():
        with pytest.raises(InputError, match="'x': got NaN"):
            spec.check(value)
    else:
        spec.check(value)


def test_large_and_infinite_numbers_are_numbers():
    TensorSpec("x", "float64", (None,)).check(np.full(9, np.finfo(np.float64).max))
    TensorSpec("x", "float32", (None,)).check(np.array([np.inf, -np.inf], np.float32))


def test_texts_and_anything_else():
    TensorSpec("text", "string", (None,)).check(np.array(["a", "b"]))
    TensorSpec("text", "string", (None,)).check(np.array(["a", "b"], object))
    TensorSpec("sequence", "other", None).check([1, 2])


@pytest.mark.parametrize("names", [[], ["a"], ["a", "b", "c"], ["a", "c"]])
def test_exactly_the_inputs_of_the_model(names):
    specs = [TensorSpec(name, "float32", None) for name in ("a", "b")]
    with pytest.raises(InputError, match=r"got inputs \[.*\], allowed are exactly \['a', 'b'\]"):
        check_feeds(specs, {name: np.zeros(1, np.float32) for name in names})
    check_feeds(specs, {name: np.zeros(1, np.float32) for name in ("b", "a")})


@pytest.mark.parametrize("dtype", ["float16", ">f2", "float32", "float64", "longdouble"])
@given(
    numbers=st.lists(st.floats(width=16), max_size=40),
    step=st.sampled_from([1, -1, 3]),
    shape=st.sampled_from([(-1,), (1, -1), (-1, 1)]),
)
def test_nan_is_found_in_every_type_and_layout(
    dtype: str, numbers: list[float], step: int, shape: tuple[int, ...]
) -> None:
    values = np.array(numbers, dtype)[::step].reshape(shape)
    assert holds_nan(values) == bool(np.isnan(values).any())
    for one in values.ravel():
        assert holds_nan(np.asarray(one)) == bool(np.isnan(one))


def test_nan_of_any_bits_is_found() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    singles = np.random.default_rng(0).integers(0, 1 << 32, 1 << 12, np.uint32).view(np.float32)
    strange = np.array([0x7F800001, 0xFF800001, 0x7FC00000, 0xFFFFFFFF, 0x7F800000], np.uint32).view(np.float32)
    for one in (*halves, *singles, *strange):
        assert holds_nan(np.array([0, one, 1], one.dtype)) == bool(np.isnan(one))
