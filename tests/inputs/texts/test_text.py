"""Texts become what a model takes: tokens by name, type and length, or strings; sizes are tokens."""

import json
from pathlib import Path

import numpy as np
import pytest

from compsel.errors import InputError, ModelError
from compsel.inputs.modalities import modality_of
from compsel.inputs.preprocessing import Preprocessing
from compsel.inputs.tensor_specs import TensorSpec
from compsel.inputs.tensors import TENSORS
from compsel.inputs.text import TEXT
from compsel.inputs.texts.preprocessing import TextPreprocessing, text_preprocessing
from tests.inputs.modality_checks import PlainModel
from tests.text_models import WORDS, save_tokenizer, words_tokenizer


def tokenized(*specs: TensorSpec, most: int = 16) -> PlainModel:
    return PlainModel("model", specs, TextPreprocessing.of_file(words_tokenizer(), most))


def strings(*shape: int | None) -> PlainModel:
    return PlainModel("strings", (TensorSpec("text", "string", shape),), None)


@pytest.mark.parametrize(
    "names",
    [
        ("input_ids", "attention_mask", "token_type_ids"),
        ("input_ids:0", "input_mask:0", "segment_ids:0"),
        ("input_word_ids", "input_mask", "input_type_ids"),
        ("model/input_ids", "model/attention_mask", "model/token_type_ids"),
    ],
)
@pytest.mark.parametrize("dtype", ["int64", "int32"])
def test_tokens_are_fed_by_name_whatever_the_order(names: tuple[str, ...], dtype: str) -> None:
    model = tokenized(*(TensorSpec(name, dtype, (None, None)) for name in reversed(names)))
    feeds = TEXT.feeds(model, "turn off")
    wanted = [[WORDS.index(word) for word in ("[CLS]", "turn", "off", "[SEP]")]]
    assert [feeds[name].tolist() for name in names] == [wanted, [[1] * 4], [[0] * 4]]
    assert {array.dtype.name for array in feeds.values()} == {dtype}


def test_inputs_of_a_fixed_length_are_filled_up_and_masked() -> None:
    specs = [TensorSpec(name, "int64", (1, 6)) for name in ("input_ids", "attention_mask")]
    feeds = TEXT.feeds(tokenized(*specs), "turn off")
    assert feeds["input_ids"][0, 4:].tolist() == [WORDS.index("[PAD]")] * 2
    assert feeds["attention_mask"].tolist() == [[1, 1, 1, 1, 0, 0]]
    assert TEXT.feeds(tokenized(*specs), "turn off the lamp please now")["input_ids"].shape == (1, 6)
    assert TEXT.largest_size(tokenized(*specs)) is None


@pytest.mark.parametrize(("length", "dtype"), [(None, "int64"), (6, "int32")])
def test_places_of_tokens_are_fed_where_a_model_asks_for_them(length: int | None, dtype: str) -> None:
    model = tokenized(*(TensorSpec(name, dtype, (None, length)) for name in ("position_ids", "input_ids")))
    feeds = TEXT.feeds(model, "turn off")
    assert feeds["position_ids"].tolist() == [list(range(length or 4))]
    assert feeds["input_ids"].shape == (1, length or 4)
    assert {array.dtype.name for array in feeds.values()} == {dtype}


def test_an_input_that_no_tokenizer_gives_is_named() -> None:
    model = tokenized(TensorSpec("input_ids", "int64", (None, None)), TensorSpec("pixel_values", "float32", None))
    with pytest.raises(InputError, match="pixel_values"):
        TEXT.feeds(model, "turn off")


@pytest.mark.parametrize("shape", [(), (None,), (1,), (None, 1), (1, 1)])
def test_models_of_one_string_take_texts_as_they_are(shape: tuple[int | None, ...]) -> None:
    model = strings(*shape) if shape else PlainModel("open", (TensorSpec("text", "string", None),), None)
    assert modality_of(model) is TEXT
    feed = TEXT.feeds(model, "Turn OFF")["text"]
    assert feed.ravel().tolist() == ["Turn OFF"] and feed.ndim == (len(shape) or 1)


@pytest.mark.parametrize(
    "specs",
    [
        (TensorSpec("table", "string", (None, 7)),),
        (TensorSpec("a", "string", (None,)), TensorSpec("b", "string", (None,))),
        (TensorSpec("ids", "int64", (None, None)),),
    ],
)
def test_other_models_without_preprocessing_take_tensors(specs: tuple[TensorSpec, ...]) -> None:
    assert modality_of(PlainModel("other", specs, None)) is TENSORS


