"""A new policy is one file, and one line in the table of policies: written into bundles, read, checked and run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

import compsel
from compsel.errors import BundleError
from compsel.inputs.samples import Samples
from compsel.profiling.profile import Profile
from compsel.selection import policies
from compsel.selection.dataset import Outcome, SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.policies.base import Policy, PolicyPlan, RowSelector, SingleStagePlan
from compsel.selection.training.comparison import train
from compsel.selection.training.trainers import FittedPolicy, PolicyTrainer, SingleBestTrainer
from tests import cascade_bundle
from tests.selection.simulated import simulated_dataset


class _Alternate(SingleStagePlan):
    def __init__(self, allowed: list[int]) -> None:
        self.allowed, self.turn = allowed, 0

    def first(self, features: np.ndarray | None) -> int:
        self.turn += 1
        return self.allowed[self.turn % len(self.allowed)]


class Alternating(Policy):
    """One variant after the other: the whole of a toy policy."""

    kind = "alternating"

    def __init__(self, variants: tuple[str, ...]) -> None:
        self.variants = variants

    def plan(self, costs: np.ndarray, durations: np.ndarray, limit: float) -> PolicyPlan:
        allowed = np.flatnonzero((durations <= limit) & np.isfinite(costs)).tolist()
        if not allowed:
            raise ValueError("every variant takes longer than the limit")
        return _Alternate(allowed)

    def outcome(self, dataset: SelectionDataset) -> Outcome:
        columns = [dataset.names.index(name) for name in self.variants]
        rows = np.arange(len(dataset.quality))
        chosen = np.array(columns)[rows % len(columns)]
        return Outcome(dataset.quality[rows, chosen], dataset.costs_ms[chosen], np.array(dataset.names)[chosen])

    def check(self) -> None:
        if len(self.variants) < 2:
            raise ValueError("nothing to alternate between")

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "variants": list(self.variants)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], selectors: Mapping[str, RowSelector]) -> Self:
        return cls(tuple(content["variants"]))


class AlternatingTrainer(PolicyTrainer):
    name = "alternating"

    def fit(self, dataset: SelectionDataset, objective: Objective) -> FittedPolicy:
        return FittedPolicy(Alternating(dataset.names))


@pytest.fixture(autouse=True)
def line_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(policies.POLICIES, Alternating.kind, Alternating)


def test_it_is_compared_with_the_others() -> None:
    trained = train(simulated_dataset(60), Objective(), [SingleBestTrainer(), AlternatingTrainer()])
    score = trained.comparison.scores["alternating"]
    assert score.latency_ms == pytest.approx(3.5, rel=0.2)
    assert trained.comparison.winner == "single best"


def test_it_ships_and_answers(profile: Profile, profile_folder: Path, crops: Samples, tmp_path: Path) -> None:
    names = (cascade_bundle.INT8, cascade_bundle.LOWER)
    folder = cascade_bundle.write_with(
        {"adaptive": Alternating(names)}, {}, profile, profile_folder / "variants", tmp_path / "bundle"
    )
    with compsel.load(folder, warm_up=False, adapt=False) as runtime:
        # it is planned anew when the device changes, and begins again
        ran = [runtime.answer(crops.value(0)).stages[0].variant for _ in range(20)]
        assert set(ran) == set(names)
        # between the 95th percentiles of the two
        assert {runtime(crops.value(0), deadline_ms=4.5).stages[0].variant for _ in range(2)} == {cascade_bundle.LOWER}


def test_a_damaged_one_does_not_load(profile: Profile, profile_folder: Path, tmp_path: Path) -> None:
    alone = Alternating((cascade_bundle.INT8,))
    folder = cascade_bundle.write_with(
        {"adaptive": alone}, {}, profile, profile_folder / "variants", tmp_path / "bundle"
    )
    with pytest.raises(BundleError, match="adaptive: nothing to alternate between: build it again"):
        compsel.load(folder)
