"""Adding a processor takes one file, and one line in a table: made-up ones pass the checks, are listed and measured on.

A new execution provider is a line in `PROVIDERS`; anything else is a family, and a line in `FAMILIES`.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

import compsel.processors
from compsel.cli.main import main
from compsel.processors import Availability, OrtSession, Processor, ProcessorFamily, parse, provider
from compsel.processors.provider_table import ANY, Provider
from compsel.processors.smoke_test import smoke_test
from tests.processors.test_processor_contract import CHECKS

# --- the file -------------------------------------------------------------------------------------------------------


class AbacusProcessor(Processor):
    """The CPU under another name."""

    name, provider = "abacus", "CPUExecutionProvider"

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def availability(self) -> Availability:
        return smoke_test(self, "it has beads")

    def open(self, variant: bytes | str | os.PathLike[str]) -> OrtSession:
        return OrtSession(variant)


class AbacusFamily(ProcessorFamily):
    """One of them."""

    forms = ("abacus",)

    def parse(self, name: str) -> Processor | None:
        return AbacusProcessor() if name == "abacus" else None

    def discover(self) -> Iterator[tuple[Processor, Availability]]:
        processor = AbacusProcessor()
        yield processor, processor.availability()


# --- the lines ------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    families = compsel.processors.FAMILIES
    monkeypatch.setattr(compsel.processors, "FAMILIES", (*families, AbacusFamily()))
    line = Provider("chip", "CPUExecutionProvider", options={"cache": {ANY: {}}})
    monkeypatch.setattr(provider, "PROVIDERS", (*provider.PROVIDERS, line))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ["abacus", "chip", "chip:cache=here"])
def test_shared_checks(name: str, check: Callable[[Processor], None]) -> None:
    check(parse(name))


def test_devices_lists_them(tmp_path: Path) -> None:
    assert main(["devices", "--json", str(tmp_path / "devices.json")]) == 0
    found = {entry["name"]: entry for entry in json.loads((tmp_path / "devices.json").read_text())["processors"]}
    assert found["abacus"]["available"] and found["abacus"]["reason"] == "it has beads"
    assert found["chip"]["available"]


def test_profile_measures_on_them(small_model: Any, crops: Any, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for index, sample in enumerate(crops.spread(4)):
        assert cv2.imwrite(str(tmp_path / "images" / f"{index}.png"), sample.value[:, :, ::-1])
    options = [
        *"--technique none --processor abacus --processor chip --state idle --calibration 2 --budget 0.2".split()
    ]
    places = ["--samples", tmp_path / "images", "--out", tmp_path / "profile", "--json", tmp_path / "profile.json"]
    model = small_model.save(tmp_path / "small.onnx")
    assert main(["profile", str(model), *map(str, places), *options]) == 0
    (variant,) = json.loads((tmp_path / "profile.json").read_text())["variants"]
    assert variant["latency_ms"].keys() == {"abacus, idle", "chip, idle"}
