"""`compsel characterize` and `compsel report` as they are typed."""

import json

import cv2
import pytest

from compsel.cli.main import main


@pytest.fixture(scope="module")
def world(small_model, crops, tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    small_model.save(folder / "small.onnx")
    (folder / "photographs").mkdir()
    for index in range(4):
        assert cv2.imwrite(str(folder / "photographs" / f"{index}.png"), crops.value(index))
    return folder


def command(world, *more):
    words = ["characterize", world / "small.onnx", "--samples", world / "photographs", "--out", world / "out"]
    return [*map(str, words), "--technique", "prune:0.2", "--processor", "cpu:1", "--budget", "0.02", *more]


def test_tables_pictures_and_json(world, capsys):
    assert main(command(world, "--json", str(world / "result.json"))) == 0
    printed = capsys.readouterr()
    content = json.loads((world / "result.json").read_text(encoding="utf-8"))
    assert content == json.loads((world / "out" / "characterization.json").read_text(encoding="utf-8"))
    assert [row["technique"] for row in content["rows"]] == ["none", "prune:0.2"]
    assert "small/prune:0.2@cpu:1: " in printed.err
    assert "characterization.md" in printed.out
    assert main(command(world)) == 0
    assert "small/prune:0.2@cpu:1: " not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--budget", "0"], "--budget: got 0"),
        (["--calibration", "0"], "--calibration: got 0"),
        (["--technique", "smaller"], "got technique 'smaller'"),
        (["--processor", "cpu:999"], "processor cpu:999 is not available here"),
        (["--part", "9/9"], "holds no samples"),
    ],
)
def test_bad_words_are_known_before_work(world, more, says, capsys):
    assert main(command(world, *more)) == 2
    assert says in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_report_writes_one_page(bundle_folder, tmp_path, capsys):
    out = tmp_path / "report.html"
    assert main(["report", str(bundle_folder), "--out", str(out), "--json", str(tmp_path / "r.json")]) == 0
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["bytes"] == out.stat().st_size
    assert "open it in a browser" in capsys.readouterr().out


def test_report_of_something_else_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "r.html")]) == 2
    assert "neither a bundle" in capsys.readouterr().err
    assert main(["report", str(tmp_path), "--out", "r.html", "--evaluation", str(tmp_path / "no.json")]) == 2
    assert "cannot be read" in capsys.readouterr().err