def test_a_text_for_a_model_of_tensors_says_what_is_missing() -> None:
    model = PlainModel("encoder", (TensorSpec("input_ids", "int64", (None, None)),), None)
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        TENSORS.feeds(model, "turn off")


def test_the_size_is_what_the_model_reads() -> None:
    model = tokenized(TensorSpec("input_ids", "int64", (None, None)), most=6)
    assert TEXT.size("turn off the lights!") == 5.0
    assert TEXT.size("turn off", model) == 4.0
    assert TEXT.size("turn off the lamp please now in my", model) == 6.0 == TEXT.largest_size(model)
    assert TEXT.size(TEXT.feeds(model, "turn off")) == 4.0


@pytest.mark.parametrize("size", [3, 5, 40, 200])
def test_resized_texts_have_that_size_and_the_same_words(size: int) -> None:
    model = tokenized(TensorSpec("input_ids", "int64", (None, None)), most=512)
    text = TEXT.resized("turn off the lamp", size, model)
    assert TEXT.size(text, model) == size
    assert set(text.split()) <= {"turn", "off", "the", "lamp"}


def test_made_up_texts_are_words_that_the_tokenizer_knows() -> None:
    model = tokenized(TensorSpec("input_ids", "int64", (None, None)))
    texts = TEXT.synthetic(model, 3, lambda feeds: "")
    assert all(WORDS.index("[UNK]") not in TEXT.feeds(model, text)["input_ids"] for text in texts)
    assert len({len(text.split()) for text in texts}) > 1
    with pytest.raises(InputError, match=r"too long\): give samples"):
        TEXT.synthetic(model, 1, lambda feeds: "too long")


def test_the_tokenizer_is_found_under_any_name_and_checked_by_its_hash(tmp_path: Path) -> None:
    stored = TextPreprocessing.from_dict(TextPreprocessing.of_file(words_tokenizer(), 8).to_dict())
    with pytest.raises(ModelError, match="not opened"):
        stored.open()
    with pytest.raises(ModelError, match="keep it beside the model"):
        stored.opened(tmp_path)
    save_tokenizer(tmp_path / "tokenizer.json", truncation=4)  # another one
    beside = tmp_path / "model.tokenizer.json"
    beside.write_bytes(words_tokenizer().read_bytes())
    found = stored.opened(tmp_path)
    assert found.files == (beside,) and found == stored and found.open().encode("turn", 8).ids.shape == (1, 3)
    beside.write_bytes(beside.read_bytes() + b" ")
    with pytest.raises(ModelError, match="keep it beside the model"):
        stored.opened(tmp_path)


@pytest.mark.parametrize(
    ("files", "fixed", "most"),
    [
        ({}, None, 256),
        ({"tokenizer_config.json": {"model_max_length": 512}}, None, 512),
        (
            {"tokenizer_config.json": {"model_max_length": 1e30}, "config.json": {"max_position_embeddings": 77}},
            None,
            77,
        ),
        ({"config.json": {"max_position_embeddings": 512}}, 128, 128),
        ({"config.json": []}, None, 256),
    ],
)
def test_a_text_is_cut_where_the_model_says(
    files: dict[str, object], fixed: int | None, most: int, tmp_path: Path
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    assert text_preprocessing(save_tokenizer(tmp_path / "tokenizer.json"), fixed).max_tokens == most


def test_what_the_tokenizer_cuts_at_comes_first(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 512}')
    assert text_preprocessing(save_tokenizer(tmp_path / "tokenizer.json", truncation=24)).max_tokens == 24


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 0},
        {"max_tokens": "8"},
        {"tokenizer": "../tokenizer.json", "sha256": "0"},
        {"tokenizer": "tokenizer.json"},
        {"sha256": "0"},
    ],
)
def test_fields_that_are_not_allowed_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="preprocessing: got"):
        TextPreprocessing.from_dict({"kind": "text", **fields})


def test_other_preprocessings_need_no_files() -> None:
    class Plain(Preprocessing):
        kind = "plain"

        def to_dict(self) -> dict[str, object]:
            return {}

        @classmethod
        def from_dict(cls, content: object) -> "Plain":
            return cls()

    plain = Plain()
    assert plain.opened(Path()) is plain and plain.files == () == plain.file_names


def test_named_tensors_have_the_size_of_their_longest_row() -> None:
    assert TEXT.size({"input_ids": np.zeros((1, 7), np.int64)}) == 7.0
