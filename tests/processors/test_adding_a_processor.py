"""Adding a processor takes one file, and one line in a table: a toy passes the checks, is listed and measured on.

A new execution provider is a line in `PROVIDERS`; anything else is a family, and a line in `FAMILIES`.
"""

import json
import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import pytest

import compsel.processors
from compsel.cli.main import main
from compsel.errors import ProcessorError
from compsel.processors import Availability, OrtSession, Processor, ProcessorFamily, parse, provider, provider_table
from compsel.processors.provider_table import ANY, Provider
from compsel.processors.smoke_test import smoke_test
from compsel.profiling.memory import ProcessStart
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
    line = Provider(
        "chip", "ChipExecutionProvider", package="a made-up package", options={"cache": {ANY: {"dir": "{}"}}}
    )
    for module in (provider_table, provider):
        monkeypatch.setattr(module, "PROVIDERS", (*provider.PROVIDERS, line))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_shared_checks(check: Callable[[Processor], None]) -> None:
    check(parse("abacus"))


def test_devices_lists_them(tmp_path: Path) -> None:
    assert main(["devices", "--json", str(tmp_path / "devices.json")]) == 0
    content = json.loads((tmp_path / "devices.json").read_text())
    found = {entry["name"]: entry for entry in content["processors"]}
    assert found["abacus"]["available"] and found["abacus"]["reason"] == "it has beads"
    assert content["absent"]["chip"] == "a made-up package"


def test_a_line_gives_a_provider_its_name_and_options() -> None:
    assert parse("chip:cache=here").name == "chip:cache=here"
    found = parse("chip").availability()
    assert not found.available and "a made-up package" in found.reason
    with pytest.raises(ProcessorError, match="got option 'speed', allowed are cache, strict"):
        parse("chip:speed=high")


# the environments of scripts/check_providers hold what the runtime needs, and no more
@pytest.mark.skipif(find_spec("pyarrow") is None, reason="profiles need the extra train")
def test_profile_measures_on_it(small_model: Any, crops: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # memory is measured by a process of its own, which has no toys
    monkeypatch.setattr("compsel.profiling.memory.measure_start", lambda *_: ProcessStart(1.0, 80.0))
    (tmp_path / "images").mkdir()
    for index, sample in enumerate(crops.spread(4)):
        assert cv2.imwrite(str(tmp_path / "images" / f"{index}.png"), sample.value[:, :, ::-1])
    words = "--technique none --processor abacus --state idle --calibration 2 --budget 0.2"
    places = ["--samples", tmp_path / "images", "--out", tmp_path / "profile", "--json", tmp_path / "profile.json"]
    model = small_model.save(tmp_path / "small.onnx")
    assert main(["profile", str(model), *map(str, places), *words.split()]) == 0
    (variant,) = json.loads((tmp_path / "profile.json").read_text())["variants"]
    assert variant["latency_ms"].keys() == {"abacus, idle"}
