"""Shrinkage: few rows lie near the kind, many speak for themselves, and variances are found again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compsel.fleet.learning.effects import CellMeans, Effects, fit_effects

CHOICES, PLACES = 4, 3
CELLS = CHOICES * PLACES


def vector(generator: np.random.Generator, shared: float, choice: float, cell: float) -> np.ndarray:
    by_choice = np.repeat(generator.normal(0, choice, CHOICES), PLACES)
    return np.asarray(generator.normal(0, shared) + by_choice + generator.normal(0, cell, CELLS))


def fleet(n_kinds: int, n_devices: int, seed: int = 0) -> tuple[dict[str, CellMeans], dict[str, np.ndarray]]:
    """Simulated devices of which some cells were seen, and what their kinds deviate by."""
    generator = np.random.default_rng(seed)
    kinds = {f"kind {number}": vector(generator, 0.3, 0.15, 0.1) for number in range(n_kinds)}
    devices = {}
    for number in range(n_devices):
        kind = f"kind {number % n_kinds}"
        cells = np.sort(generator.choice(CELLS, generator.integers(2, 8), replace=False))
        own = kinds[kind] + vector(generator, 0.1, 0.05, 0.05)
        deviation = 0.1 if number % 2 else 0.03
        means = own[cells] + deviation * generator.normal(size=len(cells))
        devices[f"device {number}"] = CellMeans(kind, cells, means, np.full(len(cells), deviation**2))
    return devices, kinds


def of_device(mean: float, variance: float, kind: str = "kind 0") -> CellMeans:
    return CellMeans(kind, np.arange(CELLS), np.full(CELLS, mean), np.full(CELLS, variance))


def fitted(devices: dict[str, CellMeans]) -> Effects:
    return fit_effects(devices, CHOICES, PLACES)


def test_variances_and_kinds_are_found_again() -> None:
    devices, kinds = fleet(20, 300)
    found = fitted(devices)
    kind, device = found.kind_level, found.device_level
    assert np.sqrt([kind.shared, kind.choice, kind.cell]) == pytest.approx([0.3, 0.15, 0.1], rel=0.3)
    assert np.sqrt([device.shared, device.choice, device.cell]) == pytest.approx([0.1, 0.05, 0.05], rel=0.3)
    errors = np.concatenate([(found.kinds[key] - kinds[key]) / found.kind_deviations[key] for key in kinds])
    assert 0.8 < errors.std() < 1.2, "what is said of the uncertainty is true"


@given(own=st.floats(-1.5, 1.5), of_kind=st.floats(-0.5, 0.5))
@settings(max_examples=15, deadline=None)
def test_few_rows_lie_near_the_kind_and_many_speak_for_themselves(own: float, of_kind: float) -> None:
    alike = {f"other {number}": of_device(of_kind, 0.001) for number in range(6)}
    away = []
    for variance in (100.0, 0.1, 1e-5):
        found = fitted({**alike, "mine": of_device(own, variance)})
        away.append(np.abs(found.devices["mine"] - own).mean())
        low, high = sorted((own, of_kind))
        assert (found.devices["mine"] > low - 0.1).all()
        assert (found.devices["mine"] < high + 0.1).all()
    distance = abs(own - of_kind)
    assert away[0] >= away[1] - 1e-6 >= away[2] - 2e-6
    assert away[0] > 0.85 * distance - 0.02, "nothing is known of it but what its kind does"
    assert away[2] < 0.02 + 0.02 * distance


def test_a_choice_that_a_kind_never_ran_is_told_by_the_others() -> None:
    seen = np.arange(PLACES)  # the first choice alone
    devices = {f"d{n}": CellMeans("kind 0", seen, np.full(PLACES, 0.7), np.full(PLACES, 1e-3)) for n in range(8)}
    devices |= {f"e{n}": of_device(0.0, 1e-3, f"kind {1 + n % 5}") for n in range(20)}
    found = fitted(devices)
    assert found.kinds["kind 0"][:PLACES] == pytest.approx(0.7, abs=0.1)
    assert (found.kinds["kind 0"][PLACES:] > 0.2).all()
    assert (found.kind_deviations["kind 0"][PLACES:] > found.kind_deviations["kind 0"][:PLACES].max()).all()
    assert np.abs(found.fleet).max() < 0.35


def test_the_order_of_devices_does_not_matter() -> None:
    devices, _ = fleet(4, 30)
    one, other = fitted(devices), fitted(dict(reversed(devices.items())))
    for key in one.kinds:
        assert np.array_equal(one.kinds[key], other.kinds[key])
    assert one.device_level == other.device_level
