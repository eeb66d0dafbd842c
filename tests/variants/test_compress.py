"""`compress`, and the command that calls it."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from compsel import Model
from compsel.cli.main import main
from compsel.errors import StorageError
from compsel.networks import build
from compsel.techniques import parse
from compsel.variants.compress import compress
from tests.reporters import Heard
from tests.techniques.foreign import convolutional, token_classifier, without_layers
from tests.techniques.inputs import PHOTOGRAPHS, Photographs, SeededTensors


def test_files_or_reasons(tmp_path: Path) -> None:
    model = convolutional()
    specs = ["none", "int8-static", "resolution:32", "prune:1.0"]
    heard = Heard()
    reports = compress(
        [model],
        [parse(spec) for spec in specs],
        SeededTensors(model),
        tmp_path,
        heard,
    )
    assert heard.loops == ["compress"]
    assert [report.technique for report in reports] == specs
    kept = {report.technique: report for report in reports if report.path}
    assert set(kept) == {"none", "int8-static"}
    for report in kept.values():
        assert report.path is not None and report.size_bytes == report.path.stat().st_size
        assert Model.load(report.path).technique == report.technique and report.reason == ""
    reasons = {report.technique: report.reason for report in reports if not report.path}
    assert "no image preprocessing" in reasons["resolution:32"]
    assert "no longer depends on the input" in reasons["prune:1.0"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["foreign.int8-static.onnx", "foreign.none.onnx"]


def test_missing_samples_are_a_reason(tmp_path: Path) -> None:
    (report,) = compress([convolutional()], [parse("int8-static")], None, tmp_path)
    assert report.path is None and "needs calibration samples" in report.reason


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        compress([convolutional()], [parse("none")], None, tmp_path / "file" / "out")


def test_paths_and_weights_beside_the_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = build("mobilenet-v1", width=0.25, resolution=32).save(tmp_path / "net.onnx")
    monkeypatch.setattr(Model.save, "__kwdefaults__", {"external_from_bytes": 0})
    reports = compress([path], [parse("none"), parse("prune:1.0")], Photographs().spread(4), tmp_path / "out")
    kept, refused = reports
    assert kept.path is not None and refused.path is None
    graph, weights = sorted((tmp_path / "out").iterdir(), key=lambda file: file.suffix)
    assert (graph.suffix, weights.suffix) == (".onnx", ".weights")  # and nothing of what was refused
    assert kept.size_bytes == graph.stat().st_size + weights.stat().st_size
    assert Model.load(kept.path).outputs


def test_the_table_says_what_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token_classifier().save(tmp_path / "m.onnx")
    command = ["compress", str(tmp_path / "m.onnx"), "--technique", "none", "--out", str(tmp_path / "out")]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "no samples were given: compared on made-up inputs" in printed


def photographs(folder: Path) -> Path:
    import cv2

    folder.mkdir()
    for index, name in enumerate(PHOTOGRAPHS):
        cv2.imwrite(str(folder / f"{name}.png"), Photographs().value(index)[:, :, ::-1])
    return folder


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build("mobilenet-v1", width=0.25, resolution=64).save(tmp_path / "net.onnx")
    samples = photographs(tmp_path / "photographs")
    arguments = ["--technique", "int8-static", "--technique", "resolution:48+int8-static", "--samples", str(samples)]
    report = tmp_path / "report.json"
    out = tmp_path / "out"
    status = main(["compress", str(tmp_path / "net.onnx"), *arguments, "--out", str(out), "--json", str(report)])
    assert status == 0
    assert sorted(path.name for path in out.iterdir()) == ["net.int8-static.onnx", "net.resolution-48_int8-static.onnx"]
    variants = json.loads(report.read_text())["variants"]
    assert [variant["technique"] for variant in variants] == ["int8-static", "resolution:48+int8-static"]
    assert all(variant["verification"]["ok"] and Path(variant["path"]).is_file() for variant in variants)
    assert "net.int8-static.onnx" in capsys.readouterr().out


def test_command_on_tensors_with_everything_that_applies(tmp_path: Path) -> None:
    model = token_classifier()
    model.save(tmp_path / "tokens.onnx")
    (tmp_path / "samples").mkdir()
    for index in range(3):
        np.savez(tmp_path / "samples" / f"{index}.npz", **SeededTensors(model).value(index))
    arguments = ["--samples", str(tmp_path / "samples"), "--out", str(tmp_path / "out")]
    assert main(["compress", str(tmp_path / "tokens.onnx"), *arguments]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {f"tokens.{name}.onnx" for name in ("none", "float16", "int8-static", "int8-dynamic")} <= names


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--technique", "int9"], "got technique 'int9'"),
        (["--calibration", "0"], "--calibration: got 0, allowed is 1 or more"),
        (["--samples", "nowhere"], "nowhere: no such file or folder"),
    ],
)
def test_bad_input_is_one_line(
    extra: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    convolutional().save(tmp_path / "m.onnx")
    assert main(["compress", str(tmp_path / "m.onnx"), *extra, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_nothing_written_is_a_failure(tmp_path: Path) -> None:
    onnx.save_model(without_layers().proto, tmp_path / "m.onnx")
    assert main(["compress", str(tmp_path / "m.onnx"), "--technique", "int8-dynamic", "--out", str(tmp_path)]) == 1
