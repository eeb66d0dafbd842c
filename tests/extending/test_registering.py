"""Techniques and processors from outside: registered here, found in other processes, refused with a reason."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import compsel
from compsel.errors import ProcessorError, TechniqueError
from compsel.processors import FAMILIES, CpuProcessor, parse, smoke_test
from compsel.techniques import TECHNIQUES, applicable
from compsel.techniques import parse as parse_technique

PLUGIN = """
from dataclasses import dataclass
import compsel
from compsel.processors import CpuProcessor

@compsel.register_technique
@dataclass(frozen=True)
class Copied(compsel.Technique):
    name = "copied"
    def _transform(self, model, calibration):
        return model

class Abacus(compsel.Processor):
    name, provider = "abacus", "CPUExecutionProvider"
    def open(self, variant):
        return CpuProcessor(1).open(variant)

compsel.register_processor(Abacus())
"""


@pytest.fixture(autouse=True)
def tables_as_before():
    techniques, families = dict(TECHNIQUES), list(FAMILIES)
    yield
    TECHNIQUES.clear()
    TECHNIQUES.update(techniques)
    FAMILIES[:] = families


def technique(name: str = "copied") -> type:
    @dataclass(frozen=True)
    class Copied(compsel.Technique):
        def _transform(self, model, calibration):
            return model

    Copied.name = name
    return Copied


class Abacus(compsel.Processor):
    name, provider = "abacus", "CPUExecutionProvider"

    def open(self, variant):
        return CpuProcessor(1).open(variant)


def command(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )


def test_a_technique_is_known_by_its_name(small_model):
    kind = compsel.register_technique(technique())
    assert parse_technique("copied") == kind()
    assert "copied" in applicable(small_model)
    # the cell of a notebook runs again
    again = compsel.register_technique(technique())
    assert type(parse_technique("copied")) is again


def test_techniques_that_are_refused():
    with pytest.raises(TechniqueError, match="the name 'float16' is taken"):
        compsel.register_technique(technique("float16"))
    with pytest.raises(TechniqueError, match="got name 'a:b', allowed is a word"):
        compsel.register_technique(technique("a:b"))
    with pytest.raises(TechniqueError, match="allowed is a frozen dataclass"):
        compsel.register_technique(int)  # wrong, on purpose

    @dataclass(frozen=True)
    class Unfinished(compsel.Technique):
        least: int
        name = "unfinished"

        def _transform(self, model, calibration):
            return model

    with pytest.raises(TechniqueError, match=r"give all options \(least\) defaults"):
        compsel.register_technique(Unfinished)


def test_a_processor_is_known_by_its_name_and_proven_by_running():
    compsel.register_processor(Abacus())
    compsel.register_processor(Abacus())
    assert [family.forms for family in FAMILIES].count(("abacus",)) == 1
    assert parse("abacus").availability().available
    assert parse("abacus").availability() == smoke_test.smoke_test(Abacus(), "its answer to a small graph is the CPU's")


def test_processors_that_are_refused():
    class Taken(Abacus):
        name = "cpu:2"

    with pytest.raises(ProcessorError, match="'cpu:2': the name is taken"):
        compsel.register_processor(Taken())
    with pytest.raises(ProcessorError, match=r"allowed is a compsel.Processor or a compsel.ProcessorFamily"):
        compsel.register_processor(Abacus)  # the class, not one of them


def test_the_command_line_finds_a_file(tmp_path):
    (tmp_path / "mine.py").write_text(PLUGIN)
    out = tmp_path / "devices.json"
    done = command("-m", "compsel", "devices", "--json", out, COMPSEL_PLUGINS=str(tmp_path / "mine.py"))
    assert done.returncode == 0, done.stderr
    found = {entry["name"]: entry for entry in json.loads(out.read_text())["processors"]}
    assert found["abacus"]["available"]


def test_the_module_of_an_entry_point_is_found(tmp_path):
    (tmp_path / "mine.py").write_text(PLUGIN)
    (tmp_path / "mine-1.0.dist-info").mkdir()
    (tmp_path / "mine-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (tmp_path / "mine-1.0.dist-info" / "entry_points.txt").write_text("[compsel.plugins]\nall = mine\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = command("-c", "from compsel.techniques import parse; print(parse('copied').spec)", PYTHONPATH=path)
    assert done.stdout == "copied\n", done.stderr


def test_a_file_that_cannot_be_imported_is_named(tmp_path):
    (tmp_path / "mine.py").write_text("import nowhere_to_be_found")
    done = command("-m", "compsel", "devices", COMPSEL_PLUGINS=str(tmp_path / "mine.py"))
    assert done.returncode != 0
    assert "COMPSEL_PLUGINS" in done.stderr and "nowhere_to_be_found" in done.stderr and "mend it" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_built_in_looks_for_no_modules(tmp_path):
    (tmp_path / "mine.py").write_text("raise SystemExit('imported')")
    code = "from compsel.processors import parse; print(parse('cpu:1').name)"
    assert command("-c", code, COMPSEL_PLUGINS=str(tmp_path / "mine.py")).stdout == "cpu:1\n"


def test_memory_is_measured_in_a_process_that_knows_the_processor(tmp_path: Path):
    (tmp_path / "mine.py").write_text(
        PLUGIN
        + """
if __name__ == "__main__":
    from pathlib import Path
    import numpy as np
    from compsel.processors.smoke_test import smoke_feeds, smoke_graph
    from compsel.inputs.feeds_file import write_feeds_file
    from compsel.profiling.memory import measure_start
    Path("graph.onnx").write_bytes(smoke_graph())
    write_feeds_file(Path("feeds.npz"), smoke_feeds())
    print(measure_start(Path("graph.onnx"), Abacus(), Path("feeds.npz")).peak_mb > 1)
"""
    )
    done = subprocess.run(
        [sys.executable, "mine.py"], cwd=tmp_path, capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.stdout == "True\n", done.stderr
