import numpy as np
import pytest

from compsel.errors import InputError
from compsel.inputs.synthetic_feeds import synthetic_feeds
from compsel.inputs.tensor_specs import TensorSpec


def test_synthetic_feeds_fit_and_repeat() -> None:
    specs = [
        TensorSpec("x", "float32", (None, 3, None)),
        TensorSpec("half", "float16", (2,)),
        TensorSpec("tokens", "int64", (None, 5)),
        TensorSpec("mask", "bool", (1, 4)),
        TensorSpec("text", "string", (None,)),
        TensorSpec("open", "float64", None),
    ]
    feeds = synthetic_feeds(specs, seed=3)
    for spec in specs:
        spec.check(feeds[spec.name])
    again = synthetic_feeds(specs, seed=3)
    assert all(np.array_equal(feeds[name], again[name]) for name in feeds)
    assert not np.array_equal(feeds["x"], synthetic_feeds(specs, seed=4)["x"])
    assert set(np.unique(feeds["tokens"])) <= {0, 1}


def test_what_is_no_tensor_cannot_be_made_up() -> None:
    with pytest.raises(InputError, match="'s' is a sequence or a map: give samples of it"):
        synthetic_feeds([TensorSpec("s", "other", None)], seed=0)
