"""Every command: its help, its JSON, its exit status; from a profile to answers on the command line alone."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import compsel
from compsel.cli.main import COMMANDS, main
from compsel.evaluation.result_words import POLICIES

QUICK = ["--processor", "cpu:1", "--state", "idle", "--calibration", "4", "--budget", "0.5"]


@pytest.fixture(scope="module")
def small_file(small_model: compsel.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model.save(tmp_path_factory.mktemp("models") / "small.onnx")


@pytest.fixture(scope="module")
def small_samples(crops: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unlabelled photographs."""
    import cv2

    folder = tmp_path_factory.mktemp("unlabelled")
    for index, sample in enumerate(crops):
        assert cv2.imwrite(str(folder / f"{index:02d}.png"), cv2.resize(sample.value, (80, 80))[:, :, ::-1])
    return folder


def read(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize("command", [*COMMANDS, "networks export"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert f"usage: compsel {command}" in printed.out
    assert ("--json FILE" in printed.out) is (command not in ("completion", "fleet", "serve"))
    if command in COMMANDS:
        assert f"example:\n  compsel {command}" in printed.out


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    words = capsys.readouterr().out.split()
    assert set(COMMANDS) <= set(words)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"compsel {compsel.__version__}\n"


def test_commands_are_those_of_the_installed_program() -> None:
    done = subprocess.run([sys.executable, "-m", "compsel", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"compsel {compsel.__version__}\n"
    assert done.stderr == ""


def test_a_command_does_not_import_what_it_does_not_need() -> None:
    code = (
        "import sys; from compsel.cli.main import main; main(['run', '--help']); "
        "print([m for m in ('onnx', 'sklearn', 'xgboost', 'pyarrow', 'matplotlib', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.fixture(scope="module")
def built(small_file: Path, small_samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle, what it was built from, and the JSON that the command wrote."""
    folder = tmp_path_factory.mktemp("built")
    command = [
        "build",
        small_file,
        "--samples",
        small_samples,
        "--out",
        folder / "bundle",
        "--json",
        folder / "build.json",
    ]
    # a seeded network changes its mind easily: only a variant that keeps it passes the verification
    assert main([*map(str, command), "--technique", "float16", *QUICK]) == 0
    return folder


def test_build_writes_a_bundle_and_what_it_found(built: Path) -> None:
    content = read(built / "build.json")
    found = {"shipped", "reason", "penalty_ms", "unit", "comparison", "portfolio"}
    assert content.keys() == found | {"shipped_score", "expectation", "margin", "verdict", "result"}
    assert len(content["expectation"]["speedup_vs_most_accurate"]) == 3
    assert content["shipped"] in content["comparison"]
    for score in content["comparison"].values():
        assert score.keys() >= {"quality", "latency_ms", "gap_closed", "gap_low", "gap_high"}
    assert (built / "bundle" / "manifest.json").is_file()
    assert (built / "bundle.work" / "profile.json").is_file()


def test_train_takes_up_what_build_measured(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, found = tmp_path / "again", tmp_path / "train.json"
    arguments = [built / "bundle.work", "--out", out, "--json", found, "--penalty", 50, "--no-floor"]
    assert main(["train", *map(str, arguments)]) == 0
    printed = capsys.readouterr()
    assert read(found)["penalty_ms"] == 50
    assert "this bundle" in printed.out
    assert "gap closed" not in printed.out
    assert "training: " in printed.err
    assert "fold" not in printed.err
    with compsel.load(out) as runtime:
        assert runtime.bundle.objective.max_loss is None


def test_profile_takes_up_what_was_measured(
    built: Path, small_file: Path, small_samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "profile.json"
    arguments = [small_file, "--samples", small_samples, "--out", built / "bundle.work", "--json", found]
    assert main(["profile", *map(str, arguments), "--technique", "float16", *QUICK]) == 0
    printed = capsys.readouterr()
    assert "quality of" not in printed.err
    assert "latency, idle" not in printed.err
    content = read(found)
    assert content.keys() == {"variants", "left_out", "partly_placed", "energy"}
    for row in content["variants"]:
        keys = {"variant", "size_mb", "quality", "latency_ms", "energy_mj", "peak_memory_mb", "dominated"}
        assert row.keys() == keys
        assert row["latency_ms"]["cpu:1, idle"] > 0
        assert row["variant"] in printed.out


def test_build_does_not_replace_unasked(built: Path, small_file: Path, small_samples: Path) -> None:
    before = (built / "bundle" / "manifest.json").read_bytes()
    assert (
        main(["build", str(small_file), "--samples", str(small_samples), "--out", str(built / "bundle"), *QUICK]) == 2
    )
    assert (built / "bundle" / "manifest.json").read_bytes() == before


def test_run_prints_an_answer_for_each_image(
    built: Path, small_samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"class {number}\n" for number in range(10)))
    images = [str(small_samples / f"0{number}.png") for number in range(3)]
    found = tmp_path / "run.json"
    options = ["--labels", str(names), "--deadline", "1e6", "--json", str(found)]
    assert main(["run", str(built / "bundle"), *images, *options]) == 0
    answers = read(found)["answers"]
    printed = capsys.readouterr()
    assert printed.err == ""
    with compsel.load(built / "bundle") as runtime:
        for answer, image in zip(answers, images, strict=True):
            assert answer["image"] == image
            assert answer["label"] == runtime(image).label
            assert answer["name"] == f"class {answer['label']}"
            assert answer["constraints_met"] is True
            assert answer["latency_ms"] > 0
            assert f"{image}  {answer['name']}" in printed.out


def test_run_shows_the_parts_of_the_time(
    built: Path, small_samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "run.json"
    image = str(small_samples / "00.png")
    assert main(["run", str(built / "bundle"), image, "--verbose", "--json", str(found)]) == 0
    (answer,) = read(found)["answers"]
    assert answer["decode_ms"] > 0
    parts = [answer["decode_ms"], answer["features_ms"], answer["selector_ms"], *answer["stages_ms"]]
    assert answer["latency_ms"] == pytest.approx(sum(parts))
    assert f"decode {answer['decode_ms']:.2f}, features 0.00, selector" in capsys.readouterr().out


def test_run_says_when_a_deadline_cannot_be_met(
    built: Path, small_samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(built / "bundle"), str(small_samples / "00.png"), "--deadline", "0.000001"]) == 0
    assert "no choice meets deadline_ms=1e-06" in capsys.readouterr().out


def test_evaluate_writes_the_comparison(
    built: Path, small_samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "evaluation.json"
    arguments = [built / "bundle", "--samples", small_samples, "--part", "1/4", "--repeats", 1, "--json", found]
    assert main(["evaluate", *map(str, arguments)]) == 0
    content = read(found)
    assert content["n"] == 6
    printed = capsys.readouterr()
    assert all(POLICIES[name] in printed.out for name in content["policies"])
    # the result comes first
    said = [*content["result"]["sentences"], ""]
    assert printed.out.splitlines()[: len(said)] == said
    assert content["names"]["current"] == "current"
    assert content["verdict"]["sentence"] not in printed.out
    # what the build measured lies beside the bundle
    assert content["hindsight_static"]["all_measured"] is True
    assert "--profile" not in printed.out
    assert "warning: small: its weights are random, its answers mean nothing" in printed.err


def evaluated(bundle: Path, samples: Path, out: Path, *more: object) -> dict[str, Any]:
    arguments = [bundle, "--samples", samples, "--part", "1/12", "--repeats", 1, "--json", out, *more]
    assert main(["evaluate", *map(str, arguments)]) == 0
    return read(out)


def test_the_sceptic_chooses_among_what_the_build_measured(
    built: Path, small_samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = Path(shutil.copytree(built / "bundle", tmp_path / "bundle"))
    content = evaluated(alone, small_samples, tmp_path / "e.json")
    assert content["hindsight_static"]["all_measured"] is False
    note = "give what the build measured, --profile DIR"
    assert note in content["lacking"]
    assert content["lacking"] in capsys.readouterr().out
    content = evaluated(alone, small_samples, tmp_path / "e.json", "--profile", built / "bundle.work")
    assert content["hindsight_static"]["all_measured"] is True
    assert note not in capsys.readouterr().out


def test_measurements_of_another_build_are_not_used_unless_asked_for(
    built: Path, small_samples: Path, profile_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = Path(shutil.copytree(built / "bundle", tmp_path / "bundle"))
    shutil.copytree(profile_folder, tmp_path / "bundle.work")
    content = evaluated(alone, small_samples, tmp_path / "e.json")
    printed = capsys.readouterr()
    assert content["hindsight_static"]["all_measured"] is False
    assert "not used: " in printed.err
    assert "is not of this bundle" in printed.err
    command = ["evaluate", alone, "--samples", small_samples, "--profile", profile_folder]
    assert main(list(map(str, command))) == 2
    assert "is not of this bundle" in capsys.readouterr().err


def test_parts_of_the_samples_are_disjoint_and_together_all(built: Path, small_samples: Path, tmp_path: Path) -> None:
    counts = []
    for part in ("1/5", "!1/5"):
        found = tmp_path / "part.json"
        arguments = [built / "bundle", "--samples", small_samples, "--part", part, "--repeats", 1, "--json", found]
        assert main(["evaluate", *map(str, arguments)]) == 0
        counts.append(read(found)["n"])
    assert counts == [5, 19]


def test_devices_and_networks_write_json(tmp_path: Path) -> None:
    assert main(["networks", "--json", str(tmp_path / "networks.json")]) == 0
    assert {"name", "parameters", "macs", "resolution", "reference"} <= read(tmp_path / "networks.json")["networks"][
        0
    ].keys()


def test_compress_writes_json(small_file: Path, tmp_path: Path) -> None:
    found = tmp_path / "compress.json"
    arguments = [small_file, "--technique", "float16", "--out", tmp_path / "variants", "--json", found]
    assert main(["compress", *map(str, arguments)]) == 0
    (variant,) = read(found)["variants"]
    assert Path(variant["path"]).is_file()
