"""The modalities of the library and one more obey the contract; one more takes one file and one line of the table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import compsel
from compsel.building.options import Measuring
from compsel.errors import InputError
from compsel.extending.lazy_table import LazyTable
from compsel.inputs import modalities
from compsel.inputs.image import IMAGE
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.modality import Modality
from compsel.inputs.tensor_specs import TensorSpec
from compsel.inputs.tensors import TENSORS
from compsel.inputs.text import TEXT
from compsel.inputs.texts.preprocessing import TextPreprocessing
from compsel.models.model import Model
from compsel.profiling.latency import Criterion
from tests.inputs.audio import AUDIO, AudioPreprocessing
from tests.inputs.modality_checks import CHECKS, Case, PlainModel
from tests.text_models import words_tokenizer

_RNG = np.random.default_rng(3)
_PIXELS = _RNG.integers(0, 256, (30, 40, 3), np.uint8)
_WAVE = (_RNG.uniform(-1, 1, 40) * 2**14).astype("<i2").tobytes()
_TOKENS = {"tokens": np.ones((1, 12), np.int64), "mask": np.ones((1, 12), np.float32)}


def write_images(folder: Path) -> None:
    for name in ("a.png", "b.png"):
        assert cv2.imwrite(str(folder / name), _PIXELS)


def write_tensors(folder: Path) -> None:
    for name in ("a.npz", "b.npz"):
        np.savez(folder / name, label=3, **_TOKENS)


def write_waves(folder: Path) -> None:
    for name in ("0-a.pcm", "1-b.pcm"):
        (folder / name).write_bytes(_WAVE)


def write_texts(folder: Path) -> Path:
    (folder / "texts.csv").write_text("text,label\nturn off the lights,1\nhow are you?,0\n", encoding="utf-8")
    return folder / "texts.csv"


TEXT_CASE = Case(
    TEXT,
    PlainModel(
        "text",
        tuple(TensorSpec(name, "int64", (None, None)) for name in ("input_ids", "attention_mask", "token_type_ids")),
        TextPreprocessing.of_file(words_tokenizer(), max_tokens=512),
    ),
    ("turn off the lights", "how are you", "one two three four five six seven eight nine ten"),
    (None, 3, b"how", "", "  \n", ["how"], {"x": np.zeros(3)}),
    (None, 3, "", ["how"], "a\ud800"),
    write_texts,
)
STRING_CASE = Case(
    TEXT,
    PlainModel("strings", (TensorSpec("text", "string", (None, 1)),), None),
    ("turn off the lights", "how"),
    (None, b"how", ""),
    (None, "", 3),
    write_texts,
)
CASES = [
    TEXT_CASE,
    STRING_CASE,
    Case(
        IMAGE,
        PlainModel("image", (TensorSpec("x", "float32", (None, 3, 16, 16)),), ImagePreprocessing((16, 16))),
        (
            _PIXELS,
            *(cv2.imencode(kind, _PIXELS)[1].tobytes() for kind in (".png", ".jpg")),
            np.zeros((5, 7), np.uint16),
        ),
        (None, 3, b"", "absent.png", {"x": np.zeros(3)}, np.zeros((4, 4, 3), np.float32)),
        (None, "photo.png", np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)),
        write_images,
    ),
    Case(
        TENSORS,
        PlainModel(
            "tensors", (TensorSpec("tokens", "int64", (None, None)), TensorSpec("mask", "float32", (None, None))), None
        ),
        (_TOKENS,),
        (None, 3, b"", "absent.npz"),
        (None, _PIXELS, {"tokens": _TOKENS["tokens"]}, {**_TOKENS, "mask": np.ones((1, 12))}),
        write_tensors,
    ),
    Case(
        AUDIO,
        PlainModel("audio", (TensorSpec("wave", "float32", (None, 32)),), AudioPreprocessing(32)),
        (_WAVE, _WAVE[:20]),
        (None, b"", b"abc"),
        (None, _WAVE, np.zeros((2, 2), np.float32)),
        write_waves,
    ),
]


@pytest.fixture(autouse=True)
def with_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one line: audio stands in the table."""
    monkeypatch.setattr(modalities, "MODALITIES", LazyTable({"audio": AUDIO, **modalities.MODALITIES}))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_modality(case: Case, check: Callable[[Case, Path], None], tmp_path: Path) -> None:
    check(case, tmp_path)


def test_every_modality_is_checked() -> None:
    assert {case.modality for case in CASES} == set(modalities.MODALITIES.values())
    assert all(modality.name == name for name, modality in modalities.MODALITIES.items())


