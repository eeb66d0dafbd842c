"""Answers on real networks: as images, as tensors, in stages, under limits, from several threads."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import compsel
from compsel.errors import BundleError, ImageError, InputError
from compsel.features.fusion import softmax
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import ArraySamples, ImageFolder
from compsel.models.model import Model
from compsel.profiling.profile import Profile
from compsel.runtime import Runtime
from compsel.selection.cascade.fitting import fit_cascade
from compsel.selection.cascade.out_of_distribution import OutOfDistributionDetector, OutOfDistributionFallback
from compsel.selection.policies import CascadePolicy, FixedPolicy
from tests.cascade_bundle import INT8, LATENCY_MS, LOWER, NONE, cascade_policy

AtLoad = Callable[[Runtime, float], None]


@pytest.fixture(scope="module")
def tensor(lite0: Model, crops: ArraySamples) -> np.ndarray:
    return np.asarray(feeds_of(lite0, crops.value(0))["input"])


def fixed(runtime: Runtime, name: str) -> Runtime:
    return runtime.with_policy(FixedPolicy(name))


def test_path_bytes_and_array_of_one_image_get_one_answer(runtime: Runtime, photograph_files: dict[str, Path]) -> None:
    path = photograph_files["chelsea"]
    answers = [
        runtime(source) for source in (path, str(path), path.read_bytes(), compsel.inputs.images.decoding.decode(path))
    ]
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer.outputs[0], answers[0].outputs[0])
        assert answer.label == answers[0].label


def test_trace_says_what_ran(runtime: Runtime, crops: ArraySamples) -> None:
    for index in range(4):
        answer = runtime(crops.value(index))
        assert answer.outputs[0].shape == (1, 1000)
        assert answer.outputs[0].dtype == np.float32
        assert answer.choice == " > ".join(f"{stage.variant}@{stage.processor}" for stage in answer.stages)
        assert len({stage.variant for stage in answer.stages}) == len(answer.stages) >= 1
        for stage in answer.stages:
            assert stage.processor == "cpu:1"
            assert stage.latency_ms > 0
            assert LATENCY_MS[stage.variant][0] <= stage.expected_ms <= LATENCY_MS[stage.variant][1]
            assert stage.probability_right is not None
            assert 0.0 <= stage.probability_right <= 1.0
        assert answer.latency_ms > sum(stage.latency_ms for stage in answer.stages) + answer.selector_ms - 1e-3
        assert answer.selector_ms > 0
        assert answer.features_ms == 0.0
        assert answer.constraints_met
        assert answer.note == ""


def test_selecting_policy_takes_time_for_features_and_obeys_its_selector(
    cascade_folder: Path, crops: ArraySamples, profile: Profile
) -> None:
    columns = [name.startswith("image.") for name in profile.feature_names]
    with compsel.load(cascade_folder, policy="premodel", warm_up=False) as runtime:
        policy = runtime.bundle.policies["premodel"]
        for index in range(6):
            answer = runtime(crops.value(index))
            assert answer.features_ms > 0
            (stage,) = answer.stages
            assert stage.variant == policy.variants[policy.selector.select(profile.features[index, columns])]
            assert stage.probability_right is None


@pytest.mark.parametrize("penalty", [5.0, 60.0, 2000.0])
def test_stages_are_those_of_the_policy_that_was_trained(
    runtime: Runtime, profile: Profile, labelled_folder: Path, at_load: AtLoad, penalty: float
) -> None:
    policy = cascade_policy(profile).policy
    costs = np.array([idle for idle, _ in LATENCY_MS.values()])
    evidence = [profile.evidence[profile.names.index(name)] for name in policy.variants]
    walk = policy.walk(policy.plan(costs, penalty, durations=1.5 * costs), evidence)
    cascade = runtime.with_policy(CascadePolicy(policy, penalty))
    at_load(cascade, 0.0)
    samples = ImageFolder(labelled_folder)
    for index in range(0, len(samples), 2):
        answer = cascade(samples.value(index))
        ran = [policy.variants.index(stage.variant) for stage in answer.stages]
        assert sorted(ran) == np.flatnonzero(walk.ran[index]).tolist()
        assert answer.label == walk.classes[index]
        assert answer.stages[-1].probability_right == pytest.approx(walk.score[index], abs=1e-4)


def test_a_policy_that_looks_at_the_input_first_decides_as_it_was_trained_to(
    runtime: Runtime, profile: Profile, labelled_folder: Path, at_load: AtLoad
) -> None:
    table = profile.features[:, [name.startswith("image.") for name in profile.feature_names]]
    evidence = [profile.evidence[profile.names.index(name)] for name in LATENCY_MS]
    policy = fit_cascade(list(LATENCY_MS), evidence, profile.labels, features=("image", table))
    costs = np.array([idle for idle, _ in LATENCY_MS.values()])
    walk = policy.walk(policy.plan(costs, 60.0, durations=1.5 * costs), evidence, table)
    cascade = runtime.with_policy(CascadePolicy(policy, 60.0))
    at_load(cascade, 0.0)
    samples = ImageFolder(labelled_folder)
    for index in range(0, len(samples), 4):
        answer = cascade(samples.value(index))
        assert answer.features_ms > 0
        ran = [policy.variants.index(stage.variant) for stage in answer.stages]
        assert sorted(ran) == np.flatnonzero(walk.ran[index]).tolist()
        assert answer.stages[-1].probability_right == pytest.approx(walk.score[index], abs=1e-4)


def test_inputs_unlike_the_samples_go_to_the_fallback_alone(
    runtime: Runtime, profile: Profile, crops: ArraySamples, at_load: AtLoad
) -> None:
    table = profile.features[:, [name.startswith("image.") for name in profile.feature_names]]
    credibility = OutOfDistributionDetector.fit("image", table, 0.1, np.arange(len(table)) % 5)
    fallback = list(LATENCY_MS).index(NONE)
    cascade = runtime.with_policy(
        CascadePolicy(
            cascade_policy(profile).policy, 5.0, ood_fallback=OutOfDistributionFallback(credibility, fallback)
        )
    )
    at_load(cascade, 0.0)
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8)
    assert [stage.variant for stage in cascade(noise).stages] == [NONE]
    assert {cascade(crops.value(index)).stages[0].variant for index in range(6)} != {NONE}


def test_answers_that_are_not_sure_enough_are_flagged(
    runtime: Runtime, profile: Profile, crops: ArraySamples, at_load: AtLoad
) -> None:
    policy = cascade_policy(profile).policy
    sure = [runtime.with_policy(CascadePolicy(policy, 60.0))(crops.value(index)) for index in range(6)]
    assert not any(answer.abstained for answer in sure)
    least = float(np.median([answer.stages[-1].probability_right for answer in sure])) + 1e-9
    careful = runtime.with_policy(CascadePolicy(policy, 60.0, least_sure=least))
    for answer in (careful(crops.value(index)) for index in range(6)):
        assert answer.abstained == (answer.stages[-1].probability_right < least)


def test_policies_of_these_tests_take_more_than_one_stage(profile: Profile) -> None:
    policy = cascade_policy(profile).policy
    costs = np.array([idle for idle, _ in LATENCY_MS.values()])
    evidence = [profile.evidence[profile.names.index(name)] for name in policy.variants]
    stages = {
        penalty: policy.walk(policy.plan(costs, penalty), evidence).ran[::2].sum(axis=1) for penalty in (5.0, 2000.0)
    }
    assert stages[5.0].mean() < stages[2000.0].mean()
    assert stages[2000.0].max() > 1


def test_fused_scores_are_the_weighted_product_of_the_stages(
    runtime: Runtime, profile: Profile, crops: ArraySamples, at_load: AtLoad
) -> None:
    cascade = runtime.with_policy(CascadePolicy(cascade_policy(profile).policy, 1e7))
    at_load(cascade, 0.0)
    several = 0
    for index in range(4):
        answer = cascade(crops.value(index))
        ran = [stage.variant for stage in answer.stages]
        alone = [softmax(fixed(runtime, name)(crops.value(index)).outputs[0]) for name in ran]
        policy = cascade.bundle.policies["adaptive"].policy
        members = sorted(policy.variants.index(name) for name in ran)
        node = policy.nodes[policy.index[tuple(members)]]
        weight = dict(zip(members, node.weights, strict=True))
        said = zip(ran, alone, strict=True)
        product = np.prod([p.astype(np.float64) ** weight[policy.variants.index(name)] for name, p in said], axis=0)
        np.testing.assert_allclose(softmax(answer.outputs[0]), product / product.sum(), rtol=2e-3, atol=1e-6)
        several += len(ran) > 1
    assert several


def test_run_gives_what_onnx_runtime_gives(cascade_folder: Path, lite0: Model, tensor: np.ndarray) -> None:
    session = onnxruntime.InferenceSession(lite0.serialize(), providers=["CPUExecutionProvider"])
    with compsel.load(cascade_folder, policy="most_accurate", warm_up=False) as runtime:
        for names in (None, [], ["output"], ["output", "output"]):
            names = names and [session.get_outputs()[0].name for _ in names]
            got, wanted = runtime.run(names, {"input": tensor}), session.run(names, {"input": tensor})
            assert len(got) == len(wanted)
            for mine, theirs in zip(got, wanted, strict=True):
                np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)
                assert mine.dtype == theirs.dtype
        assert [spec.name for spec in runtime.get_inputs()] == [spec.name for spec in session.get_inputs()]
        assert [spec.name for spec in runtime.get_outputs()] == [spec.name for spec in session.get_outputs()]
        assert runtime.get_inputs()[0].shape == (None, 3, 224, 224)


def test_batch_is_as_many_answers(
    runtime: Runtime, profile: Profile, lite0: Model, crops: ArraySamples, at_load: AtLoad
) -> None:
    cascade = runtime.with_policy(CascadePolicy(cascade_policy(profile).policy, 1e7))
    at_load(cascade, 0.0)
    parts = [np.asarray(feeds_of(lite0, crops.value(index))["input"]) for index in range(8)]
    stages = {len(cascade.answer({"input": part}).stages) for part in parts}
    assert len(stages) > 1, "some stop earlier than others"
    (together,) = cascade.run(None, {"input": np.concatenate(parts)})
    assert together.shape == (8, 1000)
    for row, part in enumerate(parts):
        (alone,) = cascade.run(None, {"input": part})
        np.testing.assert_array_equal(together[row : row + 1], alone)


def test_tensors_never_run_on_variants_of_another_resolution(runtime: Runtime, tensor: np.ndarray) -> None:
    small = np.ascontiguousarray(tensor[:, :, ::2, ::2][:, :, :128, :128])
    small = np.pad(small, [(0, 0), (0, 0), (0, 128 - small.shape[2]), (0, 128 - small.shape[3])])
    for policy in runtime.bundle.policies.values():
        one = runtime.with_policy(policy)
        assert LOWER not in {stage.variant for stage in one.answer({"input": tensor}).stages}
        assert {stage.variant for stage in one.answer({"input": small}).stages} == {LOWER}


def test_inputs_are_told_of_the_most_accurate_variant(runtime: Runtime) -> None:
    quality = runtime.bundle.quality
    best = max(runtime.bundle.policies["adaptive"].variants, key=lambda name: quality[name])
    assert tuple(runtime.get_inputs()) == runtime.bundle.variants[best].inputs
    runtime.run(
        None, {spec.name: np.zeros([n or 1 for n in spec.shape or ()], spec.dtype) for spec in runtime.get_inputs()}
    )


@pytest.mark.parametrize(
    ("feed", "words"),
    [
        ({}, "this bundle takes"),
        ({"image": np.zeros((1, 3, 224, 224), np.float32)}, "image"),
        ({"input": np.zeros((1, 3, 224, 224), np.float32), "mask": np.zeros(1)}, "mask"),
        ({"input": np.zeros((1, 3, 224, 224), np.float64)}, "float64"),
        ({"input": np.zeros((1, 3, 224, 224), np.uint8)}, "uint8"),
        ({"input": np.zeros((1, 3, 200, 224), np.float32)}, "200"),
        ({"input": np.zeros((3, 224, 224), np.float32)}, "this bundle takes"),
        ({"input": [[1.0]]}, "this bundle takes"),
        ({"input": [[1.0], [1.0, 2.0]]}, "got a list"),
        ({"input": None}, "this bundle takes"),
        ({"input": np.float32(1.0)}, "this bundle takes"),
    ],
)
def test_tensors_that_no_variant_takes_are_refused(
    runtime: Runtime, tensor: np.ndarray, feed: dict[str, np.ndarray], words: str
) -> None:
    for one in (runtime, runtime.with_policy(runtime.bundle.policies["premodel"])):
        one.run(None, {"input": tensor})  # a good one before: what is known of its shape must not let a bad one pass
        with pytest.raises(InputError, match=words):
            one.run(None, feed)


def test_nan_and_empty_batches_pass_as_with_a_session(runtime: Runtime, tensor: np.ndarray) -> None:
    batch = np.concatenate([tensor, tensor, tensor])
    (whole,) = runtime.run(None, {"input": batch})
    batch[2, 0, 0, 0] = np.nan
    (scores,) = runtime.run(None, {"input": batch})
    np.testing.assert_array_equal(scores[:2], whole[:2])
    assert np.isnan(scores[2]).any()
    assert runtime.run(None, {"input": batch[:0]})[0].shape == (0, 1000)
    with pytest.raises(InputError, match="NaN"):
        runtime({"input": batch[2:]})


def test_unknown_outputs_are_refused_before_anything_runs(runtime: Runtime, tensor: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"outputs: got \['scores'\], allowed are"):
        runtime.run(["scores"], {"input": tensor})


@pytest.mark.parametrize("policy", ["adaptive", "premodel", "fastest"])
@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(3, np.uint8),
        b"",
        b"no image",
        "absent.jpg",
        None,
        17,
    ],
)
def test_what_is_no_image_is_refused(runtime: Runtime, policy: str, image: object) -> None:
    with pytest.raises(ImageError):
        runtime.with_policy(runtime.bundle.policies[policy])(image)


@pytest.mark.parametrize("policy", ["adaptive", "premodel"])
@pytest.mark.parametrize(
    "array", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)]
)
def test_arrays_that_are_not_decoded_images_are_refused(runtime: Runtime, policy: str, array: np.ndarray) -> None:
    with pytest.raises(InputError):
        runtime.with_policy(runtime.bundle.policies[policy]).answer(array)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (500, 1, 3), (2000, 30, 3)])
@pytest.mark.parametrize("policy", ["adaptive", "premodel"])
def test_odd_shapes_are_answered(runtime: Runtime, policy: str, shape: tuple[int, ...]) -> None:
    answer = runtime.with_policy(runtime.bundle.policies[policy])(np.full(shape, 90, np.uint8))
    assert np.isfinite(answer.outputs[0]).all()


def test_little_memory_evicts_but_still_answers(cascade_folder: Path, runtime: Runtime, crops: ArraySamples) -> None:
    with compsel.load(cascade_folder, memory_limit_mb=1.0) as small:
        for name in (INT8, LOWER, NONE, INT8):
            wanted = fixed(runtime, name)(crops.value(1)).outputs[0]
            np.testing.assert_array_equal(fixed(small, name)(crops.value(1)).outputs[0], wanted)
            assert list(small._pool._engines) == [(name, "cpu:1", False)]
        assert small(crops.value(0)).label == runtime(crops.value(0)).label


def test_memory_limit_keeps_what_was_used_last(cascade_folder: Path, crops: ArraySamples) -> None:
    with compsel.load(cascade_folder, policy="best_static", memory_limit_mb=80.0, warm_up=False) as small:
        for name in (INT8, NONE, INT8, LOWER):
            fixed(small, name)(crops.value(1))
        loaded = [variant for variant, _, _ in small._pool._engines]
        assert LOWER in loaded
        assert small._pool.resident_mb <= 80.0
        assert NONE not in loaded


def test_policies_share_engines(cascade_folder: Path, crops: ArraySamples) -> None:
    with compsel.load(cascade_folder, policy="fastest") as runtime:
        loaded = len(runtime._pool._engines)
        again = runtime.with_policy(FixedPolicy(LOWER))
        again(crops.value(0))
        assert len(runtime._pool._engines) == loaded == 1
        assert again(crops.value(0)).choice == runtime(crops.value(0)).choice


def test_threads_get_the_answers_that_one_gets(cascade_folder: Path, crops: ArraySamples, tensor: np.ndarray) -> None:
    with compsel.load(cascade_folder, warm_up=False) as runtime:
        images = [crops.value(index) for index in range(4)]
        fixed_one = fixed(runtime, INT8)
        wanted = [fixed_one(image).outputs[0] for image in images]
        answers: dict[int, list[np.ndarray]] = {}

        def work(number: int) -> None:
            rows = []
            for image in images:
                rows.append(fixed_one(image).outputs[0])
                runtime(image)  # plans, stages and the pool are shared
                runtime.run(None, {"input": tensor})
            answers[number] = rows

        threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers.keys() == {0, 1}
        for rows in answers.values():
            for got, want in zip(rows, wanted, strict=True):
                np.testing.assert_array_equal(got, want)


def test_closed_runtime_says_so(cascade_folder: Path, crops: ArraySamples, tensor: np.ndarray) -> None:
    runtime = compsel.load(cascade_folder)
    with runtime:
        runtime(crops.value(0))
    runtime.close()
    for use in (
        lambda: runtime(crops.value(0)),
        lambda: runtime.answer(crops.value(0)),
        lambda: runtime.run(None, {"input": tensor}),
        lambda: runtime.with_policy(FixedPolicy(NONE))(crops.value(0)),
        runtime.warm_up,
    ):
        with pytest.raises(BundleError, match="closed: load the bundle again"):
            use()
