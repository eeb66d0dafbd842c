"""A bundle for texts, from the table to the answer: built, shipped, loaded, run, evaluated, ported."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

import compsel
from compsel.building.labels import with_labels
from compsel.building.options import Measuring
from compsel.building.porting.port import port
from compsel.errors import InputError, IntegrityError, ProfileError, SamplesError
from compsel.evaluation.evaluate import evaluate
from compsel.inputs.samples import TextTable
from compsel.inputs.text import TEXT
from compsel.models.model import Model
from compsel.processors import CpuProcessor
from compsel.profiling.latency import Criterion
from compsel.profiling.profile import Profile
from compsel.variants.engine import LOG_PROBABILITIES, TOP_CLASSES, TOP_PROBABILITIES, Engine
from tests.text_models import LABELS, classifier, string_pipeline, words_tokenizer, write_table

MEASURING = Measuring(
    techniques=["none", "int8-dynamic"], processors=["cpu:1"], states=["idle"], criterion=Criterion(budget_s=0.5)
)
TEXTS = {"turn off the LAMP, please": "lights", "will it rain today?": "weather", "play my album now": "music"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of an encoder, a worse one and a pipeline of strings."""
    folder = tmp_path_factory.mktemp("text")
    classifier("big", blocks=3).save(folder / "big.onnx")
    classifier("noisy", noise=0.25).save(folder / "noisy.onnx")
    onnx.save(string_pipeline(), folder / "pipeline.onnx")
    samples = TextTable(write_table(folder / "intents.csv", 90))
    compsel.build(
        models=[folder / name for name in ("big.onnx", "noisy.onnx", "pipeline.onnx")],
        samples=samples,
        out=folder / "bundle",
        measuring=MEASURING,
    )
    return folder / "bundle"


@pytest.fixture(scope="module")
def tokenized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of an encoder alone."""
    folder = tmp_path_factory.mktemp("tokens")
    samples = TextTable(write_table(folder / "intents.csv", 60))
    compsel.build([classifier()], samples, folder / "bundle", measuring=MEASURING)
    return folder / "bundle"


def test_it_answers_texts(built: Path) -> None:
    with compsel.load(built) as runtime:
        assert runtime.modality is TEXT and runtime.bundle.labels == LABELS
        for text, label in TEXTS.items():
            assert LABELS[runtime(text).label] == label
        for source in ("", " ", None, b"turn off", 3):
            with pytest.raises(InputError):
                runtime(source)


def test_every_variant_answers_and_says_how_sure_it_is(built: Path) -> None:
    profile = Profile.load(built.with_name("bundle.work"))
    names = {variant.name for variant in profile.variants}
    assert {"big/none", "big/int8-dynamic", "noisy/none", "pipeline/none"} <= names
    for variant in profile.variants:
        engine = Engine(variant, built.with_name("bundle.work") / "variants", CpuProcessor(1))
        outputs, scores = engine.answer("play my album now")
        assert scores is not None and scores.evidence.n_classes == len(LABELS)
        said = [spec.name for spec in engine.session.outputs]
        assert said[-3:] == [LOG_PROBABILITIES, TOP_PROBABILITIES, TOP_CLASSES]  # the graph says it itself
        assert int(np.argmax(outputs[0])) == int(scores.evidence.classes[0, 0])
        if variant.model != "noisy":
            assert LABELS[int(np.argmax(outputs[0]))] == "music"
        engine.close()


def test_several_rows_in_one_tensor_have_no_single_confidence(built: Path) -> None:
    variant = next(v for v in Profile.load(built.with_name("bundle.work")).variants if v.name == "big/none")
    engine = Engine(variant, built.with_name("bundle.work") / "variants", CpuProcessor(1))
    one = TEXT.feeds(variant, "play my album")
    outputs, scores = engine.answer({name: np.repeat(array, 2, axis=0) for name, array in one.items()})
    assert outputs[0].shape == (2, 3) and scores is None
    engine.close()


def test_the_tokenizer_ships_with_it_hashed(tokenized: Path, tmp_path: Path) -> None:
    wanted = compsel.TextPreprocessing.of_file(words_tokenizer())
    name = f"variants/{wanted.tokenizer}"
    manifest = json.loads((tokenized / "manifest.json").read_text())
    assert manifest["files"][name]["sha256"] == wanted.sha256
    copy = shutil.copytree(tokenized, tmp_path / "copy")
    (copy / name).write_text("{}")
    with pytest.raises(IntegrityError, match="tokenizer"):
        compsel.load(copy)


def test_an_app_imports_nothing_else(tokenized: Path) -> None:
    code = (
        "import sys, compsel\n"
        f"runtime = compsel.load({str(tokenized)!r})\n"
        "assert runtime('play my album now').label == 1\n"
        "heavy = {'onnx', 'sklearn', 'scipy', 'pyarrow', 'pandas', 'xgboost'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_tensors_pass_as_for_an_inference_session(tokenized: Path) -> None:
    with compsel.load(tokenized) as runtime:
        variant = next(iter(runtime.bundle.variants.values()))
        feeds = TEXT.feeds(variant, "will it rain")
        scores = runtime.run(None, {name: np.repeat(array, 2, axis=0) for name, array in feeds.items()})[0]
        assert scores.argmax(axis=1).tolist() == [LABELS.index("weather")] * 2
        assert [spec.name for spec in runtime.get_outputs()] == ["scores"]


def test_it_is_evaluated_and_ported(built: Path, tmp_path: Path) -> None:
    samples = TextTable(write_table(tmp_path / "test.csv", 30, seed=5))
    with compsel.load(built) as runtime:
        content = evaluate(runtime, samples, repeats=1).to_dict()
    assert content["n"] == 30 and content["policies"]["adaptive"]["accuracy"] > 0.9
    ported = port(built, tmp_path / "ported", budget_s=1.0)
    assert ported.pairs
    with compsel.load(tmp_path / "ported") as runtime:
        assert LABELS[runtime("play my album now").label] == "music"


def test_names_of_classes_are_brought_together(tmp_path: Path) -> None:
    samples = TextTable(write_table(tmp_path / "t.csv", 9))
    named, plain = classifier("named"), replace(classifier("plain"), labels=())
    other = replace(classifier("other"), labels=("a", "b", "c"))
    turned = replace(named, labels=tuple(reversed(LABELS)))
    models, ordered = with_labels([plain, turned], samples)
    assert [model.labels for model in models] == [turned.labels] * 2
    assert ordered.labels == tuple(2 - label for label in samples.labels if label is not None)
    assert with_labels([plain], samples)[0][0].labels == LABELS
    with pytest.raises(ProfileError, match="differently"):
        with_labels([named, other], samples)
    # names of which none is a class of the model are taken in their order, which is said; one that is not, is an error
    assert with_labels([other], samples)[1].labels == samples.labels
    assert any("none of them is a class of the model (a, b, c)" in note for note in samples.ordered_by("abc").notes)
    with pytest.raises(SamplesError, match=r"got label .*, allowed are lights, b, c"):
        with_labels([replace(other, labels=("lights", "b", "c"))], samples)


def test_a_model_without_its_tokenizer_says_what_to_do(tmp_path: Path) -> None:
    onnx.save(classifier().proto, tmp_path / "plain.onnx")
    samples = TextTable(write_table(tmp_path / "t.csv", 21))
    with pytest.raises(InputError, match=r"put its tokenizer\.json beside it"):
        compsel.build([Model.load(tmp_path / "plain.onnx")], samples, tmp_path / "bundle", measuring=MEASURING)
