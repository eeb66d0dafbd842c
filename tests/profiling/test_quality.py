import cv2
import numpy as np
import pytest

from compsel.errors import InputError, ProfileError
from compsel.features.base import FeatureExtractor
from compsel.inputs.images.encoded import EncodedImage
from compsel.inputs.samples import ArraySamples, ImageFolder, Samples
from compsel.processors import CpuProcessor
from compsel.profiling.input_features import measure_features, time_features
from compsel.profiling.quality import measure_quality
from compsel.profiling.quality_table import quality_path
from compsel.storage import checkpointed as resuming
from compsel.storage.parquet import read_table
from compsel.techniques import parse
from compsel.variants.engine import Engine
from compsel.variants.writer import write_variant
from tests.foreign_models import two_inputs

IMAGES = [np.random.default_rng(n).integers(0, 256, (70, 80, 3), np.uint8) for n in range(12)]


class Interrupted(Samples):
    """Samples that are interrupted (Ctrl-C) when one of them is read, and that count what is read."""

    def __init__(self, samples: Samples, at: int | None = None):
        self.samples, self.at, self.read = samples, at, []

    names = property(lambda self: self.samples.names)
    labels = property(lambda self: self.samples.labels)

    def version(self, index):
        return self.samples.version(index)

    def value(self, index):
        if index == self.at:
            raise KeyboardInterrupt
        self.read.append(index)
        return self.samples.value(index)


