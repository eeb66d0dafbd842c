"""Paired accuracies: the exact test holds, and needs as few samples as the normal approximation says."""

import numpy as np
import pytest

from compsel.errors import SelectorError
from compsel.selection.certificate.bounds import betting_p_value
from compsel.selection.certificate.paired import paired_inputs_needed, paired_p_value, paired_upper_bound


def passed(discordant: float, loss: float, n: int, margin: float, draws: int = 150) -> float:
    """Return how often the margin is shown, for a policy that loses so much."""
    shares = ((discordant + loss) / 2, (discordant - loss) / 2, 1.0 - discordant)
    counts = np.random.default_rng(0).multinomial(n, shares, draws)
    found = {(a, b): paired_p_value(a, b, n, margin) <= 0.05 for a, b in {(int(a), int(b)) for a, b, _ in counts}}
    return float(np.mean([found[int(a), int(b)] for a, b, _ in counts]))


@pytest.mark.parametrize(("discordant", "n"), [(0.02, 300), (0.1, 300), (0.03, 1000)])
def test_a_loss_of_just_the_margin_is_seldom_missed(discordant: float, n: int) -> None:
    assert passed(discordant, 0.018, n, 0.018) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


@pytest.mark.parametrize(("margin", "about"), [(0.018, 600), (0.01, 1850)])
def test_so_many_samples_show_it_in_four_of_five_cases(margin: float, about: int) -> None:
    assert paired_inputs_needed(0.03, margin) == pytest.approx(about, rel=0.05)
    assert passed(0.03, 0.0, about, margin, draws=80) == pytest.approx(0.8, abs=0.12)


def test_betting_needs_more_than_twice_as_many() -> None:
    def shown(n: int) -> float:
        counts = np.random.default_rng(0).multinomial(n, (0.015, 0.015, 0.97), 200)
        losses = (np.repeat([1.0, -1.0, 0.0], row) for row in counts)
        return float(np.mean([betting_p_value(one, 0.01, -1.0) <= 0.05 for one in losses]))

    assert shown(1850) < 0.5
    assert shown(2 * 1850) < 0.8 < shown(3 * 1850)


def test_the_bound_falls_with_more_samples_and_lies_above_what_was_seen() -> None:
    bounds = [paired_upper_bound(3 * times, 2 * times, 200 * times) for times in (1, 3)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] > 0.005


@pytest.mark.parametrize("arguments", [(3, 0, 2, 0.1), (-1, 0, 2, 0.1), (0, 0, 2, 0.0), (0, 0, 2, 1.0)])
def test_what_cannot_be_is_refused(arguments: tuple) -> None:
    with pytest.raises(SelectorError, match="allowed are counts"):
        paired_p_value(*arguments)
