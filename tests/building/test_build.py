import json
from dataclasses import replace

import numpy as np
import onnx
import pytest

from compsel.building.build import build
from compsel.building.measure import measure
from compsel.building.train import train_bundle
from compsel.bundle.bundle import Bundle
from compsel.errors import (
    CompselError,
    InputError,
    ModelError,
    ProcessorError,
    ProfileError,
    SamplesError,
    StorageError,
    TechniqueError,
    TooFewSamplesError,
)
from compsel.inputs.samples import ArraySamples, ImageFolder, SampleOptions, TensorFolder
from compsel.models.model import Model
from compsel.networks import build as build_network
from compsel.profiling.profile import Profile
from compsel.variants.build_variants import build_variants, default_techniques
from compsel.variants.writer import is_whole
from tests.foreign_models import old_network, two_inputs, unknown_operator
from tests.measuring import quick
from tests.reporters import Heard

IMAGES = ArraySamples([np.random.default_rng(n).integers(0, 256, (70, 80, 3), np.uint8) for n in range(8)])


@pytest.fixture
def token_folder(tmp_path):
    folder = tmp_path / "samples"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number, length in enumerate((1, 3, 7, 12)):
        mask = rng.random((1, length)).astype(np.float32)
        np.savez(folder / f"{number}.npz", tokens=rng.integers(0, 32, (1, length)), mask=mask)
    return folder


@pytest.fixture
def heard():
    return Heard()


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("external", [False, True])
def test_any_graph_from_files_to_a_profile(tmp_path, token_folder, external):
    """Two inputs, one of them integers, open axes, weights beside the graph or in it, samples of any length."""
    source = two_inputs().save(tmp_path / "models" / "two.onnx", external_from_bytes=0 if external else 10**9)
    profile, left_out = measure(
        [Model.load(source)], TensorFolder(token_folder), tmp_path / "profile", quick(techniques=("none", "float16"))
    )
    assert profile.names[0] == "two/none"
    assert {*profile.names, *(f"two/{out.technique}" for out in left_out)} == {"two/none", "two/float16"}
    assert all(out.reason for out in left_out)
    np.testing.assert_allclose(profile.quality[:, 0], 1.0)
    assert (profile.quality > 0.9).all()
    assert [evidence.sketch.shape for evidence in profile.evidence] == [(4, 256)] * len(profile.names)
    assert profile.feature_names == ()
    assert [variant.output for variant in profile.variants] == ["other"] * len(profile.names)
    assert (profile.latency.latency_ms > 0).all()
    assert min(profile.memory_mb.values()) > 0


def test_an_old_graph_with_its_initializers_among_the_inputs(tmp_path):
    model = Model.from_proto(old_network(9, 3), "old")
    rng = np.random.default_rng(0)
    samples = ArraySamples([{"image": rng.standard_normal((1, 3, 16, 16)).astype(np.float32)} for _ in range(4)])
    profile, _ = measure([model], samples, tmp_path, quick(techniques=("none", "int8-static")))
    assert profile.names == ("old/none", "old/int8-static")
    assert {variant.output for variant in profile.variants} == {"logits"}


def test_what_is_built_already_is_taken_as_it_is(small_model, tmp_path, heard):
    first, _ = build_variants([small_model], tmp_path, IMAGES, ["int8-static"], heard)
    assert len(heard.messages) == 2
    before = files(tmp_path)
    second, _ = build_variants([small_model], tmp_path, IMAGES, ["int8-static"], heard)
    assert (second, len(heard.messages)) == (first, 2)
    assert files(tmp_path) == before


