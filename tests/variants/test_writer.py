import json
import shutil

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.errors import InputError, StorageError
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.tensor_specs import TensorSpec
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.processors import CpuProcessor
from compsel.storage.file_names import slug
from compsel.techniques import parse
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant
from compsel.variants.writer import is_whole, write_variant
from tests.foreign_models import finish, old_network, two_inputs

TEXTS = st.text(min_size=1, max_size=20)
SPECS = st.builds(
    TensorSpec,
    name=TEXTS,
    dtype=st.sampled_from(["float32", "int64", "string", "other"]),
    shape=st.none() | st.lists(st.none() | st.integers(0, 500), max_size=4).map(tuple),
)
VARIANTS = st.builds(
    Variant,
    name=TEXTS,
    model=TEXTS,
    technique=TEXTS,
    tensor_file=TEXTS,
    pixels_file=st.none() | TEXTS,
    weights_file=st.none() | TEXTS,
    sha256=TEXTS,
    size_bytes=st.integers(0, 2**50),
    inputs=st.lists(SPECS, max_size=3).map(tuple),
    outputs=st.lists(SPECS, min_size=1, max_size=3).map(tuple),
    preprocessing=st.none() | st.just(ImagePreprocessing((5, 7), mean=(1.0, 2.0, 3.0), layout="NHWC")),
    output=st.sampled_from(["logits", "probabilities", "other"]),
)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@given(VARIANTS)
def test_round_trip_through_json(variant):
    assert Variant.from_dict(json.loads(json.dumps(variant.to_dict()))) == variant


def test_the_same_model_gives_the_same_bytes(small_model, tmp_path):
    first = write_variant(small_model, tmp_path / "a", "logits")
    second = write_variant(small_model, tmp_path / "b", "logits")
    assert first == second
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert set(contents(tmp_path / "a")) == set(first.files)


def test_both_graphs_share_one_file_of_weights(small_model, tmp_path):
    variant = write_variant(small_model, tmp_path, "logits")
    sizes = {name: (tmp_path / name).stat().st_size for name in variant.files}
    assert sizes[variant.tensor_file] + sizes[variant.pixels_file] < sizes[variant.weights_file]
    assert variant.size_bytes == sizes[variant.tensor_file] + sizes[variant.weights_file]


def test_variants_with_the_same_weights_share_their_file(small_model, tmp_path):
    lower = parse("resolution:48").apply(small_model, None)
    first, second = (write_variant(model, tmp_path, "logits") for model in (small_model, lower))
    assert first.weights_file == second.weights_file
    assert first.sha256 != second.sha256
    assert len(list(tmp_path.glob("*.weights"))) == 1


def test_other_weights_are_another_identity(small_model, tmp_path):
    proto = small_model.copy_proto()
    tensor = max(proto.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    tensor.raw_data = bytes(len(tensor.raw_data))
    first = write_variant(small_model, tmp_path / "a", "logits")
    second = write_variant(small_model.with_proto(proto), tmp_path / "b", "logits")
    assert first.sha256 != second.sha256


def test_a_variant_whose_files_were_changed_is_not_whole(small_model, tmp_path):
    variant = write_variant(small_model, tmp_path / "whole", "logits")
    assert is_whole(variant, tmp_path / "whole")
    for file in (variant.tensor_file, variant.weights_file):
        folder = tmp_path / file
        shutil.copytree(tmp_path / "whole", folder)
        content = bytearray((folder / file).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / file).write_bytes(content)
        assert not is_whole(variant, folder)
    for file in variant.files:
        folder = tmp_path / f"without {file}"
        shutil.copytree(tmp_path / "whole", folder)
        (folder / file).unlink()
        assert not is_whole(variant, folder)


def test_a_damaged_file_of_weights_is_written_again(small_model, tmp_path):
    variant = write_variant(small_model, tmp_path, "logits")
    whole = contents(tmp_path)
    (tmp_path / variant.weights_file).write_bytes(b"damaged")
    assert write_variant(small_model, tmp_path, "logits") == variant
    assert contents(tmp_path) == whole


def test_nothing_half_written_stays_behind(small_model, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="choose another place"):
        write_variant(small_model, tmp_path / "file", "logits")
    assert set(contents(tmp_path)) == {"file"}


def test_small_models_need_no_file_of_weights(tmp_path):
    value = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4]) for name in "xy"]
    node = onnx.helper.make_node("Mul", ["x", "w"], ["y"])
    model = Model("tiny", finish([node], value[:1], value[1:], {"w": np.ones((1, 4), np.float32)}))
    variant = write_variant(model, tmp_path, "other")
    assert (variant.weights_file, variant.pixels_file) == (None, None)
    assert set(contents(tmp_path)) == {variant.tensor_file}


