"""The commands on a classifier of pictures as others export it: one option for all that the file does not say."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from compsel.cli.answer_rows import rows_of
from compsel.cli.main import main
from compsel.inputs.images.conventions import GEOMETRIES, NORMALISATIONS, preprocessing_of
from compsel.inputs.images.image_input import ImageInput
from compsel.models.model import Model
from compsel.runtime.answer import Answer, Stage
from tests.foreign_classifiers import SIDE, coloured, colours, nearest_colour

MEANS = colours(10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`model.onnx`, and photographs with labels."""
    folder = tmp_path_factory.mktemp("foreign")
    taken = ImageInput("NCHW", SIDE, SIDE, 3, "float32")
    wanted = preprocessing_of(NORMALISATIONS["caffe"], GEOMETRIES["whole"], taken, (SIDE, SIDE))
    onnx.save(nearest_colour(MEANS, wanted).proto, folder / "model.onnx")
    (folder / "photographs").mkdir()
    rows = ["file,label"]
    for number, sample in enumerate(coloured(MEANS, 40)):
        cv2.imwrite(str(folder / "photographs" / f"{number}.png"), sample.value[:, :, ::-1])
        rows.append(f"{number}.png,{sample.label}")
    (folder / "photographs" / "labels.csv").write_text("\n".join(rows))
    (folder / "unlabelled").mkdir()
    for number in range(20):
        cv2.imwrite(str(folder / "unlabelled" / f"{number}.png"), np.full((20, 20, 3), number, np.uint8))
    return folder


def compress(folder: Path, out: Path, *more: str, samples: str = "photographs") -> int:
    arguments = ["compress", str(folder / "model.onnx"), "--technique", "float16", "--out", str(out)]
    return main([*arguments, "--samples", str(folder / samples), *more])


def test_compress_finds_out_and_writes_it(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compress(folder, tmp_path) == 0
    assert (
        "model: preprocessing: caffe, whole (resize=16,crop=16,mean=103.939/116.779/123.68" in capsys.readouterr().err
    )
    (written,) = tmp_path.glob("*.onnx")
    assert Model.load(written).preprocessing.channels == "BGR"


def test_compress_takes_what_is_said(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "names.txt").write_text("".join(f"colour {number}\n" for number in range(10)))
    more = ["--preprocess", "resize=18,crop=16,mean=0,std=1", "--classes", str(tmp_path / "names.txt")]
    assert compress(folder, tmp_path / "out", *more, samples="unlabelled") == 0
    assert "preprocessing as given: resize=18,crop=16,mean=0,std=1" in capsys.readouterr().err
    (written,) = (tmp_path / "out").glob("*.onnx")
    model = Model.load(written)
    assert model.labels[3] == "colour 3" and model.preprocessing.std == (255.0,) * 3


@pytest.mark.parametrize("command", ["build", "compress", "profile", "characterize", "head"])
def test_every_verb_asks_where_there_are_no_labels(
    command: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [command, str(folder / "model.onnx"), "--samples", str(folder / "unlabelled")]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert "model takes pictures, and nothing says how they are prepared: give --preprocess" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["build", "compress", "profile", "characterize", "head"])
def test_every_verb_refuses_a_wrong_word(
    command: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [command, str(folder / "model.onnx"), "--samples", str(folder / "photographs"), "--preprocess", "tims"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert "preprocess: got 'tims', allowed are auto, a name (torchvision, timm" in capsys.readouterr().err


def test_a_thousand_classes_are_not_imagenets() -> None:
    scores = np.arange(1000.0)[None]
    answer = Answer([scores], 1.0, (Stage("net/none", "cpu:1", 1.0, 1.0),), output="logits")
    (row,) = rows_of([("a.png", answer)])
    assert row["name"] == row["top"][0]["name"] == "999"
