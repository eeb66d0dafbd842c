"""A bundle that was changed answers, or is refused with one of the package's own errors."""

from pathlib import Path

import numpy as np
import pytest

from tests.hostile.mutation_outcome import outcome
from tests.hostile.mutations import mutate


# values near the limits of floating point overflow on their way to being refused
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(60))
def test_no_mutation_ends_in_an_untyped_error(copied: Path, seed: int) -> None:
    mutate(copied, np.random.default_rng(seed))
    outcome(copied)
