"""What an answer says of itself: in a line, its classes by name, and what a copy of it keeps."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.errors import ModelError
from compsel.features.fusion import softmax
from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model
from compsel.profiling.profile import Profile
from compsel.runtime import Answer, Runtime, Stage
from compsel.variants.writer import write_variant
from tests import cascade_bundle
from tests.cascade_bundle import LOWER

STAGES = (Stage("net/int8", "cpu:2", 3.0, 2.9),)


def test_an_answer_is_one_short_line(runtime: Runtime, crops: ArraySamples) -> None:
    answer = runtime(crops.value(0))
    said = repr(answer)
    assert "\n" not in said and len(said) < 200
    assert answer.choice in said and f"{answer.latency_ms:.2f} ms" in said and f"{answer.top(1)[0][0]!r}" in said


def test_the_most_probable_classes_come_first(runtime: Runtime, crops: ArraySamples) -> None:
    answer = runtime(crops.value(1))
    shares = softmax(answer.outputs[0][0].astype(np.float64))
    top = answer.top(5)
    names = runtime.bundle.labels or range(1000)
    assert [name for name, _ in top] == [names[place] for place in np.argsort(-shares, kind="stable")[:5]]
    assert [share for _, share in top] == pytest.approx(sorted(shares, reverse=True)[:5])
    assert answer.confidence == top[0][1] and answer.label_name == str(names[answer.label])
    assert answer.top(0) == [] and len(answer.top(5000)) == 1000


@pytest.mark.parametrize(
    ("output", "scores"), [("logits", np.log([[0.2, 0.7, 0.1]])), ("probabilities", np.array([[0.2, 0.7, 0.1]]))]
)
def test_classes_have_their_names(output: str, scores: np.ndarray) -> None:
    answer = Answer([scores], 3.2, STAGES, output=output, labels=("cat", "dog", "owl"))
    assert answer.label_name == "dog"
    assert [name for name, _ in answer.top(2)] == ["dog", "cat"]
    assert repr(answer) == "Answer('dog', 70.0 %, net/int8@cpu:2, 3.20 ms)"


def test_names_of_images_travel_from_the_model_to_the_answer(
    small_model: Model, profile: Profile, profile_folder: Path, crops: ArraySamples, tmp_path: Path
) -> None:
    ten = tuple(f"class {place}" for place in range(10))
    assert write_variant(replace(small_model, labels=ten), tmp_path / "variant", "logits").labels == ten
    names = tuple(f"class {place}" for place in range(1000))
    named = replace(profile, variants=tuple(replace(variant, labels=names) for variant in profile.variants))
    folder = cascade_bundle.write(named, profile_folder / "variants", tmp_path / "bundle")
    with compsel.load(folder, warm_up=False) as runtime:
        answer = runtime(crops.value(0))
    assert answer.label_name == f"class {answer.label}" and f"'class {answer.label}'" in repr(answer)


def test_a_limit_that_was_not_kept_and_a_withheld_answer_are_said() -> None:
    answer = Answer([np.zeros((1, 2))], 3.2, STAGES, note="no choice meets it", abstained=True, output="logits")
    assert repr(answer).endswith("3.20 ms, abstained, no choice meets it)")


def test_outputs_that_are_no_classes_are_described_by_their_shapes() -> None:
    answer = Answer([np.zeros((1, 4), np.float32)], 3.2, STAGES)
    assert repr(answer) == "Answer(float32 (1, 4), net/int8@cpu:2, 3.20 ms)"
    with pytest.raises(ModelError, match="no class scores"):
        answer.top()


def test_a_copy_of_an_answer_leaves_out_what_no_other_process_can_have(runtime: Runtime, crops: ArraySamples) -> None:
    answer = runtime(crops.value(0))
    assert answer.planned is not None
    again = copy.deepcopy(answer)
    assert repr(again) == repr(answer) and again.planned is None


def test_a_first_deadline_finds_what_answers_loaded(cascade_folder: Path, crops: ArraySamples) -> None:
    with compsel.load(cascade_folder, policy="most_accurate", adapt=False) as runtime:
        runtime.warm_up()
        loaded = runtime._pool.resident_mb
        answer = runtime(crops.value(0), deadline_ms=1e-6)
        assert not answer.constraints_met and answer.stages[0].variant == LOWER
        assert runtime._pool.resident_mb == loaded
