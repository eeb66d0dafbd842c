"""What is lost by streaming: policies trained on one table in memory and in batches, judged on rows of another draw."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from compsel.building.training_tables import selection_dataset, stream_costs
from compsel.profiling.profile import Profile
from compsel.profiling.stream import ProfileStream
from compsel.selection.dataset import Outcome, SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.training.streaming.memory import MemoryLimit
from compsel.selection.training.streaming.training import train_streamed
from compsel.selection.training.trainers import BoostedTrainer, FittedPolicy, PolicyTrainer, SelectorTrainer
from compsel.selection.training.trainers.base import penalty_of

STREAMED = "streamed"


def compared(folder: Path, judging: Path, limit_mb: float) -> dict[str, Any]:
    """Train on a table in each way, and judge each on another table.

    Args:
        folder: profile to train on, which is read into memory for all ways but the streamed one.
        judging: profile of other rows, with the same variants.
        limit_mb: of memory, for the streamed way.

    Returns:
        By way: seconds of the processor, quality, latency and cost (latency, and the penalty of a wrong answer); and by
        way in memory how much the streamed one costs more, with half its 95 % interval, paired by rows.
    """
    objective = Objective(max_loss=None)  # one number says how good a choice is: its cost, wrong answers included
    ways: dict[str, Callable[[], FittedPolicy]] = {STREAMED: partial(_streamed, folder, objective, limit_mb)}
    for name, trainer in (
        ("boosted in memory", BoostedTrainer()),
        ("cost-sensitive in memory", SelectorTrainer("cost-sensitive", "cost_sensitive.CostSensitiveSelector")),
    ):
        ways[name] = partial(_in_memory, trainer, folder, objective)
    fresh, _ = selection_dataset(Profile.load(judging))
    penalty = penalty_of(fresh, objective)
    found: dict[str, Any] = {"rows_that_judge": len(fresh.targets), "ways": {}, "streamed_costs_more": {}}
    costs = {}
    for name, train in ways.items():
        begin_s = time.process_time()
        policy = train().policy
        seconds = time.process_time() - begin_s
        outcome: Outcome = fresh.outcome_of(policy)
        costs[name] = outcome.cost(penalty)
        found["ways"][name] = {"cpu_seconds": seconds, **_scores(outcome, costs[name])}
        if name != STREAMED:
            more = costs[STREAMED] - costs[name]
            found["streamed_costs_more"][name] = [float(more.mean()), float(1.96 * more.std() / len(more) ** 0.5)]
        print(name, found["ways"][name], found["streamed_costs_more"].get(name, ""), flush=True)
    found["ways"]["single best"] = _single_best(fresh, penalty)
    return found


def _streamed(folder: Path, objective: Objective, limit_mb: float) -> FittedPolicy:
    stream = ProfileStream.open(folder)
    trained = train_streamed(stream, stream_costs(stream.profile, objective), objective, MemoryLimit(limit_mb)).trained
    return trained.fitted[trained.comparison.winner]


def _in_memory(trainer: PolicyTrainer, folder: Path, objective: Objective) -> FittedPolicy:
    return trainer.fit(selection_dataset(Profile.load(folder))[0], objective)


def _scores(outcome: Outcome, costs: np.ndarray) -> dict[str, float]:
    return {
        "quality": float(outcome.quality.mean()),
        "latency_ms": float(outcome.latency_ms.mean()),
        "cost": float(costs.mean()),
    }


def _single_best(fresh: SelectionDataset, penalty: float) -> dict[str, float]:
    costs = fresh.costs_ms + penalty * (1.0 - fresh.quality.mean(axis=0))
    best = int(costs.argmin())
    return {
        "quality": float(fresh.quality[:, best].mean()),
        "latency_ms": float(fresh.costs_ms[best]),
        "cost": float(costs[best]),
    }
