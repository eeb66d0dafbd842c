"""Costs of another device from a few measurements, on devices that differ in known ways."""

import numpy as np
import pytest

from compsel.building.porting.transfer import Transfer, Transferred, smooth

KINDS = ("", "int8-static") * 4


def devices(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """An old table (4 states, 8 variants, 3 processors) and a new one: slower, by processor, state, variant, cell."""
    rng = np.random.default_rng(seed)
    old = np.exp(rng.normal(2.0, 0.7, (1, 8, 1)) + rng.normal(0.0, 0.4, (4, 1, 3)) + rng.normal(0.0, 0.1, (1, 8, 3)))
    change = (
        rng.normal(0.7, 0.17, (1, 1, 3))
        + rng.normal(0, 0.2, (4, 1, 3))
        + rng.normal(0, 0.15, (1, 8, 1))
        + rng.normal(0, 0.14, (4, 8, 3))
    )
    return old, old * np.exp(change)


def ported(transfer: Transfer, old: np.ndarray, new: np.ndarray, count: int, noise: float = 0.05) -> Transferred:
    rng = np.random.default_rng(1)
    cells = transfer.plan(count)
    return transfer.fit(old, cells, [new[cell] * np.exp(rng.normal(0, noise)) for cell in cells], [noise] * count)


def errors(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    return np.abs(np.log(predicted / true))


@pytest.mark.parametrize("seed", range(5))
def test_five_percent_of_the_cells_give_the_whole_table_and_its_error(seed: int) -> None:
    old, new = devices(seed)
    found = ported(Transfer(4, KINDS, [True] * 3), old, new, 5)
    actual = errors(found.latency_ms, new)
    assert np.median(actual) < 0.25 < 0.4 < np.median(errors(old, new))
    assert 0.5 * found.error < np.sqrt((actual**2).mean()) < 1.2 * found.error
    assert np.mean(actual < 2 * found.deviation) > 0.9


@pytest.mark.parametrize("seed", range(5))
def test_a_processor_that_the_old_table_lacks_is_measured_more(seed: int) -> None:
    old, new = devices(seed)
    new[..., 2] *= np.exp(np.random.default_rng(seed).normal(-1.0, 0.1, 8))
    transfer = Transfer(4, KINDS, [True, True, False])
    counts = np.bincount([processor for _, _, processor in transfer.plan(8)], minlength=3)
    assert counts[2] == counts.max() > counts[:2].min()
    assert np.median(errors(ported(transfer, old, new, 8).latency_ms[..., 2], new[..., 2])) < 0.3


@pytest.mark.parametrize("seed", range(5))
def test_on_the_same_device_what_is_known_stays_and_the_new_processor_is_measured(seed: int) -> None:
    old, _ = devices(seed)
    rng = np.random.default_rng(seed)
    new = old * np.exp(rng.normal(0, 0.1, (4, 8, 3)))
    new[..., 2] *= np.exp(rng.normal(-1.0, 0.3, (4, 1)) + rng.normal(0, 0.1, 8))
    transfer = Transfer(4, KINDS, [True, True, False], same_device=True)
    found = ported(transfer, old, new, 6, noise=0.1)
    assert sum(processor == 2 for _, _, processor in transfer.plan(6)) >= 4
    known = errors(found.latency_ms, new)[..., :2]
    assert np.median(known) < 1.25 * np.median(errors(old, new)[..., :2])
    assert np.median(errors(found.latency_ms, new)[..., 2]) < 0.25
    elsewhere = ported(Transfer(4, KINDS, [True, True, False]), old, new, 6, noise=0.1)
    assert found.error < elsewhere.error


def test_the_plan_visits_states_processors_and_kinds_before_it_repeats_one() -> None:
    cells = Transfer(4, KINDS, [True] * 3).plan(4)
    assert len({state for state, _, _ in cells}) == 4
    assert len({processor for _, _, processor in cells}) == 3
    assert len({KINDS[variant] for _, variant, _ in cells}) == 2


def test_a_plan_holds_each_cell_once_and_begins_alike_however_long_it_is() -> None:
    transfer = Transfer(2, KINDS[:3], [True, False])
    everything = transfer.plan(100)
    assert sorted(everything) == sorted(np.ndindex(2, 3, 2))
    assert transfer.plan(3) == everything[:3]


def test_what_was_measured_is_in_the_table_and_tells_nothing_where_it_is_unsure() -> None:
    old, new = devices(0)
    transfer = Transfer(4, KINDS, [True] * 3)
    cell = (0, 0, 0)
    assert transfer.fit(old, [cell], [new[cell]], [0.01]).latency_ms[cell] == pytest.approx(new[cell], rel=0.02)
    np.testing.assert_allclose(transfer.fit(old, [cell], [new[cell]], [100.0]).latency_ms, old, rtol=0.01)


def test_left_out_errors_are_those_of_leaving_out() -> None:
    old, new = devices(3)
    transfer = Transfer(4, KINDS, [True] * 3)
    cells = transfer.plan(6)
    measured = [new[cell] for cell in cells]
    found = transfer.fit(old, cells, measured, [0.05] * 6)
    without = transfer.fit(old, cells[1:], measured[1:], [0.05] * 5)
    assert found.left_out[0] == pytest.approx(np.log(without.latency_ms[cells[0]] / measured[0]))


def test_measurements_that_contradict_each_other_raise_the_stated_error() -> None:
    old, _ = devices(3)
    transfer = Transfer(4, KINDS, [True] * 3)
    cells = transfer.plan(6)
    agreeing = transfer.fit(old, cells, [2 * old[cell] for cell in cells], [0.05] * 6)
    wild = transfer.fit(
        old, cells, [old[cell] * factor for cell, factor in zip(cells, [1, 9] * 3, strict=True)], [0.05] * 6
    )
    assert wild.error > 2 * agreeing.error


def test_smoothing_takes_chance_out_and_leaves_what_states_do_to_processors() -> None:
    old, _ = devices(0)
    np.testing.assert_allclose(smooth(old), old)
    noisy = old * np.exp(np.random.default_rng(0).normal(0, 0.2, old.shape))
    assert errors(smooth(noisy), old).mean() < 0.85 * errors(noisy, old).mean()
    noisy[2, 3, 1] *= 20
    assert errors(smooth(noisy), old)[2, 3, 1] < 0.5
