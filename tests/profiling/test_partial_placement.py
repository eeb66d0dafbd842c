"""What is placed only in part on its processor is noted in the profile, and read back."""

from types import SimpleNamespace

import numpy as np

from compsel.inputs.samples import ArraySamples
from compsel.processors import CpuProcessor
from compsel.processors.placement import Placement
from compsel.profiling import latency
from compsel.profiling.choices import Choices
from compsel.profiling.latency import Criterion, measure_latency
from compsel.profiling.partial_placement import placement_text, read_partly_placed
from compsel.variants.engine import Engine
from compsel.variants.writer import write_variant

IMAGES = ArraySamples([np.zeros((70, 70, 3), np.uint8)])
QUICK = Criterion(relative_half_width=0.5, min_runs=2, max_runs=3, budget_s=1.0)


def test_only_what_is_partly_placed_is_noted():
    def engine(placement):
        return SimpleNamespace(
            variant=SimpleNamespace(name="a"),
            processor=SimpleNamespace(name="webgpu"),
            session=SimpleNamespace(placement=placement),
        )

    assert placement_text([engine(None), engine(Placement(1.0))]) == {}
    text = placement_text([engine(Placement(0.75, ("Det",)))])["partly_placed"]
    assert "partly placed: 75 % of the operators; elsewhere Det" in text


def test_profile_says_it(small_model, tmp_path, monkeypatch):
    class Partly(Engine):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.session.placement = Placement(0.6, ("Resize",))

    variant = write_variant(small_model, tmp_path, "logits")

    def measured(folder):
        measure_latency(Choices([variant], [CpuProcessor(1)], tmp_path), ["idle"], IMAGES, folder, QUICK)
        return read_partly_placed(folder)

    assert measured(tmp_path / "whole") == {}
    monkeypatch.setattr(latency, "Engine", Partly)
    said = measured(tmp_path / "partly")
    assert said == {(variant.name, "cpu:1"): "partly placed: 60 % of the operators; elsewhere Resize"}
