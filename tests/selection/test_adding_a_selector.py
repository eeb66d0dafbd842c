"""A new selector is one file, and one line in the table of trainers: it is trained, exported, shipped and run."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import compsel
from compsel.building.train import train_profile
from compsel.features.image import ImageFeatures
from compsel.inputs.samples import Samples
from compsel.profiling.profile import Profile
from compsel.selection.export.graph import GraphSelector, SelectorGraph
from compsel.selection.policies import SelectingPolicy
from compsel.selection.selectors.base import Selector
from compsel.selection.selectors.tree_table import TreeTable
from compsel.selection.training.trainers import SelectorTrainer, SingleBestTrainer
from tests import cascade_bundle
from tests.selection.selector_checks import CHECKS


class LeastMedian(GraphSelector):
    """Always the choice with the least median cost: the whole of a toy selector."""

    def _fit(self, X: np.ndarray, costs: np.ndarray) -> None:
        self.choice_ = int(np.median(costs, axis=0).argmin())

    def decide(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.choice_)

    def _predict(self, X: np.ndarray) -> np.ndarray:
        return self.decide(X)

    def graph(self) -> Any:
        graph = SelectorGraph()
        scores = (np.arange(self.n_choices_) != self.choice_).astype(float)
        return graph.finish(graph.trees(TreeTable.constant(scores)), self)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_passes_the_shared_checks(check: Any) -> None:
    selector: Selector = LeastMedian()
    check(selector)


def test_it_is_trained_shipped_and_run(
    profile: Profile, profile_folder: Path, crops: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("compsel.selection.selectors.least_median")
    module.LeastMedian = LeastMedian  # stands for the file
    monkeypatch.setitem(sys.modules, module.__name__, module)
    line = SelectorTrainer("least median", "least_median.LeastMedian")  # stands for the line in the table
    trained = train_profile(profile, trainers=[SingleBestTrainer(), line])
    assert set(trained.comparison.scores) == {"single best", "least median", "most accurate", "oracle"}
    fitted = trained.fitted["least median"]
    files, folder = profile_folder / "variants", tmp_path / "bundle"
    cascade_bundle.write_with({"adaptive": fitted.policy}, fitted.selectors, profile, files, folder)
    with compsel.load(folder, warm_up=False) as runtime:
        policy = runtime.bundle.policies["adaptive"]
        assert isinstance(policy, SelectingPolicy)
        selected = policy.variants[policy.selector.select(np.zeros(len(ImageFeatures.names), np.float32))]
        assert runtime.answer(crops.value(0)).stages[0].variant == selected
