"""A sketch tells which samples it was made of: exactly for few, on average for many."""

import numpy as np
import pytest

from compsel.profiling.sample_sketch import known_share, sketch_to_text


@pytest.fixture
def hashes() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2**63, 40_000, np.int64).view(np.uint64)


def test_few_samples_are_told_exactly(hashes: np.ndarray) -> None:
    sketch = sketch_to_text(hashes[:100])
    assert known_share(hashes[:100], sketch) == 1.0
    assert known_share(hashes[50:150], sketch) == 0.5
    assert known_share(hashes[100:300], sketch) == 0.0


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_of_many_the_share_is_estimated_in_a_few_kilobytes(hashes: np.ndarray, share: float) -> None:
    sketch = sketch_to_text(hashes[:20_000])
    assert len(sketch) < 6000
    known = int(20_000 * share)
    asked = np.concatenate([hashes[:known], hashes[20_000 : 40_000 - known]])
    found = known_share(asked, sketch)
    assert found == pytest.approx(share, abs=0.07 if 0 < share < 1 else 0)


def test_what_a_sketch_cannot_tell_is_none(hashes: np.ndarray) -> None:
    assert known_share(hashes, "") is None
    assert known_share(hashes[:0], sketch_to_text(hashes)) is None
    assert known_share(np.array([2**64 - 1], np.uint64), sketch_to_text(hashes)) is None
