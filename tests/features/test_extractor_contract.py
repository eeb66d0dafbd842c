"""What holds for every feature extractor: the suite that a new one must pass."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import skimage.data

from compsel.errors import InputError, SelectorError
from compsel.features.base import FeatureExtractor
from compsel.features.image import ImageFeatures
from compsel.features.lctes import LctesFeatures

_RNG = np.random.default_rng(7)
_IMAGES = {
    "photograph": np.ascontiguousarray(skimage.data.astronaut()),
    "black": np.zeros((30, 40, 3), np.uint8),
    "white": np.full((30, 40, 3), 255, np.uint8),
    "one pixel": np.full((1, 1, 3), 9, np.uint8),
    "one row": _RNG.integers(0, 256, (1, 500, 3), np.uint8),
    "one column": _RNG.integers(0, 256, (500, 1, 3), np.uint8),
    "noise": _RNG.integers(0, 256, (333, 777, 3), np.uint8),
    "view": skimage.data.astronaut()[::2, 10:300:3],
    "stripes": np.tile(np.array([0, 255], np.uint8)[None, :, None], (64, 32, 3)),
}


@dataclass(frozen=True)
class Case:
    """An extractor with inputs that it takes, and some that it does not."""

    extractor: FeatureExtractor
    inputs: Mapping[str, Any]
    refused: tuple[Any, ...] = ()
    finite: bool = True
    name: str = field(default="")

    def __str__(self) -> str:
        return type(self.extractor).__name__


_NOT_IMAGES = (None, "photo.jpg", np.zeros((2, 3), np.uint8), np.zeros((2, 3, 3)), np.zeros((0, 3, 3), np.uint8))
CASES = [
    Case(ImageFeatures(), _IMAGES, _NOT_IMAGES),
    Case(LctesFeatures(), _IMAGES, _NOT_IMAGES),
]


def check_names_are_unique_and_plain(case: Case) -> None:
    names = case.extractor.names
    assert len(set(names)) == len(names) > 0
    assert all(name and name == name.strip() for name in names)


def check_gives_float32_of_the_declared_length(case: Case) -> None:
    for name, x in case.inputs.items():
        values = case.extractor.extract(x)
        assert values.dtype == np.float32, name
        assert values.shape == (len(case.extractor.names),), name


def check_never_infinite(case: Case) -> None:
    for name, x in case.inputs.items():
        values = case.extractor.extract(x)
        assert not np.isinf(values).any(), name
        assert not case.finite or np.isfinite(values).all(), (
            name,
            dict(zip(case.extractor.names, values, strict=True)),
        )


def check_same_input_gives_same_numbers(case: Case) -> None:
    for x in case.inputs.values():
        np.testing.assert_array_equal(case.extractor.extract(x), case.extractor.extract(x))


def check_input_is_left_as_it_is(case: Case) -> None:
    for x in case.inputs.values():
        if isinstance(x, np.ndarray):
            before = x.copy()
            case.extractor.extract(x)
            np.testing.assert_array_equal(x, before)


def check_refuses_what_it_cannot_describe(case: Case) -> None:
    for x in case.refused:
        with pytest.raises(InputError, match=r"got .* allowed"):
            case.extractor.extract(x)


CHECKS: list[Callable[[Case], None]] = [
    check_names_are_unique_and_plain,
    check_gives_float32_of_the_declared_length,
    check_never_infinite,
    check_same_input_gives_same_numbers,
    check_input_is_left_as_it_is,
    check_refuses_what_it_cannot_describe,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_extractor(case: Case, check: Callable[[Case], None]) -> None:
    check(case)


@pytest.mark.parametrize("values", [np.zeros(3, np.float32), np.zeros(2), np.zeros((2, 1), np.float32)])
def test_base_class_refuses_what_breaks_the_contract(values: np.ndarray) -> None:
    class Broken(FeatureExtractor):
        names = ("a", "b")

        def _extract(self, x: Any) -> np.ndarray:
            return values

    with pytest.raises(SelectorError, match="defect of the extractor"):
        Broken().extract(None)
