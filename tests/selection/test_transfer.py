"""Costs of another device from a few measurements, on devices that differ in known ways."""

import numpy as np
import pytest

from compsel.selection.transfer import Transfer


def devices(seed: int, variants: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """An old table (4 states, variants, 3 processors) and a new one: slower, by processor, state and a little more."""
    rng = np.random.default_rng(seed)
    old = np.exp(
        rng.normal(2.0, 0.7, (1, variants, 1))
        + rng.normal(0.0, 0.4, (4, 1, 3))
        + rng.normal(0.0, 0.1, (1, variants, 3))
    )
    change = 0.7 + rng.normal(0, 0.3, (1, 1, 3)) + rng.normal(0, 0.2, (4, 1, 3)) + rng.normal(0, 0.05, (1, variants, 1))
    return old, old * np.exp(change)


def measured(old: np.ndarray, new: np.ndarray, known: list[bool], cells_a_state: int, noise: float = 0.03) -> Transfer:
    rng = np.random.default_rng(1)
    transfer = Transfer(old, known)
    for state in range(len(old)):
        for _ in range(cells_a_state):
            cell = transfer.next(state)
            transfer.add(cell, new[cell] * np.exp(rng.normal(0, noise)))
    return transfer


def error(predicted: np.ndarray, true: np.ndarray) -> float:
    return float(np.median(np.abs(np.log(predicted / true))))


@pytest.mark.parametrize("seed", range(5))
def test_a_few_cells_give_the_whole_table(seed: int) -> None:
    old, new = devices(seed)
    transfer = measured(old, new, [True] * 3, 4)
    assert error(transfer.predict(), new) < 0.1 < 0.3 < error(old, new)
    stated = float(np.sqrt((transfer.left_out_error() ** 2).mean()))
    assert stated > error(transfer.predict(), new), "what is stated is no better than what it is"


@pytest.mark.parametrize("seed", range(5))
def test_a_processor_that_the_old_table_lacks_is_measured_more(seed: int) -> None:
    old, new = devices(seed)
    blind = old.copy()
    blind[..., 2] = old[..., 1]
    transfer = measured(blind, new, [True, True, False], 5)
    counts = np.bincount([processor for _, _, processor in transfer.cells], minlength=3)
    assert counts[2] == counts.max() > counts[:2].min()
    assert error(transfer.predict()[..., 2], new[..., 2]) < 0.25


def test_every_processor_is_measured_in_every_state() -> None:
    old, new = devices(0)
    transfer = measured(old, new, [True] * 3, 3)
    assert {(state, processor) for state, _, processor in transfer.cells} == {
        (s, p) for s in range(4) for p in range(3)
    }


def test_what_was_measured_is_in_the_table_and_without_measurements_nothing_changes() -> None:
    old, new = devices(0)
    transfer = Transfer(old, [True] * 3)
    np.testing.assert_array_equal(transfer.predict(), old)
    transfer.add((0, 0, 0), new[0, 0, 0])
    assert transfer.predict()[0, 0, 0] == pytest.approx(new[0, 0, 0], rel=0.02)


def test_left_out_errors_are_those_of_leaving_out() -> None:
    old, new = devices(3)
    transfer = measured(old, new, [True] * 3, 3)
    without = Transfer(old, [True] * 3, transfer.cells[1:], transfer.ratios[1:])
    cell = transfer.cells[0]
    predicted = np.log(without.predict()[cell] / old[cell]) - transfer.ratios[0]
    assert transfer.left_out_error()[0] == pytest.approx(predicted)


def test_there_is_nothing_left_to_measure() -> None:
    transfer = Transfer(np.ones((1, 1, 1)), [True], [(0, 0, 0)], [0.0])
    with pytest.raises(ValueError, match="every cell"):
        transfer.next(0)
