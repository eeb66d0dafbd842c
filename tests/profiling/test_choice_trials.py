"""A provider that ends its process is found in a process of its own."""

import sys
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.processors import FAMILIES, CpuProcessor, parse
from compsel.processors.trial import trial
from compsel.profiling.choice_trials import crashing_variants, running_variants
from compsel.profiling.choices import Choices
from compsel.variants.build_variants import build_variants
from tests.reporters import Heard
from tests.techniques.foreign import convolutional
from tests.techniques.inputs import SeededTensors

PLUGIN = """
import os
import compsel
from compsel.processors import CpuProcessor

class Fragile(compsel.Processor):
    name, provider = "fragile", "CPUExecutionProvider"
    def open(self, variant):
        if "float16" in str(variant):
            os.abort() if hasattr(os, "abort") else os._exit(3)
        return CpuProcessor(1).open(variant)

compsel.register_processor(Fragile())
"""


@pytest.fixture
def fragile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    families = list(FAMILIES)
    plugin = tmp_path / "fragile_plugin.py"
    plugin.write_text(PLUGIN)
    monkeypatch.setenv("COMPSEL_PLUGINS", str(plugin))
    compsel.extending.load_plugins.cache_clear()
    yield parse("fragile")
    FAMILIES[:] = families
    for name in [name for name in sys.modules if name.startswith("compsel_plugin_")]:
        del sys.modules[name]
    compsel.extending.load_plugins.cache_clear()


def test_a_choice_that_ends_its_process_is_left_out(fragile: compsel.Processor, tmp_path: Path) -> None:
    model = convolutional()
    variants, _ = build_variants([model], tmp_path / "v", SeededTensors(model), ["float16", "int8-weight"])
    choices = Choices(variants, [CpuProcessor(1), fragile], tmp_path / "v")
    found = crashing_variants(choices, SeededTensors(model))
    assert list(found) == ["foreign/float16"]
    assert "on fragile the runtime ended with" in found["foreign/float16"]


def test_errors_and_unknown_processors_are_no_ends(tmp_path: Path) -> None:
    class Unknown(compsel.Processor):
        name, provider = "unknown", "CPUExecutionProvider"

        def open(self, variant):
            raise NotImplementedError

    path = convolutional().save(tmp_path / "m.onnx")
    feeds = SeededTensors(convolutional()).value(0)
    assert trial(Unknown(), path, feeds) == ""
    assert trial(CpuProcessor(1), path, feeds) == ""
    assert trial(CpuProcessor(1), path, {"x": np.zeros(3, np.float32)}) == ""
    assert trial(CpuProcessor(1), tmp_path / "none.onnx", feeds) == ""


def test_a_profile_goes_on_without_it(fragile: compsel.Processor, tmp_path: Path) -> None:
    model, heard = convolutional(), Heard()
    variants, left = build_variants([model], tmp_path / "v", SeededTensors(model), ["float16", "int8-weight"])
    choices = Choices(variants, [fragile], tmp_path / "v")
    kept, left_out = running_variants(choices, left, SeededTensors(model), heard)
    assert [one.technique for one in kept] == ["none", "int8-weight"]
    assert [one.technique for one in left_out] == ["float16"] and "fragile" in left_out[0].reason
    assert any("left out: on fragile" in said for said in heard.messages)
