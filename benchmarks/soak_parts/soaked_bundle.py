"""A copy of a bundle whose choices run on processors that misbehave, and what each of them answers when they do not."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compsel.bundle.bundle import Bundle
from compsel.bundle.manifest import write_manifest
from compsel.features.evidence import Scores
from compsel.processors import CpuProcessor
from compsel.runtime import Answer
from compsel.runtime.dispatch.answer_fusion import fuse_answers
from compsel.variants.engine import Engine
from soak_parts.faulty_processors import NAMES

__all__ = ["Expected", "copy_for_soak"]


def copy_for_soak(source: Path, target: Path) -> None:
    """Copy a bundle; every variant can run on both faulty processors, the second a little dearer."""
    shutil.copytree(source, target)
    costs = json.loads((target / "costs.json").read_text())
    places = list({variant: place for place, (variant, _) in reversed(list(enumerate(costs["choices"])))}.values())[
        ::-1
    ]
    costs["choices"] = [[costs["choices"][place][0], name] for name in NAMES for place in places]

    def spread(rows: list[list[float]]) -> list[list[float]]:
        return [[row[place] * factor for factor in (1.0, 1.1) for place in places] for row in rows]

    for table in ("latency_ms", "p95_ms", "power_w"):
        if costs[table] is not None:
            costs[table] = spread(costs[table])
    if costs.get("by_size") is not None:
        for table in ("latency_ms", "p95_ms"):
            costs["by_size"][table] = [spread(rows) for rows in costs["by_size"][table]]
    (target / "costs.json").write_text(json.dumps(costs))
    policies = json.loads((target / "policies.json").read_text(), object_hook=_moved)
    (target / "policies.json").write_text(json.dumps(policies))
    version = json.loads((target / "manifest.json").read_text())
    (target / "manifest.json").unlink()
    write_manifest(target, version["compsel_version"], version.get("task", ""))


def _moved(given: dict[str, Any]) -> dict[str, Any]:
    return {**given, "processor": NAMES[0]} if "processor" in given else given


class Expected:
    """The right answers to some inputs, of every variant, by sessions that nothing spoils.

    Args:
        folder: of the bundle.
        inputs: as calls give them.
    """

    def __init__(self, folder: Path, inputs: Sequence[Any]) -> None:
        bundle = Bundle.load(folder)
        self._by_stage: dict[tuple[int, str], tuple[list[np.ndarray], Scores | None]] = {}
        for name, variant in bundle.variants.items():
            engine = Engine(variant, folder / "variants", CpuProcessor(1))
            for number, value in enumerate(inputs):
                self._by_stage[number, name] = engine.answer(value)
            engine.close()

    def is_right(self, number: int, answer: Answer) -> bool:
        """Whether an answer to an input is that of the stages it names."""
        found = [self._by_stage[number, stage.variant] for stage in answer.stages]
        outputs = found[-1][0]
        planned = answer.planned
        if len(found) > 1 and planned is not None:
            ran = [planned.policy.variants.index(stage.variant) for stage in answer.stages]
            scores = [said for _, said in found if said is not None]
            outputs = fuse_answers(planned.plan.weights(ran), scores, list(outputs), answer.output)
        return len(outputs) == len(answer.outputs) and all(
            one.shape == other.shape and np.allclose(one, other, rtol=1e-3, atol=1e-3)
            for one, other in zip(outputs, answer.outputs, strict=True)
        )
