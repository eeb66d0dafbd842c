"""Baselines are placed by the same planner as the adaptive policy: a choice compared with itself is no faster."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.evaluation.evaluate import evaluate
from compsel.inputs.samples import ArraySamples
from compsel.profiling.profile import Profile
from compsel.runtime import Runtime
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from tests.cascade_bundle import INT8

CHOICES = ((INT8, "cpu:2:nospin"), (INT8, "cpu:1"))


@pytest.fixture(scope="module")
def runtime(profile: Profile, profile_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """A bundle that ships one variant; beside busy neighbours another processor is the cheapest."""
    costs = CostModel(CHOICES, np.array([[0.0], [2.0]]), *(np.array([[2.0, 4.0], [20.0, 8.0]]) for _ in range(2)))
    pinned = FixedPolicy(INT8, "cpu:2:nospin")
    policies = {"adaptive": FixedPolicy(INT8), "most_accurate": pinned, "fastest": pinned, "best_static": pinned}
    summary = {"penalty_ms": 40.0, "shipped": "single best"}
    content = BundleContent(
        profile.variants, profile_folder / "variants", policies, {}, Objective(), {INT8: 0.9}, costs, summary
    )
    folder = tmp_path_factory.mktemp("one variant") / "bundle"
    write_bundle(content, folder)
    with compsel.load(folder, warm_up=False, adapt=False) as loaded:
        yield loaded


@pytest.mark.parametrize(("load", "processor"), [(0.0, "cpu:2:nospin"), (2.0, "cpu:1")])
def test_baselines_move_as_the_adaptive_policy_does(
    runtime: Runtime, crops: ArraySamples, at_load: Callable[[Runtime, float], None], load: float, processor: str
) -> None:
    at_load(runtime, load)
    evaluation = evaluate(runtime, crops.subset(range(3)), repeats=1)
    for name in ("adaptive", "most_accurate", "fastest", "best_static", "hindsight_static", "random", "oracle"):
        assert evaluation.results[name].choices == {f"{INT8}@{processor}": 3}, name


def test_a_choice_compared_with_itself_shows_one(runtime: Runtime, crops: ArraySamples) -> None:
    summary = evaluate(runtime, crops.subset(range(3)), repeats=2).to_dict()["summary"]
    # alone, of what its build measured: nothing is left that a sceptic could have chosen
    assert summary["speedup_vs_hindsight_static"] is None
    for other in ("most_accurate", "best_static"):
        assert (summary[f"speedup_vs_{other}"], summary[f"speedup_vs_{other}_95"]) == (1.0, [1.0, 1.0])
        assert (summary[f"accuracy_vs_{other}"], summary[f"accuracy_vs_{other}_95"]) == (0.0, [0.0, 0.0])