def test_another_model_or_calibration_of_the_same_name_is_built_again(small_model, tmp_path):
    other = build_network("mobilenet-v1", width=0.25, resolution=64, classes=10, seed=1)
    darker = ArraySamples([IMAGES.value(index) // 4 for index in range(len(IMAGES))])
    built = [
        build_variants([model], tmp_path, samples, ["int8-static"])[0]
        for model, samples in (
            (small_model, IMAGES),
            (other, IMAGES),
            (small_model, IMAGES),
            (small_model, darker),
            (small_model, IMAGES),
        )
        if all(
            is_whole(variant, tmp_path) for variant in build_variants([model], tmp_path, samples, ["int8-static"])[0]
        )
    ]
    assert len(built) == 5
    first, second, third, fourth, fifth = (tuple(variant.sha256 for variant in variants) for variants in built)
    assert first == third == fifth
    assert not set(first) & set(second)
    assert first[0] == fourth[0]  # the uncompressed one needs no calibration
    assert first[1] != fourth[1]


def test_a_damaged_variant_is_built_again(small_model, tmp_path):
    (variant,), _ = build_variants([small_model], tmp_path, IMAGES, ["none"])
    before = files(tmp_path)
    (tmp_path / variant.weights_file).write_bytes(b"damaged")
    assert build_variants([small_model], tmp_path, IMAGES, ["none"])[0] == [variant]
    assert files(tmp_path) == before
    next(tmp_path.glob("*.json")).write_text("{")
    assert build_variants([small_model], tmp_path, IMAGES, ["none"])[0] == [variant]
    assert files(tmp_path) == before


def test_a_technique_that_does_not_apply_is_left_out_with_its_reason(tmp_path, heard):
    variants, left_out = build_variants(
        [two_inputs()],
        tmp_path,
        ArraySamples([{"tokens": np.zeros((1, 3), np.int64), "mask": np.ones((1, 3), np.float32)}]),
        ["none", "resolution:32"],
        heard,
    )
    assert [variant.technique for variant in variants] == ["none"]
    (out,) = left_out
    assert (out.model, out.technique) == ("two", "resolution:32")
    assert out.reason in heard.messages[-1]


def test_after_ctrl_c_the_rest_is_measured_and_nothing_twice(small_model, tmp_path):
    class Interrupted(ArraySamples):
        at, reads = None, 0

        def value(self, index):
            self.reads += 1
            if self.reads == self.at:
                raise KeyboardInterrupt
            return super().value(index)

    values = [IMAGES.value(index) for index in range(len(IMAGES))]

    def run(samples, folder):
        return measure([small_model], samples, folder, quick(techniques=("none", "resolution:48")))[0]

    whole = run(ArraySamples(values), tmp_path / "whole")
    for at in (3, 20, 30, 45):
        interrupted = Interrupted(values)
        interrupted.at = at
        try:
            run(interrupted, tmp_path / "parts")
        except KeyboardInterrupt:
            with pytest.raises(CompselError):
                Profile.load(tmp_path / "parts")
    profile = run(ArraySamples(values), tmp_path / "parts")
    assert profile.variants == whole.variants
    np.testing.assert_array_equal(profile.quality, whole.quality)
    np.testing.assert_array_equal(profile.features, whole.features)
    last = Interrupted(values)
    tables = files(tmp_path / "parts")
    run(last, tmp_path / "parts")
    changed = {str(name) for name, content in files(tmp_path / "parts").items() if tables.get(name) != content}
    assert changed <= {"profile.json", "memory.parquet"}


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"techniques": ["none", "shrink"]}, TechniqueError, "shrink"),
        ({"processors": ["cpu:1", "gpu:x"]}, ProcessorError, "gpu:x"),
        ({"states": ["idle", "bored"]}, ProfileError, "bored"),
        ({"calibration": 0}, ProfileError, "no calibration samples"),
    ],
)
def test_a_wrong_word_is_known_before_any_work(small_model, tmp_path, change, kind, message):
    with pytest.raises(kind, match=message):
        measure([small_model], IMAGES, tmp_path / "profile", quick(**change))
    assert not (tmp_path / "profile").exists()


def labelled_as(lite0, crops, labels):
    return [lite0], ArraySamples([sample.value for sample in crops], labels=labels.tolist())


