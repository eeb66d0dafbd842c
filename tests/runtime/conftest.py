"""Time that a test moves, and a runtime whose processors are wrong, slow or broken by script."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.inputs.image import PIXELS
from compsel.inputs.tensor_specs import TensorSpec
from compsel.runtime import Runtime
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from compsel.variants.writer import write_variant
from tests.processors.fake_processor import FakeProcessor, Script

StartScripted = Callable[..., Runtime]


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


Rules = dict[str, Callable[[Mapping[str, np.ndarray]], list[np.ndarray] | Exception]]


@pytest.fixture
def scripted(small_model: compsel.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StartScripted]:
    """Load a bundle of one variant on two scripted processors: "fast" and "slow"."""
    variant = write_variant(small_model, tmp_path / "variants", "logits")
    costs = CostModel(
        ((variant.name, "fast"), (variant.name, "slow")),
        np.zeros((1, 1)),
        np.array([[1.0, 4.0]]),
        np.array([[1.0, 4.0]]),
    )
    write_bundle(
        BundleContent(
            (variant,), tmp_path / "variants", {"adaptive": FixedPolicy(variant.name)}, {}, Objective(),
            {variant.name: 1.0}, costs, {"penalty_ms": 1.0},
        ),
        tmp_path / "bundle",
    )  # fmt: skip
    opened: list[Runtime] = []
    logits = np.zeros((1, 10), np.float32)

    def start(latency_ms: Mapping[str, float], rules: Rules | None = None, **options: object) -> Runtime:
        file = str(tmp_path / "bundle" / "variants" / str(variant.pixels_file))
        image = TensorSpec(PIXELS, "uint8", (1, 64, 64, 3))
        scores = TensorSpec(variant.outputs[0].name, "float32", (1, 10))

        def processor(name: str) -> FakeProcessor:
            rule = (rules or {}).get(name, lambda _: [logits])
            return FakeProcessor({file: Script((image,), (scores,), (rule,), (latency_ms[name],))}, name)

        monkeypatch.setattr("compsel.runtime.engines.engine_pool.parse", processor)
        monkeypatch.setattr("compsel.bundle.available_choices.parse", processor)
        opened.append(compsel.load(tmp_path / "bundle", **options))
        return opened[-1]

    yield start
    for runtime in opened:
        runtime.close()
