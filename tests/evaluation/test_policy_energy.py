"""The energy of policies in the comparison: measured with what there is, called an estimate where it is one."""

from functools import partial

import pytest

from compsel.device.energy import open_meter
from compsel.device.energy.base import Meter
from compsel.evaluation import evaluate as module
from compsel.evaluation.policy_energy import policy_energies
from compsel.inputs.samples import ArraySamples
from compsel.runtime import Runtime
from compsel.selection.policies import FixedPolicy

# real time, or real load, is what is looked at: nothing runs beside
pytestmark = pytest.mark.clock


class PerInference(Meter):
    """Counts what a runtime computes: its latency as energy."""

    name, covers, interval_s = "counted", "a device that pays by the answer", 0.00001
    total = 0.0

    def energy_mj(self) -> float:
        return self.total


def test_each_policy_gets_its_own_energy(runtime: Runtime, crops: ArraySamples) -> None:
    meter = PerInference()

    class Counted:
        def __init__(self, cost: float) -> None:
            self.cost = cost
            self.answered: list[int] = []

        def __call__(self, source: object) -> None:
            meter.total += self.cost

    cheap, dear = Counted(2.0), Counted(7.0)
    answering = {"cheap": [cheap] * len(crops), "dear": [dear] * len(crops)}
    energies = policy_energies(answering, crops, meter, 0.01)  # stands in for a runtime
    assert energies == {"cheap": pytest.approx(2.0), "dear": pytest.approx(7.0)}


def test_comparison_names_the_meter(runtime: Runtime, crops: ArraySamples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "policy_energies", partial(policy_energies, least_s=0.05))
    with open_meter("estimate:5") as meter:
        content = module.evaluate(runtime, crops.subset([0, 1]), repeats=1, meter=meter).to_dict()
    assert content["energy"] == {"meter": "estimate:5", "estimated": True}
    assert all(policy["energy_mj"] > 0 for policy in content["policies"].values())


def test_without_a_meter_there_are_no_figures(runtime: Runtime, crops: ArraySamples) -> None:
    content = module.evaluate(runtime, crops.subset([0]), repeats=1).to_dict()
    assert content["energy"] is None
    assert all(policy["energy_mj"] is None for policy in content["policies"].values())


def test_a_slower_variant_takes_more(runtime: Runtime, crops: ArraySamples) -> None:
    order = sorted(runtime.bundle.variants, key=lambda name: runtime.costs.processors(name, runtime.costs.idle)[1])
    answering = {name: [runtime.with_policy(FixedPolicy(name, "cpu:1"))] * len(crops) for name in (order[0], order[-1])}
    with open_meter("estimate:5") as meter:
        energies = policy_energies(answering, crops, meter, 0.2)
    assert energies[order[0]] < energies[order[-1]]