def test_the_last_of_the_table_takes_every_model() -> None:
    assert all(list(modalities.MODALITIES.values())[-1].takes(case.model) for case in CASES)


def test_an_incomplete_modality_cannot_be_made() -> None:
    class Incomplete(Modality):
        name = "incomplete"
        preprocessing = None

        def decode(self, source: Any) -> Any:
            return source

    with pytest.raises(TypeError, match="abstract"):
        Incomplete()  # wrong, on purpose


@pytest.mark.parametrize("size", [float("nan"), -1.0, float("inf")])
def test_the_base_class_refuses_sizes_that_break_the_contract(size: float) -> None:
    class Broken(type(AUDIO)):  # the class of a table's entry
        def _size(self, value: Any, model: Any) -> float:
            return size

    with pytest.raises(InputError, match="defect of the modality"):
        Broken().size(None)


def test_the_base_class_refuses_feeds_that_break_the_contract() -> None:
    class Broken(type(AUDIO)):  # the class of a table's entry
        def _feeds(self, model: Any, value: Any) -> dict[str, np.ndarray]:
            return {"wave": np.zeros((1, 3), np.float32)}

    with pytest.raises(InputError, match="got shape"):
        Broken().feeds(CASES[-1].model, np.zeros(3, np.float32))


def test_tensors_of_equal_length_stay_so_and_fixed_axes_as_they_are() -> None:
    specs = (TensorSpec("x", "float32", (None, None, 4)), TensorSpec("mask", "int64", (None, None, None)))
    model = PlainModel("tensors", specs, None)
    value = {"x": np.arange(24, dtype=np.float32).reshape(1, 6, 4), "mask": np.ones((1, 6, 6), np.int64)}
    longer = TENSORS.resized(value, 192, model)
    assert longer["x"].shape == (1, 12, 4) and longer["mask"].shape == (1, 12, 12)
    np.testing.assert_array_equal(longer["x"][:, 6:], value["x"])
    assert TENSORS.resized(value, 1, model)["mask"].shape == (1, 1, 1)
    fixed = PlainModel("fixed", (TensorSpec("x", "float32", (None, 6, 4)),), None)
    np.testing.assert_equal(TENSORS.resized({"x": value["x"]}, 1e6, fixed), {"x": value["x"]})


def test_an_unknown_kind_of_preprocessing_names_the_known_ones() -> None:
    with pytest.raises(compsel.errors.ModelError, match="got kind 'smell', allowed is 'audio' or 'image' or 'text'"):
        modalities.preprocessing_from_dict({"kind": "smell"})


def loudness() -> Model:
    """A classifier of waveforms: quiet or loud."""
    proto = onnx.ModelProto(ir_version=8, opset_import=[helper.make_opsetid("", 17)])
    weight = np.stack([np.zeros(32), np.full(32, 4.0)], axis=1).astype(np.float32)
    graph = proto.graph
    graph.name = "loudness"
    graph.node.extend(
        [
            helper.make_node("Abs", ["wave"], ["absolute"]),
            helper.make_node("Gemm", ["absolute", "weight", "bias"], ["scores"]),
        ]
    )
    graph.initializer.extend(
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(np.array([30, 0], np.float32), "bias")]
    )
    graph.input.append(helper.make_tensor_value_info("wave", TensorProto.FLOAT, ["n", 32]))
    graph.output.append(helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2]))
    return Model("loudness", proto, AudioPreprocessing(32))


def test_one_more_modality_is_built_loaded_and_answered(tmp_path: Path) -> None:
    path = loudness().save(tmp_path / "loudness.onnx")
    assert modalities.modality_of(Model.load(path)) is AUDIO
    folder = tmp_path / "samples"
    folder.mkdir()
    for number in range(24):
        wave = np.sin(np.arange(40) + number) * (0.05 if number % 2 else 0.9) * 2**15
        (folder / f"{1 - number % 2}-{number}.pcm").write_bytes(wave.astype("<i2").tobytes())
    compsel.build(
        models=[path],
        samples=modalities.open_samples(folder),
        out=tmp_path / "bundle",
        measuring=Measuring(
            techniques=["none"], processors=["cpu:1"], states=["idle"], criterion=Criterion(budget_s=0.5)
        ),
    )
    with compsel.load(tmp_path / "bundle") as runtime:
        for file in folder.glob("*.pcm"):
            assert runtime(file.read_bytes()).label == int(file.name[0])
        with pytest.raises(InputError):
            runtime(b"odd")
        wave = np.ones((1, 32), np.float32)
        assert runtime.run(None, {"wave": wave})[0].argmax() == 1
