"""A file that was changed anywhere gives a value or one of the package's own errors, in bounded time and memory."""

import numpy as np
import pytest

from tests.fuzzing import documents, models, samples, weights
from tests.fuzzing.target import Target, attempt
from tests.hostile.file_mutations import mutated

_TARGETS = [target for module in (weights, models, samples, documents) for target in module.TARGETS]
_MUTATIONS = 40


# values near the limits of floating point overflow on their way to being refused
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("target", _TARGETS, ids=[target.name for target in _TARGETS])
def test_no_mutation_ends_in_an_untyped_error(target: Target) -> None:
    seeds = list(target.seeds().values())
    for number in range(_MUTATIONS):
        attempt(target, mutated(seeds, list(target.words), np.random.default_rng(number)))