def test_weights_among_the_inputs_become_constants(tmp_path):
    """The runtime folds and rearranges only what cannot be fed."""
    preprocessing = ImagePreprocessing((16, 16), mean=(127.0,) * 3, std=(128.0,) * 3)
    model = Model("old", old_network(9, 3), preprocessing)
    variant = write_variant(model, tmp_path, "logits")
    for file in (variant.tensor_file, variant.pixels_file):
        assert len(onnx.load(tmp_path / file).graph.input) == 1
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    (got,) = Engine(variant, tmp_path, CpuProcessor(1))(image)
    (wanted,) = open_session(model.to_proto()).run(None, {"image": preprocessing.tensor(image)})
    np.testing.assert_array_equal(got, wanted)


def test_an_engine_takes_an_image_and_gives_what_the_model_gives(lite0, photographs, tmp_path):
    variant = write_variant(lite0, tmp_path, "logits")
    image = photographs["chelsea"]
    pixels = Engine(variant, tmp_path, CpuProcessor(1))
    tensors = Engine(variant, tmp_path, CpuProcessor(1), tensors=True)
    feeds = {"input": lite0.preprocessing.tensor(image)}
    np.testing.assert_array_equal(pixels(image), tensors(feeds))
    # what the graph says of its answer, and what is read of the answer of a graph that does not
    (got, scores), (wanted, read) = pixels.answer(image), tensors.answer(feeds)
    np.testing.assert_array_equal(got, wanted)
    assert scores.log_probabilities.argmax() in range(281, 286)  # cats
    assert np.exp(scores.log_probabilities).sum() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(scores.log_probabilities, read.log_probabilities, atol=1e-5)
    np.testing.assert_array_equal(scores.evidence.classes, read.evidence.classes)
    np.testing.assert_allclose(scores.evidence.probabilities, read.evidence.probabilities, rtol=1e-5)
    assert scores.evidence.n_classes == read.evidence.n_classes == 1000
    pixels.close()
    tensors.close()


def test_an_engine_refuses_what_its_model_cannot_take(small_model, tmp_path):
    image = np.zeros((9, 9, 3), np.uint8)
    tensors = Engine(write_variant(two_inputs(), tmp_path, "other"), tmp_path, CpuProcessor(1))
    with pytest.raises(InputError, match=r"two/none takes tensors \['tokens', 'mask'\]"):
        tensors(image)
    with pytest.raises(InputError, match="allowed are exactly"):
        tensors({"tokens": np.zeros((1, 3), np.int64)})
    with pytest.raises(InputError, match="got dtype int32, allowed is int64"):
        tensors({"tokens": np.zeros((1, 3), np.int32), "mask": np.ones((1, 3), np.float32)})
    with pytest.raises(InputError, match="got NaN"):
        tensors({"tokens": np.zeros((1, 3), np.int64), "mask": np.full((1, 3), np.nan, np.float32)})
    images = Engine(write_variant(small_model, tmp_path, "logits"), tmp_path, CpuProcessor(1))
    with pytest.raises(InputError, match="allowed is a uint8"):
        images(image.astype(np.float32))


def test_long_names_stay_apart():
    names = [f"net/channel-prune:layers={'blocks.0.conv=0.25;' * 40}last={share}" for share in (0.25, 0.5)]
    made = [slug(name) for name in names]
    assert len(set(made)) == 2 and all(len(name) <= 120 for name in made) and made == [slug(name) for name in names]


@given(st.text())
def test_names_become_names_of_files(name):
    made = slug(name)
    assert made and len(made.encode()) <= 120
    assert not set(made) & set('/\\:*?"<>|+=, \0')
    assert not made.startswith(".")
