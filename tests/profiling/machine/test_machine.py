"""What `compsel doctor` sees and says."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from compsel.cli.main import main
from compsel.device.state import DeviceState
from compsel.profiling.confidence_intervals import Estimate
from compsel.profiling.machine import Diagnosis
from compsel.profiling.machine.advice import findings, int8_verdict
from compsel.profiling.machine.diagnosis import read_governors
from compsel.profiling.machine.installed import Extra, installed_packages
from compsel.profiling.machine.matrix_products import int8_speedup, thread_speedup

DEVICE = {
    "cpu": "AMD EPYC",
    "architecture": "x86_64",
    "cores": 4,
    "physical_cores": 4,
    "usable_cores": 4,
    "instruction_sets": ["avx2", "avx512_vnni"],
    "onnxruntime": "onnxruntime 1.30.0",
}
STATE = DeviceState(time_ns=0, cores=4, load_others=0.0, free_memory_bytes=8e9)
GOOD = Diagnosis(DEVICE, STATE, Estimate(2.9, 2.8, 3.0), Estimate(3.6, 3.5, 3.7))


def said(diagnosis: Diagnosis) -> str:
    return "\n".join(finding.what for finding in findings(diagnosis) if "energy meter" not in finding.what)


def test_a_good_machine_needs_nothing() -> None:
    assert said(GOOD) == ""
    assert int8_verdict(GOOD).startswith("int8 pays here: 2.9x (95 %: 2.8 to 3.0)")


def test_int8_that_does_not_pay_is_said() -> None:
    slow = replace(GOOD, int8=Estimate(0.7, 0.6, 0.8), device=DEVICE | {"instruction_sets": ["avx2"]})
    assert int8_verdict(slow).startswith("int8 does not pay here: 0.7x")
    assert "int8 is no faster than float32 here (no VNNI" in said(slow)
    assert int8_verdict(replace(GOOD, int8=Estimate(1.0, 0.9, 1.1))).startswith("int8 hardly matters here")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"state": replace(STATE, load_others=1.5)}, "other processes keep 1.5 of 4 cores busy"),
        ({"state": replace(STATE, throttled=True)}, "held back"),
        ({"state": replace(STATE, on_battery=True)}, "battery"),
        ({"state": replace(STATE, free_memory_bytes=2**29)}, "0.5 GiB of memory are free"),
        ({"device": DEVICE | {"instruction_sets": ["sse4_1"]}}, "no AVX2"),
        ({"quota": 1.5}, "a control group allows 1.5 of 4 cores"),
        ({"device": DEVICE | {"usable_cores": 2}}, "may run on 2 of 4 cores"),
        ({"threads": Estimate(1.1, 1.0, 1.2)}, "4 threads are 1.1 times as fast as one"),
        ({"governors": ("powersave",)}, "governor is powersave"),
        ({"gpus": 2, "not_offered": {"cuda": "onnxruntime-gpu"}}, "2 NVIDIA GPUs"),
        ({"device": DEVICE | {"cpu": "Intel Xeon"}, "not_offered": {"openvino": "p"}}, "without the OpenVINO provider"),
        ({"device": DEVICE | {"onnxruntime": "onnxruntime 1, onnxruntime-gpu 1"}}, "several packages of ONNX Runtime"),
        ({"extras": [Extra("train", {"onnx": None, "pyarrow": "9"})]}, "onnx not installed"),
    ],
)
def test_what_could_be_better_is_found(changes: dict[str, object], what: str) -> None:
    assert what in said(replace(GOOD, **changes))


def test_a_missing_package_is_said_once() -> None:
    extras = [Extra("train", {"onnx": None}), Extra("demo", {"onnx": None, "scikit-image": None})]
    whats = said(replace(GOOD, extras=extras)).splitlines()
    assert whats == ["onnx not installed", "scikit-image not installed"]


def test_measured_speedups_are_ratios_with_intervals() -> None:
    for figure in (int8_speedup(), thread_speedup(1)):
        assert 0 < figure.low <= figure.value <= figure.high


def test_governors_are_read_once_each(tmp_path: Path) -> None:
    for core, governor in enumerate(["powersave", "performance", "powersave"]):
        folder = tmp_path / f"devices/system/cpu/cpu{core}/cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_governor").write_text(governor + "\n")
    assert read_governors(tmp_path) == ("performance", "powersave")
    assert read_governors(tmp_path / "nothing") == ()


def test_installed_packages_are_those_of_the_metadata() -> None:
    by_name = {extra.name: extra for extra in installed_packages()}
    if not by_name:
        pytest.skip("compsel is not installed as a package")
    assert by_name[""].versions["numpy"]
    assert "onnx" in by_name["train"].versions
    assert {"test", "lint"}.isdisjoint(by_name)


def test_the_command_prints_and_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "doctor.json"
    assert main(["doctor", "--json", str(out)]) == 0
    content = json.loads(out.read_text())
    printed = capsys.readouterr().out
    assert printed.startswith(content["int8"])
    assert content["int8_speedup"] > 0
    assert all(finding["what"] in printed and finding["do"] in printed for finding in content["findings"])


def test_it_needs_nothing_but_what_an_app_needs() -> None:
    code = """
import sys
for name in ("onnx", "sklearn", "pyarrow", "rich", "scipy", "pandas"):
    sys.modules[name] = None
from compsel.cli.main import main
sys.exit(main(["doctor"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