class Mean(FeatureExtractor):
    """The mean of an image, and its height."""

    names = ("mean", "height")

    def _extract(self, value):
        return np.array([value.mean(), len(value)], np.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def variants(small_model, files):
    lower = parse("resolution:32").apply(small_model, None)
    return [write_variant(model, files, "logits") for model in (small_model, lower)]


def measured(variants, files, folder, samples):
    classes = measure_quality(variants, files, samples, folder, CpuProcessor(1))
    return classes, [read_table(quality_path(folder, variant)) for variant in variants]


def same(tables, others):
    for (columns, metadata), (other_columns, other_metadata) in zip(tables, others, strict=True):
        assert metadata == other_metadata
        assert columns.keys() == other_columns.keys()
        for name in columns:
            np.testing.assert_array_equal(columns[name], other_columns[name])


def test_right_is_the_label(variants, files, tmp_path):
    engine = Engine(variants[0], files, CpuProcessor(1))
    said = [int(engine(image)[0].argmax()) for image in IMAGES]
    labels = [answer if n % 3 else (answer + 1) % 10 for n, answer in enumerate(said)]
    classes, tables = measured(variants, files, tmp_path, ArraySamples(IMAGES, labels))
    assert classes == 10
    columns, metadata = tables[0]
    assert columns["label"].tolist() == labels
    assert columns["quality"].tolist() == [float(n % 3 > 0) for n in range(12)]
    assert columns["classes"][:, 0].tolist() == said
    assert (np.diff(columns["probabilities"], axis=1) <= 0).all()
    assert metadata["sha256"] == variants[0].sha256


def test_without_labels_right_is_what_the_uncompressed_model_says(variants, files, tmp_path):
    _, tables = measured(variants, files, tmp_path, ArraySamples(IMAGES))
    original, lower = (columns for columns, _ in tables)
    assert original["label"].tolist() == [-1] * 12
    assert original["quality"].tolist() == [1.0] * 12
    assert lower["quality"].tolist() == (lower["classes"][:, 0] == original["classes"][:, 0]).astype(float).tolist()


def test_each_sample_with_a_label_is_judged_by_it(variants, files, tmp_path):
    class Some(ArraySamples):
        labels = property(lambda self: (3, None) * 6)

    _, tables = measured(variants, files, tmp_path, Some(IMAGES))
    columns = tables[0][0]
    assert columns["label"].tolist() == [3, -1] * 6
    assert columns["quality"][1::2].tolist() == [1.0] * 6
    assert columns["quality"][::2].tolist() == (columns["classes"][::2, 0] == 3).astype(float).tolist()


@pytest.mark.parametrize("at", [0, 1, 7])
def test_after_ctrl_c_only_the_rest_is_measured(variants, files, tmp_path, at):
    plain = ArraySamples(IMAGES, labels=[n % 10 for n in range(12)])
    with pytest.raises(KeyboardInterrupt):
        measured(variants, files, tmp_path / "a", Interrupted(plain, at))
    again = Interrupted(plain)
    _, resumed = measured(variants, files, tmp_path / "a", again)
    assert again.read == [*range(at, 12), *range(12)]
    same(resumed, measured(variants, files, tmp_path / "b", plain)[1])
    third = Interrupted(plain)
    measured(variants, files, tmp_path / "a", third)
    assert third.read == []


def test_long_work_is_saved_on_the_way(variants, files, tmp_path, monkeypatch):
    monkeypatch.setattr(resuming, "_SAVE_EVERY_S", 0.0)
    seen = []

    class Watching(Interrupted):
        def value(self, index):
            path = quality_path(tmp_path, variants[0])
            seen.append(len(read_table(path)[0]["sample"]) if path.exists() else 0)
            return super().value(index)

    measured(variants[:1], files, tmp_path, Watching(ArraySamples(IMAGES, labels=[0] * 12)))
    assert seen == list(range(12))


@pytest.mark.parametrize("change", ["file", "content", "label", "order", "damage", "columns"])
def test_what_has_changed_is_measured_again(variants, files, tmp_path, small_model, change):
    images, labels, chosen, where = list(IMAGES), [0] * 12, variants[:1], files
    measured(chosen, where, tmp_path, ArraySamples(images, labels))
    path = quality_path(tmp_path, chosen[0])
    if change == "file":
        proto = small_model.copy_proto()
        proto.graph.doc_string = "changed"
        where = tmp_path / "files"
        chosen = [write_variant(small_model.with_proto(proto), where, "logits")]
    elif change == "content":
        images[11] = np.zeros_like(images[11])
    elif change == "label":
        labels[0] = 5
    elif change == "order":
        images.reverse()
    elif change == "damage":
        path.write_bytes(path.read_bytes()[:-20])
    else:
        from compsel.storage.parquet import write_table

        columns, metadata = read_table(path)
        columns.pop("classes")
        write_table(path, columns, metadata)
    again = Interrupted(ArraySamples(images, labels))
    _, tables = measured(chosen, where, tmp_path, again)
    assert again.read == list(range(12))
    assert tables[0][1]["sha256"] == chosen[0].sha256
    assert tables[0][0]["label"].tolist() == labels


def test_labels_that_the_model_has_not_are_refused_at_once_and_always(variants, files, tmp_path):
    samples = Interrupted(ArraySamples(IMAGES, labels=[*range(11), 10]))
    for _ in range(2):
        with pytest.raises(ProfileError, match="labels reach 10, but mobilenet-v1/none has 10 classes, 0 to 9"):
            measured(variants, files, tmp_path, samples)
    assert samples.read == [0, 0]


def test_models_that_are_no_classifiers_are_judged_by_the_error_of_their_outputs(tmp_path):
    model = two_inputs()
    half = model.copy_proto()
    weight = next(tensor for tensor in half.graph.initializer if tensor.name == "weight")
    weight.raw_data = (np.frombuffer(weight.raw_data, np.float32) * 0.5).tobytes()
    broken = model.copy_proto()
    weight = next(tensor for tensor in broken.graph.initializer if tensor.name == "weight")
    weight.raw_data = np.full(len(weight.raw_data) // 4, np.nan, np.float32).tobytes()
    models = [model, model.with_proto(half, "halved"), model.with_proto(broken, "broken")]
    variants = [write_variant(made, tmp_path, "other") for made in models]
    rng = np.random.default_rng(0)
    values = [{"tokens": rng.integers(0, 32, (1, n)), "mask": rng.random((1, n)).astype(np.float32)} for n in (1, 5, 9)]
    classes, tables = measured(variants, tmp_path, tmp_path / "profile", ArraySamples(values))
    assert classes == 0
    qualities = [columns["quality"] for columns, _ in tables]
    np.testing.assert_allclose(qualities[0], 1.0)
    np.testing.assert_allclose(qualities[1], 0.5, atol=1e-6)
    np.testing.assert_array_equal(qualities[2], 0.0)
    assert "classes" not in tables[0][0]
    again = Interrupted(ArraySamples(values))
    measured(variants, tmp_path, tmp_path / "profile", again)
    assert again.read == []


def test_nan_in_a_sample_is_refused_and_what_was_measured_kept(tmp_path):
    variant = write_variant(two_inputs(), tmp_path, "other")
    good = {"tokens": np.zeros((1, 2), np.int64), "mask": np.ones((1, 2), np.float32)}
    bad = {**good, "mask": np.full((1, 2), np.nan, np.float32)}
    with pytest.raises(InputError, match="input 'mask': got NaN"):
        measured([variant], tmp_path, tmp_path / "profile", ArraySamples([good, bad]))
    columns, _ = read_table(quality_path(tmp_path / "profile", variant))
    assert columns["sample"] == ["0"]


def test_the_uncompressed_variant_is_needed(variants, files, tmp_path):
    with pytest.raises(ProfileError, match="the uncompressed variant of mobilenet-v1 is not among the variants"):
        measured(variants[1:], files, tmp_path, ArraySamples(IMAGES))
    with pytest.raises(ProfileError, match="no samples"):
        measured(variants, files, tmp_path, ArraySamples([]))


def test_features_are_computed_once_and_go_on_after_ctrl_c(tmp_path):
    plain = ArraySamples(IMAGES)
    extractors = {"simple": Mean()}
    with pytest.raises(KeyboardInterrupt):
        measure_features(extractors, Interrupted(plain, 5), tmp_path)
    again = Interrupted(plain)
    measure_features(extractors, again, tmp_path)
    assert again.read == list(range(5, 12))
    columns, _ = read_table(tmp_path / "features.parquet")
    assert list(columns) == ["sample", "simple.mean", "simple.height"]
    np.testing.assert_allclose(columns["simple.mean"], [image.mean() for image in IMAGES], rtol=1e-6)
    (tmp_path / "features.parquet").write_bytes(b"damaged")
    for count in (12, 0):
        repeated = Interrupted(plain)
        measure_features(extractors, repeated, tmp_path)
        assert len(repeated.read) == count
    changed = Interrupted(ArraySamples(IMAGES[::-1]))
    measure_features(extractors, changed, tmp_path)
    assert len(changed.read) == 12


def test_without_extractors_there_are_samples_without_features(tmp_path):
    measure_features({}, ArraySamples(IMAGES), tmp_path)
    measure_features({}, ArraySamples(IMAGES), tmp_path)
    columns, _ = read_table(tmp_path / "features.parquet")
    assert list(columns) == ["sample"]
    assert len(columns["sample"]) == 12


def test_features_have_a_price():
    assert time_features({"simple": Mean()}, ArraySamples(IMAGES))["simple"] > 0


def test_a_file_is_decoded_as_the_runtime_decodes_it(variants, files, tmp_path, monkeypatch):
    large = cv2.resize(IMAGES[0], (600, 600))
    (tmp_path / "samples").mkdir()
    cv2.imwrite(str(tmp_path / "samples" / "large.jpg"), large)
    reductions = []
    decode = EncodedImage._decode

    def noted(self, reduction):
        reductions.append(reduction)
        return decode(self, reduction)

    monkeypatch.setattr(EncodedImage, "_decode", noted)
    measured(variants[:1], files, tmp_path / "profile", ImageFolder(tmp_path / "samples"))
    assert reductions == [4]  # of 600 pixels the network takes 64
