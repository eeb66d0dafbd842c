import numpy as np
import pytest

from compsel.errors import InputError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.feeds_file import read_feeds, write_feeds_file
from compsel.inputs.tensor_specs import TensorSpec
from compsel.networks import build


def test_an_image_becomes_the_tensor_of_the_only_input() -> None:
    model = build("mobilenet-v1", width=0.25, resolution=32)
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    assert model.preprocessing is not None
    feeds = feeds_of(model, image)
    assert list(feeds) == ["input"]
    np.testing.assert_array_equal(feeds["input"], model.preprocessing.tensor(image))


def test_tensors_pass_after_a_check() -> None:
    model = build("mobilenet-v1", width=0.25, resolution=32)
    tensor = np.zeros((2, 3, 32, 32), np.float32)
    assert feeds_of(model, {"input": tensor})["input"] is tensor
    with pytest.raises(InputError, match="got dtype float64, allowed is float32"):
        feeds_of(model, {"input": tensor.astype(np.float64)})


class TakesTensors:
    name = "pair"
    inputs = (TensorSpec("a", "float32", (1,)), TensorSpec("b", "float32", (1,)))
    preprocessing = None


def test_an_image_for_a_model_that_takes_tensors() -> None:
    with pytest.raises(InputError, match=r"pair takes tensors \['a', 'b'\], got ndarray: give tensors by name"):
        feeds_of(TakesTensors(), np.zeros((2, 2, 3), np.uint8))


def test_feeds_of_every_kind_survive_a_file(tmp_path):
    feeds = {
        "allow_pickle": np.ones((2, 0), np.float16),
        "texts": np.array(["a", "ü"], dtype=object),
        "sequence": [np.ones(2), np.zeros((1, 3))],
        "map": {"a": 1.5, "b": 2.0},
        "maps": [{"a": 1.0}, {}],
        "nothing": None,
    }
    write_feeds_file(tmp_path / "feeds.npz", feeds)
    found = read_feeds(tmp_path / "feeds.npz")
    assert found.keys() == feeds.keys()
    assert (found["allow_pickle"].dtype, found["allow_pickle"].shape) == (np.float16, (2, 0))
    assert found["texts"].tolist() == ["a", "ü"]
    assert [one.shape for one in found["sequence"]] == [(2,), (1, 3)]
    assert [found[name] for name in ("map", "maps", "nothing")] == [feeds["map"], feeds["maps"], None]


@pytest.mark.parametrize(
    ("spec", "do"),
    [
        (TensorSpec("pixels", "float32", (1, 3, 32, 32)), "it may take pictures"),
        (TensorSpec("ids", "int64", (1, None)), "put its tokenizer.json beside it"),
        (TensorSpec("table", "float32", (1, 7)), "it takes no tokens: give tensors by name"),
    ],
)
def test_a_text_for_a_model_that_takes_tensors(spec: TensorSpec, do: str) -> None:
    model = TakesTensors()
    model.inputs = (spec,)
    with pytest.raises(InputError, match=f"got str: {do}"):
        feeds_of(model, "hello")
