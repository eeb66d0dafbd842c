"""What others write beside a model, or into it, is read and said; what the caller says comes first."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from compsel.errors import ModelError, SamplesError, UsageError
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.models.model import Model
from tests.foreign_classifiers import SIDE, colours, nearest_colour
from tests.text_models import LABELS, classifier, save_tokenizer

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
PLAIN = ImagePreprocessing((SIDE, SIDE))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An export without a word on its preprocessing, 10 classes."""
    onnx.save(nearest_colour(colours(10), PLAIN).proto, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


PROCESSORS = [  # as transformers writes them; what is seen is SIDE pixels here, the share counts
    ({"feature_extractor_type": "ViTFeatureExtractor", "size": 224, "resample": 2, "image_mean": [0.5] * 3,
      "image_std": [0.5] * 3}, (1.0, "stretch", "bilinear", (127.5,) * 3, (127.5,) * 3, "RGB")),
    ({"image_processor_type": "ConvNextImageProcessor", "crop_pct": 0.875, "size": {"shortest_edge": 224},
      "resample": 3, **IMAGENET}, (0.875, "crop", "bicubic", MEAN, STD, "RGB")),
    ({"image_processor_type": "ConvNextImageProcessor", "crop_pct": None, "size": {"shortest_edge": 384},
      "resample": 3, **IMAGENET}, (1.0, "stretch", "bicubic", MEAN, STD, "RGB")),
    ({"image_processor_type": "MobileNetV2ImageProcessor", "do_center_crop": True, "size": {"shortest_edge": 256},
      "crop_size": {"height": 224, "width": 224}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
     (0.875, "crop", "bilinear", (127.5,) * 3, (127.5,) * 3, "RGB")),
    ({"feature_extractor_type": "DeiTFeatureExtractor", "do_center_crop": True, "size": {"height": 256, "width": 256},
      "crop_size": 224, "resample": 3, **IMAGENET}, (0.875, "stretch", "bicubic", MEAN, STD, "RGB")),
    ({"image_processor_type": "MobileViTImageProcessor", "do_center_crop": True, "crop_size": 256, "size":
      {"shortest_edge": 288}, "do_flip_channel_order": True, "do_normalize": False},
     (256 / 288, "crop", "bilinear", (0.0,) * 3, (255.0,) * 3, "BGR")),
    ({"image_processor_type": "EfficientNetImageProcessor", "size": {"height": 224, "width": 224}, "rescale_factor":
      0.00784313725490196, "rescale_offset": True, "do_normalize": False},
     (1.0, "stretch", "bilinear", (127.5,) * 3, (127.5,) * 3, "RGB")),
]  # fmt: skip


@pytest.mark.parametrize(("content", "wanted"), PROCESSORS)
def test_image_processors_of_transformers(content: dict[str, Any], wanted: tuple[Any, ...], path: Path) -> None:
    path.with_name("preprocessor_config.json").write_text(json.dumps(content))
    model = Model.load(path)
    found = model.preprocessing
    assert isinstance(found, ImagePreprocessing) and found.resolution == (SIDE, SIDE)
    np.testing.assert_allclose([*found.mean, *found.std], [*wanted[3], *wanted[4]], rtol=1e-4)
    assert found.crop_fraction == pytest.approx(wanted[0])
    assert (found.fit, found.interpolation, found.channels) == (wanted[1], wanted[2], wanted[5])
    assert any(note.startswith("preprocessing from preprocessor_config.json: resize=") for note in model.notes)


def test_configuration_of_timm_and_names_of_classes(path: Path) -> None:
    names = [f"class {number}" for number in range(10)]
    configuration = {"input_size": [3, 224, 224], "crop_pct": 0.95, "crop_mode": "squash", "interpolation": "bicubic"}
    content = {"pretrained_cfg": {**configuration, "mean": [0.5] * 3, "std": [0.5] * 3}, "label_names": names}
    path.with_name("config.json").write_text(json.dumps(content))
    model = Model.load(path)
    assert model.preprocessing == ImagePreprocessing(
        (SIDE, SIDE), 0.95, "stretch", "bicubic", (127.5,) * 3, (127.5,) * 3
    )
    assert model.labels == tuple(names) and "names of 10 classes from config.json" in model.notes
    # a copy knows by itself what was found beside the first
    again = Model.load(model.save(path.parent / "copy" / "model.onnx"))
    assert (again.preprocessing, again.labels, again.notes) == (model.preprocessing, model.labels, ())


def test_files_of_the_model_lie_above_the_folder_onnx(path: Path) -> None:
    path.with_name("config.json").write_text(json.dumps({"id2label": {str(n): f"c{n}" for n in range(10)}}))
    (path.parent / "onnx").mkdir()
    below = path.rename(path.parent / "onnx" / "model.onnx")
    assert Model.load(below).labels[3] == "c3"


@pytest.mark.parametrize(
    ("metadata", "mean", "std", "channels"),
    [
        ({"Image.NominalPixelRange": "NominalRange_0_255", "Image.BitmapPixelFormat": "Bgr8"}, 0.0, 1.0, "BGR"),
        ({"Image.NominalPixelRange": "Normalized_1_1", "Image.BitmapPixelFormat": "Rgb8"}, 127.5, 127.5, "RGB"),
        ({"task": "classify", "imgsz": "[224, 224]", "names": str({n: f"c{n}" for n in range(10)})}, 0.0, 255.0, "RGB"),
    ],
)
def test_metadata_of_the_graph(metadata: dict[str, str], mean: float, std: float, channels: str, path: Path) -> None:
    proto = onnx.load(path)
    for key, value in metadata.items():
        proto.metadata_props.add(key=key, value=value)
    onnx.save(proto, path)
    model = Model.load(path)
    assert isinstance(model.preprocessing, ImagePreprocessing)
    assert (model.preprocessing.mean[0], model.preprocessing.std[0]) == (mean, std)
    assert model.preprocessing.channels == channels
    assert model.labels == (tuple(f"c{n}" for n in range(10)) if "names" in metadata else ())


def test_what_the_caller_says_comes_first(path: Path) -> None:
    path.with_name("preprocessor_config.json").write_text(json.dumps(PROCESSORS[0][0]))
    path.with_name("labels.txt").write_text("".join(f"l{n}\n" for n in range(10)))
    (path.parent / "mine.txt").write_text("".join(f"m{n}\n" for n in range(10)))
    model = Model.load(path, preprocess="caffe", classes=path.parent / "mine.txt")
    assert model.labels[0] == "m0" and model.preprocessing.channels == "BGR"
    assert Model.load(path, preprocess=PLAIN).preprocessing == PLAIN
    assert Model.load(path, preprocess="auto").labels[9] == "l9"
    assert Model.load(path, classes=[f"n{n}" for n in range(10)]).labels[9] == "n9"


def test_lists_that_do_not_fit_are_said_or_refused(path: Path) -> None:
    path.with_name("labels.txt").write_text("a\nb\n")
    model = Model.load(path)
    assert model.labels == () and "labels.txt names 2 classes, the model has 10: ignored" in model.notes
    with pytest.raises(UsageError, match=r"got 2 names, but .* has 10 classes: give one each"):
        Model.load(path, classes=path.with_name("labels.txt"))
    with pytest.raises(SamplesError, match=r"gone.txt: cannot be read"):
        Model.load(path, classes=path.with_name("gone.txt"))


def test_damaged_files_are_refused_with_what_to_do(path: Path) -> None:
    path.with_name("preprocessor_config.json").write_text('{"size": {"shortest_edge": 224}, "image_mean": ["x"]}')
    with pytest.raises(
        ModelError, match=r"preprocessor_config.json: the preprocessing in it cannot be read .* give --pre"
    ):
        Model.load(path)
    path.with_name("preprocessor_config.json").write_text("[")
    assert Model.load(path).preprocessing is None


def test_a_preprocessing_for_a_model_without_pictures(tmp_path: Path) -> None:
    onnx.save(classifier().proto, tmp_path / "text.onnx")
    with pytest.raises(UsageError, match=r"says what becomes of pictures, but .* takes .*int64"):
        Model.load(tmp_path / "text.onnx", preprocess="raw")


def test_texts(tmp_path: Path) -> None:
    onnx.save(replace(classifier(), labels=()).proto, tmp_path / "model.onnx")
    save_tokenizer(tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer_config.json").write_text('{"model_max_length": 77}')
    (tmp_path / "config.json").write_text(json.dumps({"id2label": dict(enumerate(LABELS))}))
    model = Model.load(tmp_path / "model.onnx")
    assert model.labels == LABELS
    assert "texts are tokenized by tokenizer.json, cut at 77 tokens" in model.notes


def test_the_rate_of_sounds_is_said_and_kept(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["input_values"], ["y"])],
        "sound",
        [helper.make_tensor_value_info("input_values", TensorProto.FLOAT, [1, None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, None])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "a.onnx")
    (tmp_path / "preprocessor_config.json").write_text('{"sampling_rate": 16000, "feature_size": 1}')
    model = Model.load(tmp_path / "a.onnx")
    assert any("16,000 Hz" in note for note in model.notes)
    again = Model.load(model.save(tmp_path / "copy" / "a.onnx"))
    assert {entry.key: entry.value for entry in again.proto.metadata_props}["compsel.sampling_rate"] == "16000"
