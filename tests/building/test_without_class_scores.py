"""Models without class scores, from files to answers: a regression that knows its doubt, and an embedding."""

import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest

import compsel
from compsel.building.measure import measure
from compsel.building.train import train_bundle
from compsel.cli.main import main
from compsel.errors import BundleError, CompselError, SelectorError
from compsel.evaluation.evaluate import evaluate
from compsel.features.output_confidence import OutputReader
from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model
from compsel.runtime.dispatch.answer_fusion import fuse_answers
from compsel.runtime.runtime import Runtime
from tests import confident_models
from tests.measuring import quick
from tests.reporters import Heard
from tests.whole_bundles import whole

# real time, or real load, is what is looked at: nothing runs beside
pytestmark = pytest.mark.clock

FUNCTIONS = {"quality": "closeness", "confidence": "sureness"}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A profile of the two regressions, judged by their targets, with a user's confidence; and its folder."""
    folder = tmp_path_factory.mktemp("regression")
    profile, _ = measure(
        [confident_models.fast(), confident_models.slow()],
        confident_models.inputs(),
        folder,
        quick(techniques=["none"], quality=confident_models.closeness, confidence="tests.confident_models:sureness"),
    )
    return profile, folder


@pytest.fixture(scope="module")
def bundle(measured):
    profile, folder = measured
    trained = train_bundle(profile, folder / "variants", folder / "bundle")
    return trained, folder / "bundle"


def test_stages_answer_as_well_as_the_best_and_faster(bundle):
    trained, _ = bundle
    assert trained.comparison.winner == "cascade"
    cascade, single = (trained.comparison.scores[name] for name in ("cascade", "single best"))
    assert cascade.quality == single.quality == 1.0
    assert cascade.latency_ms < 0.6 * single.latency_ms
    assert cascade.gap_low > 0.5


def test_an_app_gets_the_answer_of_the_stage_that_answers(bundle):
    fresh = confident_models.inputs(200)
    with compsel.load(bundle[1], confidence=confident_models.sureness, adapt=False) as runtime:
        for row in range(80, 200):
            value = fresh.value(row)
            answer = runtime.answer(value)
            doubt = value["x"][0, 0]
            if abs(doubt - confident_models.HARD) < 0.1:
                continue  # between what was seen of easy and of hard ones
            assert answer.outputs[0].item() == pytest.approx(fresh.target(row), abs=1e-4)
            assert [stage.variant for stage in answer.stages] == ["fast/none", "slow/none"][: 1 + (doubt > 0.7)]
            assert 0 <= answer.stages[0].probability_right <= 1
            (outputs,) = ([output.item() for output in answer.outputs],)
            assert (outputs[1] == 0) == (len(answer.stages) == 2)  # both outputs are of the same stage


def test_of_several_stages_the_one_that_is_best_answers_and_not_the_last():
    reader = OutputReader()
    outputs = [[np.full((1, 2), number, np.float32), np.array([number])] for number in (1.0, 2.0)]
    scores = [reader.scores(one) for one in outputs]
    assert fuse_answers(np.array([1.0, 0.0]), scores, outputs[1], "other") is outputs[0]
    assert fuse_answers(np.array([0.0, 1.0]), scores, outputs[1], "other") is outputs[1]


def test_beside_a_model_without_class_scores_all_are_compared_as_a_whole(small_model, crops, tmp_path):
    models = [embedding(small_model), small_model]
    models[0] = replace(models[0], proto=flat(models[0].copy_proto()))
    profile, _ = measure(models, crops.subset(range(3)), tmp_path, quick(techniques=["none"]))
    assert [variant.output for variant in profile.variants] == ["other", "other"]
    assert len(profile.evidence) == 2
    assert profile.quality_criterion is not None