def test_labels_that_no_network_predicts_stop_it_before_costs_are_measured(lite0, crops, profile, tmp_path, heard):
    """The labels of `profile` are what EfficientNet-Lite0 says for three of four crops; here they are off by one."""
    models, samples = labelled_as(lite0, crops, (profile.labels + 1) % 1000)
    with pytest.raises(ProfileError, match=r"no network predicts them better than guessing.*labels -1 would be right"):
        build(models, samples, tmp_path / "bundle", measuring=quick(techniques=("none", "int8-static")))
    assert sorted(path.name for path in (tmp_path / "bundle.work").iterdir()) == ["quality", "variants"]
    assert [path.stem for path in (tmp_path / "bundle.work" / "quality").iterdir()] == ["efficientnet-lite0_none"]
    # corrected, the same call goes on
    models, samples = labelled_as(lite0, crops, profile.labels)
    measured, _ = measure(models, samples, tmp_path / "bundle.work", quick(techniques=("none",)), reporter=heard)
    assert measured.quality.mean() == pytest.approx(0.75)
    assert not any(message.startswith("warning") for message in heard.messages)


def test_random_weights_are_said_and_noted_in_the_bundle(small_model, crops, tmp_path, heard):
    build([small_model], crops, tmp_path / "bundle", measuring=quick(techniques=("none",)), reporter=heard)
    warning = "warning: mobilenet-v1: its weights are random, its answers mean nothing"
    assert heard.messages.count(warning) == 1
    assert Bundle.load(tmp_path / "bundle").summary["random_weights"] == ["mobilenet-v1"]


def test_trained_weights_are_not_called_random(bundle_folder):
    assert Bundle.load(bundle_folder).summary["random_weights"] == []


def test_few_wrong_labels_are_a_doubt_that_is_said(small_model, tmp_path, heard):
    samples = ArraySamples([IMAGES.value(index) for index in range(4)], labels=[0, 1, 2, 3])
    measure([small_model], samples, tmp_path, quick(techniques=("none",)), reporter=heard)
    said = [message for message in heard.messages if message.startswith("warning: labels:")]
    assert len(said) == 1
    assert "few samples" in said[0]


def test_models_whose_files_would_clash(small_model, tmp_path):
    for names in (("a", "a"), ("net+1", "net_1"), ("Net", "net")):
        models = [replace(small_model, name=name) for name in names]
        with pytest.raises(ProfileError, match="give each a name of its own"):
            measure(models, IMAGES, tmp_path / "profile", quick())
    with pytest.raises(ProfileError, match="no models"):
        measure([], IMAGES, tmp_path / "profile", quick())
    with pytest.raises(ProfileError, match="no samples"):
        measure([small_model], ArraySamples([]), tmp_path / "profile", quick())
    assert not (tmp_path / "profile").exists()


def test_inputs_that_the_model_cannot_take(small_model, tmp_path):
    tensors = ArraySamples([{"input": np.zeros((1, 3, 64, 64), np.float32)}])
    wrong = ArraySamples([{"tokens": np.zeros((1, 2), np.float32), "mask": np.zeros((1, 2), np.float32)}])
    for model, samples, kind in (
        (two_inputs(), IMAGES, InputError),
        (two_inputs(), tensors, InputError),
        (two_inputs(), wrong, InputError),
        (small_model, ArraySamples([np.zeros((4, 4), np.uint8)]), InputError),
        (small_model, tensors, InputError),
    ):
        with pytest.raises(kind, match=r"allowed|give|takes"):
            measure([model], samples, tmp_path / "profile", quick(techniques=("none",)))


