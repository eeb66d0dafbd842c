"""What each group of features adds to choosing: nested cross-validation on the objective, from a measured profile.

Every group decides among the same variants, a portfolio that each outer fold chooses for itself. Groups are trained
without a fold, penalties and all, and answer the samples of that fold; versions of one photograph share a fold. Costs
are latency plus the cost of a wrong answer; features pay for their own computation.

    python benchmarks/ablation.py PROFILE --json ablation.json

- none: the single best choice. one stage: the policy where only one variant may run, and nothing is known of the
  input. image: the same from image features; what they add is its distance to one stage, not to none.
- probe, top k: stages, from the k most probable classes of every answer; k = 1 is confidence, 2 adds the margin,
  10 adds what stages agree on beyond their first class. probe + image: both. shipped: image features where they pay.
- device state: the mean over the measured states, planned with the idle device's costs, and with each state's own.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from compsel.building.training_tables import selection_dataset
from compsel.building.verbs.options import ObjectiveOptions, objective_of
from compsel.cli.options import add_objective, given_options
from compsel.cli.tables import plain_table
from compsel.features.fusion import Evidence
from compsel.profiling.profile import Profile
from compsel.selection.cascade.decision_graph import Plan
from compsel.selection.costs.model import CostModel
from compsel.selection.dataset import Outcome, SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.policies import CascadePolicy
from compsel.selection.training.folds import assign_folds
from compsel.selection.training.gap_closed import gap_of_costs
from compsel.selection.training.operating_points import OutOfFoldCascades
from compsel.selection.training.portfolio import choose_portfolio, contenders
from compsel.selection.training.trainers import CascadeTrainer, FittedPolicy, SingleBestTrainer
from compsel.selection.training.trainers.base import penalty_of

PORTFOLIO = 3  # variants for each of these costs of a wrong answer, as multiples of the objective's
COSTS = (1.0, 5.0)


@dataclass(frozen=True)
class Row:
    """What one group reaches on held-out samples.

    `saving` is the share of the oracle's saving of time over the single best choice that the group reaches.
    """

    accuracy: float
    latency_ms: float
    cost: float
    gap_closed: float
    gap_low: float
    gap_high: float
    saving: float


def seeing(dataset: SelectionDataset, top: int) -> SelectionDataset:
    """Return the dataset with only the most probable classes of every answer."""
    evidence = tuple(Evidence(e.classes[:, :top], e.probabilities[:, :top], e.n_classes) for e in dataset.evidence)
    return replace(dataset, evidence=evidence)


def cascade(top: int, **options: object) -> Callable[[SelectionDataset, SelectionDataset, Objective], Outcome]:
    """Return what trains a cascade on one dataset and gives its outcome on another."""

    def run(training: SelectionDataset, test: SelectionDataset, objective: Objective) -> Outcome:
        fitted = CascadeTrainer(size=PORTFOLIO, **options).fit(seeing(training, top), objective)
        return fitted.policy.outcome(seeing(test, top))

    return run


GROUPS: dict[str, Callable[[SelectionDataset, SelectionDataset, Objective], Outcome]] = {
    "one stage": cascade(10, max_stages=1, features=False),
    "image": cascade(10, max_stages=1, features=True),
    "probe, top 1": cascade(1, features=False),
    "probe, top 2": cascade(2, features=False),
    "probe, top 10": cascade(10, features=False),
    "probe + image": cascade(10, features=True),
    "shipped": cascade(10),
}


def portfolio(training: SelectionDataset, objective: Objective) -> list[int]:
    """Return the variants that groups decide among, with the most accurate uncompressed one."""
    candidates, cost = OutOfFoldCascades(training, contenders(training), 2), penalty_of(training, objective)
    chosen = [choose_portfolio(candidates, cost * factor, PORTFOLIO) for factor in COSTS]
    columns = list(dict.fromkeys(training.names.index(one.variant) for additions in chosen for one in additions))
    return columns if training.most_accurate in columns else [*columns, training.most_accurate]


def as_good(policy: CascadePolicy, costs: np.ndarray) -> Plan:
    """Return the plan at these costs that is expected to be as good as the one for the idle device."""
    wanted = (policy.expected_quality or 0.0) - 1e-4
    for factor in np.geomspace(1.0, 1e3, 60):
        plan = policy.policy.plan(costs, policy.penalty * factor)
        if plan.expected_quality >= wanted:
            break
    return plan


def in_states(
    training: SelectionDataset,
    test: SelectionDataset,
    single: FittedPolicy,
    cost_model: CostModel,
    objective: Objective,
) -> dict[str, Outcome]:
    """Return the mean outcome over the measured states of plans that know the state, and of those that do not."""
    fitted = CascadeTrainer(size=PORTFOLIO, features=False).fit(training, objective)
    policy = fitted.policy
    assert isinstance(policy, CascadePolicy)
    columns = [test.names.index(name) for name in policy.variants]
    idle, _, idle_processors = cost_model.cheapest(policy.variants, cost_model.idle)
    found: dict[str, list[Outcome]] = {"state unknown": [], "state known": [], "oracle": [], "none": []}
    static = single.policy.variants[0]
    for state in cost_model.states:
        latency = dict(zip(cost_model.choices, cost_model.at(state).tolist(), strict=True))
        known, _, _ = cost_model.cheapest(policy.variants, state)
        unadapted = np.array([latency[choice] for choice in zip(policy.variants, idle_processors, strict=True)])
        evidence = [test.evidence[column] for column in columns]
        for name, planned, paid in (("state unknown", idle, unadapted), ("state known", known, known)):
            walk = policy.policy.walk(as_good(policy, planned), evidence)
            right = (walk.classes == test.targets).astype(float)
            found[name].append(Outcome(right, walk.ran @ paid, np.full(len(right), "")))
        here = replace(test, costs_ms=cost_model.cheapest(test.names, state)[0])
        found["oracle"].append(here.oracle())
        where = cost_model.cheapest([static], cost_model.idle)[2][0]
        fixed = test.fixed(test.names.index(static))
        found["none"].append(replace(fixed, latency_ms=np.full(len(fixed.quality), latency[static, where])))
    return {name: averaged(outcomes) for name, outcomes in found.items()}


def averaged(rounds: list[Outcome]) -> Outcome:
    """Return the mean of several outcomes for the same samples; the variants are those of the first."""
    quality = np.mean([one.quality for one in rounds], axis=0)
    return Outcome(quality, np.mean([one.latency_ms for one in rounds], axis=0), rounds[0].variants)


def concatenated(parts: list[Outcome]) -> Outcome:
    """Return the outcomes of several sets of samples as one."""
    return Outcome(
        np.concatenate([part.quality for part in parts]),
        np.concatenate([part.latency_ms for part in parts]),
        np.concatenate([part.variants for part in parts]),
    )


def rows_of(outcomes: dict[str, Outcome], penalty: float, groups: np.ndarray | None) -> dict[str, Row]:
    """Measure every group against the single best choice and the oracle."""
    static, oracle = outcomes["none"], outcomes["oracle"]
    possible = float(static.latency_ms.mean() - oracle.latency_ms.mean())
    rows = {}
    for name, outcome in outcomes.items():
        costs = (outcome.cost(penalty), static.cost(penalty), oracle.cost(penalty))
        saved = float(static.latency_ms.mean() - outcome.latency_ms.mean()) / possible
        rows[name] = Row(
            float(outcome.quality.mean()),
            float(outcome.latency_ms.mean()),
            float(costs[0].mean()),
            *gap_of_costs(*costs, groups=groups),
            saved,
        )
    return rows


def ablate(profile: Profile, objective: Objective, folds: int, seed: int) -> dict[str, dict[str, Row]]:
    """Run every group on every fold."""
    dataset, cost_model = selection_dataset(profile)
    fold_of = assign_folds(len(dataset.targets), folds, dataset.groups, seed)
    parts: dict[str, dict[str, list[Outcome]]] = {"input": {}, "device": {}}
    for fold in range(folds):
        training, test = dataset.take(np.flatnonzero(fold_of != fold)), dataset.take(np.flatnonzero(fold_of == fold))
        columns = portfolio(training, objective)
        static = SingleBestTrainer().fit(training, objective)
        found = {"none": static.policy.outcome(test), "oracle": test.oracle()}
        training, few = training.among(columns), test.among(columns)
        found |= {name: run(training, few, objective) for name, run in GROUPS.items()}
        print(f"fold {fold + 1} of {folds}: {', '.join(training.names)}", flush=True)
        for kind, outcomes in {
            "input": found,
            "device": in_states(training, test, static, cost_model, objective),
        }.items():
            for name, outcome in outcomes.items():
                parts[kind].setdefault(name, []).append(outcome)
    back = np.argsort(np.concatenate([np.flatnonzero(fold_of == fold) for fold in range(folds)]))
    penalty = penalty_of(dataset, objective)
    return {
        kind: rows_of({n: concatenated(p).take(back) for n, p in found.items()}, penalty, dataset.groups)
        for kind, found in parts.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profile", type=Path, help="folder that compsel profile wrote")
    add_objective(parser)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    profile = Profile.load(arguments.profile)
    wanted = objective_of(None, given_options(arguments, ObjectiveOptions))
    found = ablate(profile, wanted, arguments.folds, arguments.seed)
    for kind, rows in found.items():
        print(f"\nfeatures of the {kind}, {len(profile.samples)} samples:")
        print(
            plain_table(
                [
                    (
                        name,
                        f"{row.accuracy:.2%}",
                        f"{row.latency_ms:.2f}",
                        f"{row.gap_closed:.3f}",
                        f"{row.gap_low:.3f} to {row.gap_high:.3f}",
                        f"{row.saving:.0%}",
                    )
                    for name, row in rows.items()
                ],
                ("group", "accuracy", "mean ms", "gap closed", "95 %", "of the oracle's saving"),
            )
        )
    if arguments.json:
        content = {kind: {name: asdict(row) for name, row in rows.items()} for kind, rows in found.items()}
        content = {"n": len(profile.samples), "origin": profile.origin, **content}
        arguments.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
