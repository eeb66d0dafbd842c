"""An encoder with an embedding, from a table to answers: judged by the angle, with a static encoder as candidate."""

from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.building.measure import measure
from compsel.evaluation.evaluate import evaluate
from compsel.inputs.samples import TextTable
from compsel.models.model import Model
from compsel.networks import build
from tests.encoder_weights import published
from tests.measuring import quick
from tests.text_models import words_tokenizer, write_table


@pytest.fixture(scope="module")
def encoder() -> Model:
    options = {"width": 1 / 12, "tokenizer": words_tokenizer()}
    return build("minilm-l2", weights=published(build("minilm-l2", **options)), **options)


def test_a_static_encoder_is_a_candidate_judged_out_of_fold(encoder: Model, tmp_path: Path) -> None:
    samples = TextTable(write_table(tmp_path / "texts.csv", 90))  # labels are there, and play no role
    profile, left_out = measure([encoder], samples, tmp_path / "profile", quick())
    names = [variant.name for variant in profile.variants]
    assert {variant.output for variant in profile.variants} == {"other"}
    assert profile.quality_criterion is not None and profile.quality_criterion.quality == "cosine"
    quality = dict(zip(names, profile.quality.mean(axis=0), strict=True))
    assert quality["minilm-l2/none"] == pytest.approx(1.0)
    # what the static one says of itself, out of fold
    made = compsel.make_static_encoder(encoder, samples)
    assert quality["minilm-l2/student"] == pytest.approx(made.mean_similarity, abs=0.01)
    assert not left_out


def test_it_ships_and_answers(encoder: Model, tmp_path: Path) -> None:
    samples = TextTable(write_table(tmp_path / "texts.csv", 60))
    compsel.build([encoder], samples, tmp_path / "bundle", measuring=quick(techniques=["none", "student"]))
    with compsel.load(tmp_path / "bundle") as runtime:
        answer = runtime("turn off the lamp")
        assert answer.outputs[0].shape == (1, 32)
        np.testing.assert_allclose(np.linalg.norm(answer.outputs[0]), 1, atol=1e-3)
        assert evaluate(runtime, samples, repeats=1).to_dict()["n"] == 60