def test_a_damaged_image_is_named(small_model, labelled_folder, tmp_path):
    for path in labelled_folder.glob("0*.png"):
        (tmp_path / path.name).write_bytes(path.read_bytes()[: 200 if path.name == "03.png" else None])
    with pytest.raises(SamplesError, match=r"1 image cannot be read: 03\.png"):
        ImageFolder(tmp_path, options=SampleOptions(strict=True))
    samples = ImageFolder(tmp_path)
    (tmp_path / "04.png").write_bytes(b"changed since")
    heard = Heard()
    measure([small_model], samples, tmp_path / "profile", quick(techniques=("none",)), reporter=heard)
    assert any("1 image cannot be read: left out: 03.png" in message for message in heard.messages)
    assert any("1 image cannot be read: left out:" in m and "04.png" in m for m in heard.messages)


def test_a_model_that_does_not_run_is_an_error_of_the_model(tmp_path):
    model = Model.from_proto(unknown_operator(), "frob")
    samples = ArraySamples([{"x": np.zeros((1, 4), np.float32)}])
    with pytest.raises(ModelError, match=r"Frobnicate|example\.frob"):
        measure([model], samples, tmp_path / "profile", quick())


def test_a_place_that_cannot_be_written(small_model, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="choose another place"):
        measure([small_model], IMAGES, tmp_path / "file" / "profile", quick(techniques=("none",)))


def test_a_bundle_that_is_there_is_not_replaced_after_hours_of_work(small_model, tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "precious").touch()
    with pytest.raises(StorageError, match="is there already and not empty"):
        build([small_model], ArraySamples([IMAGES.value(0)] * 20), tmp_path / "bundle", measuring=quick())
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_training_needs_costs_and_samples(profile, profile_folder, tmp_path):
    variants = profile_folder / "variants"
    with pytest.raises(ProfileError, match="no latencies"):
        train_bundle(replace(profile, latency=None), variants, tmp_path / "bundle")
    with pytest.raises(TooFewSamplesError, match="got 2 samples, needed are at least 20"):
        train_bundle(profile.take([0, 1]), variants, tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_too_few_samples_are_refused_before_anything_is_measured(small_model, tmp_path):
    with pytest.raises(TooFewSamplesError, match=r"got 5 samples, needed are at least 20: .*how-many-samples"):
        build([small_model], IMAGES.subset(range(5)), tmp_path / "bundle", measuring=quick())
    assert not list(tmp_path.iterdir())


def test_too_few_groups_are_refused_before_anything_is_measured(tmp_path):
    samples = ArraySamples([IMAGES.value(n % 8) for n in range(24)], groups=[f"scene {n % 3}" for n in range(24)])
    with pytest.raises(TooFewSamplesError, match="got 24 samples of 3 groups, needed are at least 5 groups"):
        build([two_inputs()], samples, tmp_path / "bundle")
    assert not (tmp_path / "bundle.work").exists()


def test_a_bundle_says_what_it_was_trained_on(bundle_folder, profile):
    summary = json.loads((bundle_folder / "bundle.json").read_text())["summary"]
    assert summary["n_samples"] == len(profile.samples)
    assert summary["origin"] == profile.origin
    assert summary["shipped"] in summary["comparison"]
    assert summary["reason"]


def test_default_techniques_follow_the_resolution(lite0, small_model):
    lower = ("resolution:192", "resolution:192+int8-static", "resolution:160", "resolution:160+int8-static")
    assert default_techniques(lite0) == ("none", "int8-static", *lower)
    assert default_techniques(small_model) == ("none", "int8-static", "resolution:48", "resolution:48+int8-static")
    tiny = replace(small_model, preprocessing=replace(small_model.preprocessing, resolution=(16, 16)))
    assert default_techniques(tiny) == default_techniques(two_inputs()) == ("none", "int8-static")


def test_the_opset_of_a_variant_is_one_that_the_checker_knows(small_model, tmp_path):
    variants, _ = build_variants([small_model], tmp_path, IMAGES, ["int8-static"])
    for variant in variants:
        for file in (variant.tensor_file, variant.pixels_file):
            onnx.checker.check_model(tmp_path / file)
