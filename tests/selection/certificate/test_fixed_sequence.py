"""Learn then test by a fixed sequence."""

import numpy as np
import pytest

from compsel.errors import SelectorError
from compsel.selection.certificate.bounds import binomial_p_value
from compsel.selection.certificate.fixed_sequence import n_certified


@pytest.mark.parametrize(
    ("p_values", "found"),
    [([], 0), ([0.2, 0.0], 0), ([0.0, 0.05, 0.051, 0.0], 2), ([0.0, 0.0], 2)],
)
def test_it_ends_at_the_first_that_fails(p_values: list[float], found: int) -> None:
    assert n_certified(p_values) == found


def test_however_many_points_there_are_a_bad_one_is_seldom_certified() -> None:
    """Forty points whose samples are independent, all of them bad but the first ten: the worst case for many tests."""
    random, n, allowed = np.random.default_rng(0), 300, 0.05
    rates = np.concatenate((np.full(10, 0.01), np.full(30, 0.0501)))
    broken = [n_certified(binomial_p_value(random.binomial(n, rates), n, allowed)) > 10 for _ in range(3000)]
    assert np.mean(broken) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 3000)


@pytest.mark.parametrize("p_values", [[1.2], [-0.1], [np.nan], [[0.1]]])
def test_what_is_no_p_value_is_refused(p_values: list) -> None:
    with pytest.raises(SelectorError, match="allowed are numbers from 0 to 1"):
        n_certified(p_values)