def flat(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph whose output has one axis: nobody takes it for class scores."""
    (output,) = proto.graph.output
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([-1], np.int64), "one_axis"))
    proto.graph.node.append(onnx.helper.make_node("Reshape", [output.name, "one_axis"], ["flat"]))
    del proto.graph.output[:]
    proto.graph.output.append(onnx.helper.make_tensor_value_info("flat", onnx.TensorProto.FLOAT, [None]))
    return proto


def test_a_bundle_holds_the_name_of_the_function_and_not_its_code(bundle):
    with pytest.raises(BundleError, match=r"decides by tests\.confident_models:sureness.*confidence=function"):
        compsel.load(bundle[1])
    with compsel.load(bundle[1], confidence="tests.confident_models:sureness", policy="fastest") as runtime:
        assert runtime.answer(confident_models.inputs(1).value(0)).choice == "fast/none@cpu:1"


@pytest.mark.parametrize(
    ("confidence", "said"),
    [
        (confident_models.broken, "broken: failed with KeyError"),
        (confident_models.nothing, "nothing: gave"),
        (lambda outputs: [1.0, 2.0], "gave 2 numbers, 1 before"),
    ],
)
def test_another_function_than_the_policy_knows_is_an_error_and_no_answer(bundle, confidence, said):
    with compsel.load(bundle[1], confidence=confidence) as runtime, pytest.raises(SelectorError, match=said):
        runtime.answer(confident_models.inputs(1).value(0))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"size": 1', '"size": 2'),
        ('"size": 1', '"size": 0'),
        ('"name": "tests.confident_models:sureness"', '"name": ""'),
    ],
)
def test_a_confidence_that_does_not_fit_the_policy_does_not_load(bundle, tmp_path, before, after):
    from compsel.bundle.manifest import write_manifest

    damaged = shutil.copytree(bundle[1], tmp_path / "bundle")
    policies = damaged / "policies.json"
    text = policies.read_text(encoding="utf-8")
    assert before in text
    policies.write_text(text.replace(before, after), encoding="utf-8")
    write_manifest(damaged, compsel.__version__)
    with pytest.raises(BundleError, match="build it again"):
        compsel.load(damaged, confidence=confident_models.sureness)


@pytest.mark.slow
def test_statistics_of_the_outputs_do_where_no_function_is_given(tmp_path):
    models = [confident_models.fast(), confident_models.slow()]
    samples, folder = confident_models.inputs(160), tmp_path / "profile"
    profile, _ = measure(models, samples, folder, quick(techniques=["none"], good_enough=0.5))
    trained = train_bundle(profile, folder / "variants", tmp_path / "bundle", "at most 2 % less accurate")
    assert trained.comparison.winner == "cascade"
    with compsel.load(tmp_path / "bundle") as runtime:
        assert runtime.bundle.summary["judging"]["reference"] == "slow/none"
        assert runtime.answer(confident_models.inputs(1).value(0)).outputs[0].shape == (1, 1)


def embedding(classifier: Model) -> Model:
    """Cut a classifier before its last layer."""
    proto = classifier.copy_proto()
    last = proto.graph.node.pop()
    kept = {name for node in proto.graph.node for name in node.input}
    for tensor in [tensor for tensor in proto.graph.initializer if tensor.name not in kept]:
        proto.graph.initializer.remove(tensor)
    del proto.graph.output[:]
    proto.graph.output.append(onnx.helper.make_tensor_value_info(last.input[0], onnx.TensorProto.FLOAT, ["N", None]))
    return Model(f"{classifier.name}-embedding", proto, classifier.preprocessing)


@pytest.mark.slow
def test_an_embedding_is_judged_by_its_angle_and_not_taken_for_class_scores(lite0, crops, tmp_path):
    profile, _ = measure(
        [embedding(lite0)],
        crops,
        tmp_path / "profile",
        quick(techniques=["resolution:192"], quality="cosine", good_enough=0.95),
    )
    none, lower = profile.quality.mean(axis=0)
    assert none == pytest.approx(1.0)
    assert 0.7 < lower < 0.99
    assert {variant.output for variant in profile.variants} == {"other"}
    # features of images are for other tests: selectors on them take their time
    profile = replace(profile, features=np.empty((len(crops), 0), np.float32), feature_names=())
    train_bundle(profile, tmp_path / "profile" / "variants", tmp_path / "bundle", "at least 95 % accurate")
    with compsel.load(tmp_path / "bundle") as runtime:
        assert runtime.bundle.quality["efficientnet-lite0-embedding/none"] == 1.0
        answer = runtime(crops.value(0))
        assert answer.outputs[0].shape == (1, 1280)
        reference = runtime.with_policy(runtime.bundle.policies["most_accurate"]).answer(crops.value(0)).outputs[0]
        lengths = np.linalg.norm(reference) * np.linalg.norm(answer.outputs[0])
        assert (reference * answer.outputs[0]).sum() / lengths > 0.95


def test_other_samples_without_labels_need_no_word(tmp_path):
    heard = Heard()
    samples = ArraySamples([confident_models.inputs(4).value(row) for row in range(4)])
    measure([confident_models.fast()], samples, tmp_path, quick(techniques=["none"]), reporter=heard)
    assert not [message for message in heard.messages if "labels are" in message]
    assert any("compared with those of fast/none (fidelity)" in message for message in heard.messages)


def test_a_function_that_fails_while_measuring_says_so(tmp_path):
    samples, nothing = confident_models.inputs(3), confident_models.nothing
    with pytest.raises(CompselError, match=r"confidence .*nothing: gave"):
        measure([confident_models.fast()], samples, tmp_path, quick(techniques=["none"], confidence=nothing))


def test_stages_are_compared_with_the_oracle_by_the_users_quality(bundle):
    fresh = confident_models.inputs(60)
    with compsel.load(bundle[1], confidence=confident_models.sureness) as runtime:
        found = evaluate(runtime, fresh, repeats=2, quality=confident_models.closeness)
        with pytest.raises(BundleError, match=r"judged by tests\.confident_models:closeness.*quality=function"):
            evaluate(runtime, fresh)
    assert found.labelled
    right = {name: result.right.mean() for name, result in found.results.items()}
    easy = np.mean([fresh.value(row)["x"][0, 0] < confident_models.HARD for row in range(60)])
    assert right["most_accurate"] == right["oracle"] == 1.0
    assert right["adaptive"] > 0.95
    assert right["fastest"] == easy < 1
    choices = found.results["oracle"].choices
    assert sum(count for choice, count in choices.items() if choice.startswith("fast/")) == round(60 * easy)


@pytest.mark.slow
def test_embeddings_are_evaluated_against_the_uncompressed_one(lite0, crops, tmp_path):
    profile, _ = measure([embedding(lite0)], crops, tmp_path, quick(techniques=["resolution:192"], quality="cosine"))
    profile = replace(profile, features=np.empty((len(crops), 0), np.float32), feature_names=())
    train_bundle(profile, tmp_path / "variants", tmp_path / "bundle", "at least 95 % accurate")
    with Runtime(whole(tmp_path / "bundle", tmp_path)) as runtime:
        found = evaluate(runtime, crops, repeats=1)
    assert not found.labelled
    assert found.result.right_is == "good enough"
    assert found.results["most_accurate"].right.all()
    content = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert content["policies"]["adaptive"]["accuracy"] >= 0.9


def test_a_quality_for_a_bundle_of_classifiers_is_refused(bundle_folder, crops):
    with compsel.load(bundle_folder) as runtime, pytest.raises(BundleError, match="leave it away"):
        evaluate(runtime, crops, quality="cosine")


def test_evaluate_on_the_command_line_takes_the_users_functions(bundle, tmp_path):
    values = confident_models.inputs(6)
    for row in range(6):
        np.savez(tmp_path / f"{row}.npz", **values.value(row), target=values.target(row))
    out = tmp_path / "out.json"
    words = ["evaluate", str(bundle[1]), "--samples", str(tmp_path), "--repeats=1", "--json", str(out)]
    functions = [f"--{word}=tests.confident_models:{name}" for word, name in FUNCTIONS.items()]
    assert main([*words, *functions]) == 0
    assert json.loads(out.read_text())["policies"]["adaptive"]["accuracy"] == 1.0
