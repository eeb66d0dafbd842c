"""The simulated world: what every variant answers to every input, as measured, and what policies do there."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from compsel.bundle.bundle import Bundle
from compsel.features.evidence import Evidence
from compsel.profiling.profile import Profile
from compsel.runtime.adaptation.live_costs import LiveCosts
from compsel.runtime.faults.quarantine import Quarantine
from compsel.runtime.planning.placed_plan import NO_LIMITS
from compsel.runtime.planning.planner import Planner
from compsel.selection.cascade.decision_graph import STOP, Cascade, Plan
from compsel.selection.cascade.online import PlannedCascade
from compsel.selection.costs.model import CostModel
from compsel.selection.policies import CascadePolicy
from fleet_parts.devices import HARDER, SLOWER, Device

__all__ = ["Outcome", "World"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What a policy does with every input in one state.

    Attributes:
        stages: (n, most stages) numbers of choices in the order in which they run; -1 where fewer run.
        probability: (n, most stages) what the policy believes after each stage.
        right: (n,) whether the answer is right.
        expected_ms: (n_choices,) what the policy believes that they take.
    """

    stages: NDArray[np.int64]
    probability: Floats
    right: NDArray[np.bool_]
    expected_ms: Floats


class World:
    """Inputs and variants as a profile measured them; inputs are drawn from its samples.

    Args:
        profile: of the bundle's variants.
        bundle: whose choices there are.
    """

    def __init__(self, profile: Profile, bundle: Bundle) -> None:
        self.profile, self.choices = profile, bundle.costs.choices
        self.states = np.asarray(bundle.costs.states, np.float64)
        self.table_ms = np.asarray(bundle.costs.latency_ms, np.float64)  # (n_states, n_choices)
        self._evidence = dict(zip(profile.names, profile.evidence, strict=True))
        self._quality = {name: profile.quality[:, column] for column, name in enumerate(profile.names)}

    @cached_property
    def weights(self) -> dict[str, Floats]:
        """How often each input comes, by the kind of drift: those that the cheapest variant is unsure of more often."""
        cheapest = self.choices[int(self.table_ms[0].argmin())][0]
        unsure = self._evidence[cheapest].probabilities[:, 0] < np.median(self._evidence[cheapest].probabilities[:, 0])
        plain = np.full(len(unsure), 1 / len(unsure))
        harder = np.where(unsure, HARDER, 1.0)
        return {"": plain, "slower provider": plain, "slower provider, harder inputs": harder / harder.sum()}

    def latency_ms(self, device: Device, drifted: bool) -> Floats:
        """Return what every choice takes on a device, (n_states, n_choices)."""
        table = self.table_ms * device.factors
        if drifted and device.drift.kind:
            threads = np.array([processor != "cpu:1" for _, processor in self.choices])
            table = np.where(threads, table * SLOWER, table)
        return np.asarray(table)

    def outcome(self, bundle: Bundle, costs: CostModel, state: int) -> Outcome:
        """Return what a bundle's policy does in a state, planned as a runtime plans, at these costs."""
        policy = bundle.policies["adaptive"]
        live = LiveCosts(costs, Quarantine())
        planned = Planner(bundle, live, policy).plan(live.at(costs.states[state]), NO_LIMITS)
        columns = [costs.choices.index(pair) for pair in zip(policy.variants, planned.processors, strict=True)]
        expected = np.asarray(live.at(costs.states[state]).latency_ms, np.float64)
        n = len(self.profile.samples)
        if not isinstance(policy, CascadePolicy):
            (column,) = {columns[0]}
            right = self._quality[policy.variants[0]] > 0.5
            return Outcome(np.full((n, 1), column), np.full((n, 1), np.nan), right, expected)
        evidence = [self._evidence[name] for name in policy.variants]
        assert isinstance(planned.plan, PlannedCascade)
        return self._walk(policy.policy, planned.plan.plan, evidence, np.array(columns), expected)

    def _walk(
        self, cascade: Cascade, plan: Plan, evidence: list[Evidence], columns: NDArray[np.int64], expected: Floats
    ) -> Outcome:
        """Walk the cascade with every input, as `Cascade.walk` does, and note what runs and is believed on the way."""
        n, most = len(evidence[0].classes), len(columns)
        stages, probability = np.full((n, most), -1), np.full((n, most), np.nan)
        classes, place = np.zeros(n, np.int64), np.zeros(n, np.int64)
        stages[:, 0] = columns[plan.first]
        at = {cascade.after(0, plan.first): np.arange(n)}
        for number in range(1, len(cascade.nodes)):
            rows = at.pop(number, np.empty(0, np.intp))
            if not len(rows):
                continue
            node = cascade.nodes[number]
            classes[rows], score = node.score([evidence[member].take(rows) for member in node.members])
            probability[rows, place[rows]] = score
            action = plan.decide(number, score)
            for variant in set(action.tolist()) - {STOP}:
                going = rows[action == variant]
                place[going] += 1
                stages[going, place[going]] = columns[variant]
                target = cascade.after(number, variant)
                at[target] = np.concatenate([at.get(target, np.empty(0, np.intp)), going])
        return Outcome(stages, probability, classes == self.profile.labels, expected)

    def confidence(self, choice: int) -> Floats:
        """Return the highest probability of a class that a variant gives each input."""
        return np.asarray(self._evidence[self.choices[choice][0]].probabilities[:, 0], np.float64)

    def truth(self, device: Device, outcomes: list[Outcome], drifted: bool) -> tuple[float, float]:
        """Return mean latency (ms) and share of right answers on a device, without chance; outcomes by state."""
        weights = self.weights[device.drift.kind if drifted else ""]
        table, latency, right = self.latency_ms(device, drifted), 0.0, 0.0
        for state, (share, found) in enumerate(zip(device.load, outcomes, strict=True)):
            took = np.where(found.stages >= 0, table[state][np.maximum(found.stages, 0)], 0.0).sum(axis=1)
            latency += share * float(weights @ took)
            right += share * float(weights @ found.right)
        return latency, right
