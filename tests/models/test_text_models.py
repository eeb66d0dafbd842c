"""Models of texts: the tokenizer travels beside the file, the names of classes in it; pipelines of strings are read."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from compsel.errors import ModelError
from compsel.inputs.modalities import modality_of
from compsel.inputs.text import TEXT
from compsel.inputs.texts.preprocessing import TextPreprocessing
from compsel.models.model import Model
from compsel.models.synthetic_inputs import synthetic_inputs
from tests.text_models import LABELS, classifier, save_tokenizer, string_pipeline, words_tokenizer


def test_tokenizer_and_names_travel_with_the_model(tmp_path: Path) -> None:
    model = classifier()
    path = model.save(tmp_path / "words.onnx")
    assert (tmp_path / "words.tokenizer.json").read_bytes() == words_tokenizer().read_bytes()
    again = Model.load(path)
    assert again.preprocessing == model.preprocessing and again.labels == LABELS
    assert again.fingerprint() == model.fingerprint() and modality_of(again) is TEXT
    renamed = path.rename(tmp_path / "renamed.onnx")
    assert Model.load(renamed).preprocessing == model.preprocessing
    (tmp_path / "words.tokenizer.json").unlink()
    with pytest.raises(ModelError, match="keep it beside the model"):
        Model.load(renamed)
    assert Model.load(renamed, tokenizer=words_tokenizer()).preprocessing is not None


@pytest.mark.parametrize("name", ["tokenizer.json", "plain.tokenizer.json"])
def test_a_tokenizer_beside_a_plain_export_is_found(name: str, tmp_path: Path) -> None:
    onnx.save(classifier(length=12).proto, tmp_path / "plain.onnx")
    assert Model.load(tmp_path / "plain.onnx").preprocessing is None
    save_tokenizer(tmp_path / name, truncation=64)
    found = Model.load(tmp_path / "plain.onnx").preprocessing
    assert isinstance(found, TextPreprocessing) and found.max_tokens == 12
    named = Model.load(tmp_path / "plain.onnx", tokenizer=words_tokenizer())
    assert named.preprocessing == TextPreprocessing.of_file(words_tokenizer(), 12)


def test_a_tokenizer_beside_models_of_other_inputs_is_left_alone(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "relu",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "relu.onnx")
    save_tokenizer(tmp_path / "tokenizer.json")
    assert Model.load(tmp_path / "relu.onnx").preprocessing is None
    with pytest.raises(ModelError, match="no tokenizer makes"):
        Model.load(tmp_path / "relu.onnx", tokenizer=tmp_path / "tokenizer.json")


@pytest.mark.parametrize("labels", ['{"a": 1}', "[1]", "["])
def test_damaged_names_of_classes_are_refused(labels: str, tmp_path: Path) -> None:
    proto = classifier().proto
    proto.metadata_props.add(key="compsel.labels", value=labels)
    onnx.save(proto, tmp_path / "a.onnx")
    with pytest.raises(ModelError, match="labels in the model's metadata"):
        Model.load(tmp_path / "a.onnx")


def test_made_up_texts_run(tmp_path: Path) -> None:
    assert all(isinstance(text, str) for text in synthetic_inputs(classifier()))
    onnx.save(string_pipeline(), tmp_path / "pipeline.onnx")
    assert all(isinstance(text, str) for text in synthetic_inputs(Model.load(tmp_path / "pipeline.onnx")))


@pytest.mark.parametrize("zipmap", [True, False])
def test_a_pipeline_of_scikit_learn_gives_its_scores_first(zipmap: bool, tmp_path: Path) -> None:
    onnx.save(string_pipeline(zipmap=zipmap), tmp_path / "pipeline.onnx")
    model = Model.load(tmp_path / "pipeline.onnx", tokenizer=words_tokenizer())
    assert model.preprocessing is None and model.labels == LABELS
    assert (model.outputs[0].dtype, model.outputs[0].shape) == ("float32", (None, 3))
    session = onnxruntime.InferenceSession(model.serialize())
    scores, label = session.run(None, TEXT.feeds(model, "play THE song"))
    assert label.tolist() == ["music"] and scores.argmax() == LABELS.index("music")
    assert Model.load(model.save(tmp_path / "again.onnx")).fingerprint() == model.fingerprint()


def test_models_of_strings_without_scores_stay_as_they_are(tmp_path: Path) -> None:
    proto = string_pipeline()
    del proto.graph.output[1]
    onnx.save(proto, tmp_path / "labels.onnx")
    model = Model.load(tmp_path / "labels.onnx")
    assert [spec.dtype for spec in model.outputs] == ["string"] and model.labels == ()


def test_weights_are_those_of_the_graph() -> None:
    """The classifier of the tests is right where a word of a topic stands."""
    session = onnxruntime.InferenceSession(classifier(blocks=2).serialize())
    for text, label in (("turn off the lamp", "lights"), ("will it rain today", "weather"), ("play my album", "music")):
        scores = session.run(None, TEXT.feeds(classifier(), text))[0]
        assert LABELS[int(np.argmax(scores))] == label
    assert numpy_helper.to_array(classifier().proto.graph.initializer[0]).shape[1] == 8
