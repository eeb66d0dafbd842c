"""What a build and an evaluation print: the result first, little else, nothing that says nothing."""

import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import compsel
from compsel.cli.main import main
from compsel.cli.terminal import TERMINAL, set_verbosity
from compsel.processors import default_cpu

QUICK = ["--processor", "cpu:1", "--state", "idle", "--calibration", "4", "--budget", "0.5", "--time-limit", "10 min"]
NUMBERS = r"\d+(?:\.\d+)?"


@pytest.fixture(scope="module")
def built(
    lite0: compsel.Model, labelled_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str, str]:
    """A bundle, and what building it printed on standard output and on standard error."""
    folder = tmp_path_factory.mktemp("result")
    model = lite0.save(folder / "lite0.onnx")
    words = ["build", model, "--samples", labelled_folder, "--out", folder / "bundle", "--json", folder / "build.json"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("compsel.building.measure.wait_until_idle", lambda *_: True)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            assert main([*map(str, words), "--max-loss", "0.2", "--technique", "int8-static", *QUICK]) == 0
    return folder / "bundle", out.getvalue(), err.getvalue()


@pytest.fixture
def verbosity() -> Iterator[None]:
    yield
    set_verbosity("normal")


def test_a_build_says_first_what_was_gained(built: tuple[Path, str, str]) -> None:
    bundle, out, _ = built
    first, second, *_ = out.splitlines()
    assert re.match(
        rf"{re.escape(str(bundle))} answers in {NUMBERS} ms instead of {NUMBERS} ms \((?:{NUMBERS} times )?as "
        rf"(?:fast|slow), 95 %: {NUMBERS} to {NUMBERS}\) as your model runs today "
        rf"\(lite0/none on {default_cpu().name}, ONNX "
        rf"Runtime's defaults\), with {NUMBERS} % "
        rf"(?:instead of {NUMBERS} % right \(|right, (?:as before|no difference seen))",
        first,
    )
    assert re.search(rf"; {NUMBERS} MB on disk instead of {NUMBERS} MB, {NUMBERS} MB (less|more) memory, ", first)
    assert re.search(rf"the first answer {NUMBERS} (m?s) instead of {NUMBERS} (m?s) after loading begins; ", first)
    # which one depends on how fast both are here and now
    assert re.search(r"; the same choice for every input: lite0/(none|int8-static) on cpu:1\.$", first)
    assert second.startswith("A sceptic would ship the same: ")
    assert f"compsel evaluate {bundle} --samples OTHER" in out
    assert f"bundle: {bundle}" in out
    assert re.search(rf"^measurements: {re.escape(str(bundle))}\.work \({NUMBERS} MB\): .* delete it when", out, re.M)


def test_a_build_prints_little_and_nothing_that_says_nothing(built: tuple[Path, str, str]) -> None:
    _, out, err = built
    assert len(out.splitlines()) + len(err.splitlines()) <= 25
    for text in (out, err):
        assert not re.search(r"\bnan\b", text)
        assert "1.00 times as fast" not in text
        assert "dominated" not in text
        assert "fold " not in text
    assert re.search(r"about \d+ min: 2 variants, 24 samples, 1 processor, 1 state of the device", err)


def test_the_result_is_in_the_json_and_in_the_bundle(built: tuple[Path, str, str]) -> None:
    bundle, out, _ = built
    result = json.loads((bundle.parent / "build.json").read_text(encoding="utf-8"))["result"]
    assert result["sentences"] == out.splitlines()[: len(result["sentences"])]
    low, high = result["speedup_vs_current_95"]
    assert low <= result["speedup_vs_current"] <= high
    assert result["bundle"]["latency_ms"] > 0
    with compsel.load(bundle) as runtime:
        stored = runtime.bundle.summary["result"]
        assert stored["current"]["latency_ms"] == result["current"]["latency_ms"]
        # complete: what is only known when the bundle is written is in it too
        assert stored["bundle"]["start_ms"] == result["bundle"]["start_ms"] > 0
        assert stored["bundle"]["size_mb"] == result["bundle"]["size_mb"] > 0
        assert stored["beats_sceptic"] == runtime.bundle.summary["verdict"]["beats_hindsight_static"]


def test_a_bundle_holds_no_path_of_the_machine_that_built_it(built: tuple[Path, str, str]) -> None:
    bundle, out, _ = built
    assert str(bundle) in out
    for path in bundle.rglob("*.json"):
        assert str(bundle.parent) not in path.read_text(encoding="utf-8"), path.name
    with compsel.load(bundle) as runtime:
        sentences = runtime.bundle.summary["result"]["sentences"]
    assert sentences[0].startswith(f"{bundle.name} answers in")
    assert any(f"compsel evaluate {bundle.name} --samples" in sentence for sentence in sentences)


def test_a_bundle_with_one_choice_ships_only_its_files(built: tuple[Path, str, str]) -> None:
    bundle, _, _ = built
    names = {path.name for path in (bundle / "variants").iterdir()}
    with compsel.load(bundle) as runtime:
        (variant,) = runtime.bundle.variants.values()
    assert variant.technique in ("none", "int8-static")
    assert names == set(variant.files)


def test_an_evaluation_says_first_what_was_gained(
    built: tuple[Path, str, str], labelled_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, _, _ = built
    words = ["evaluate", bundle, "--samples", labelled_folder, "--part", "1/4", "--repeats", 1]
    assert main([*map(str, words), "--json", str(tmp_path / "e")]) == 0
    content = json.loads((tmp_path / "e").read_text(encoding="utf-8"))
    out = capsys.readouterr().out
    assert f"{bundle} answers in" in out.splitlines()[0]
    assert "as your model runs today" in out.splitlines()[0]
    # what it lacks itself comes from what its build measured
    assert all(content["names"][name] for name in ("current", "most_accurate", "premodel", "hindsight_static"))
    assert content["lacking"] == ""
    assert [*content["policies"]["current"]["choices"]] == [f"lite0/none@{default_cpu().name}"]
    assert content["result"]["held_out"] is False
    assert "gap to the oracle" not in out
    assert not re.search(r"\bnan\b", out)


@pytest.mark.usefixtures("verbosity")
def test_verbose_shows_what_was_compared(
    built: tuple[Path, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, _, _ = built
    assert main(["train", "--verbose", f"{bundle}.work", "--out", str(tmp_path / "again")]) == 0
    printed = capsys.readouterr()
    assert "gap closed" in printed.out
    assert "fold 1 of 5, single best" in printed.err


@pytest.mark.usefixtures("verbosity")
def test_quiet_shows_the_result_alone(
    built: tuple[Path, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, _, _ = built
    assert main(["train", "--quiet", f"{bundle}.work", "--out", str(tmp_path / "again")]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "answers in" in printed.out.splitlines()[0]


@pytest.mark.usefixtures("verbosity")
def test_loops_of_a_phase_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with TERMINAL.phase("all letters", 2):
        assert [*TERMINAL.track("ab", "first"), *TERMINAL.track("c", "second")] == ["a", "b", "c"]
        TERMINAL.detail("for who looks closely")
        TERMINAL.say("warning: important")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "warning: important"
    assert re.fullmatch(rf"all letters: {NUMBERS} s", lines[1])
    assert len(lines) == 2


def test_a_time_limit_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["build", "a.onnx", "--samples", str(tmp_path), "--out", str(tmp_path / "b"), "--time-limit", "soon"]
    assert main(words) == 2
    assert "time limit: got 'soon', allowed are times such as" in capsys.readouterr().err
