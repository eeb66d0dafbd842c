import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compsel.errors import ModelError, StorageError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.preprocessing import METADATA_KEY
from compsel.inputs.samples import ArraySamples
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.storage.files import atomic_file
from compsel.variants.build_variants import build_variants
from tests.foreign_models import old_network, two_inputs, unknown_operator


def answers(model: Model, seed: int = 0) -> list[np.ndarray]:
    pixels = np.random.default_rng(seed).integers(0, 256, (80, 90, 3), np.uint8)
    return open_session(model.to_proto()).run(None, feeds_of(model, pixels))


def without_its_largest_weights(model: Model) -> Model:
    proto = model.copy_proto()
    tensor = max(proto.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    tensor.raw_data = bytes(len(tensor.raw_data))
    return model.with_proto(proto)


@pytest.fixture
def saved(small_model, tmp_path):
    return small_model.save(tmp_path / "small.onnx")


def test_a_saved_model_comes_back_as_it_was(small_model, saved):
    loaded = Model.load(saved, small_model.name)
    assert loaded.preprocessing == small_model.preprocessing
    assert (loaded.inputs, loaded.outputs, loaded.technique) == (small_model.inputs, small_model.outputs, "none")
    assert loaded.fingerprint() == small_model.fingerprint()
    assert loaded.serialize() == saved.read_bytes()


def test_a_model_is_named_after_its_file_unless_a_name_is_given(saved):
    assert Model.load(saved).name == "small"
    assert Model.load(str(saved), "other").name == "other"


def test_saving_is_deterministic_whatever_the_order_of_the_metadata(small_model):
    proto = small_model.to_proto()
    entries = [(entry.key, entry.value) for entry in proto.metadata_props]
    del proto.metadata_props[:]
    for key, value in reversed(entries):
        proto.metadata_props.add(key=key, value=value)
    assert Model.from_proto(proto, small_model.name).serialize() == small_model.serialize()


def test_large_weights_lie_in_a_file_beside_the_graph(small_model, tmp_path):
    path = small_model.save(tmp_path / "a.onnx", external_from_bytes=1000)
    (weights,) = tmp_path.glob("*.weights")
    assert path.stat().st_size < weights.stat().st_size
    loaded = Model.load(path)
    assert loaded.fingerprint() == small_model.fingerprint()
    np.testing.assert_array_equal(answers(loaded)[0], answers(small_model)[0])


def test_saving_again_never_changes_the_weights_of_another_graph(small_model, tmp_path):
    small_model.save(tmp_path / "a.onnx", external_from_bytes=1000)
    changed = without_its_largest_weights(small_model)
    changed.save(tmp_path / "b.onnx", external_from_bytes=1000)
    small_model.save(tmp_path / "c.onnx", external_from_bytes=1000)
    assert len(list(tmp_path.glob("*.weights"))) == 2
    assert Model.load(tmp_path / "a.onnx").fingerprint() == small_model.fingerprint()
    assert Model.load(tmp_path / "b.onnx").fingerprint() == changed.fingerprint()


def test_a_save_that_fails_leaves_the_older_model_as_it_was(small_model, tmp_path, monkeypatch):
    path = small_model.save(tmp_path / "a.onnx", external_from_bytes=1000)
    changed = without_its_largest_weights(small_model)

    def full(target):
        if target.suffix == ".onnx":
            raise StorageError(28, "cannot write: no space is left on the device")
        return atomic_file(target)

    monkeypatch.setattr("compsel.models.model.atomic_file", full)
    with pytest.raises(StorageError, match="no space"):
        changed.save(path, external_from_bytes=1000)
    assert Model.load(path).fingerprint() == small_model.fingerprint()
    assert not [name for name in tmp_path.iterdir() if name.suffix not in (".onnx", ".weights")]


def test_saving_below_a_file_says_what_is_in_the_way(small_model, saved):
    with pytest.raises(StorageError, match=r"cannot write .*a file .*choose another place"):
        small_model.save(saved / "model.onnx")


def test_no_such_file(tmp_path):
    with pytest.raises(ModelError, match=r"absent.onnx: no such file"):
        Model.load(tmp_path / "absent.onnx")
    with pytest.raises(ModelError, match=r"is a folder: give the .onnx file in it"):
        Model.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\0", b"not a model at all", b"PK\3\4", b"\x08\x07", b"{}" * 100])
def test_not_an_onnx_file(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.onnx: not an ONNX model"):
        Model.load(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_model_never_loads_as_another_one(small_model, tmp_path, share):
    content = small_model.serialize()
    path = tmp_path / "model.onnx"
    path.write_bytes(content[: int(len(content) * share)])
    try:
        loaded = Model.load(path)
    except ModelError as error:
        assert "model.onnx" in str(error)
    else:  # cut inside the metadata at the very end: graph and weights are whole
        assert [tensor.raw_data for tensor in loaded.proto.graph.initializer] == [
            tensor.raw_data for tensor in small_model.proto.graph.initializer
        ]


def test_missing_external_data(small_model, tmp_path):
    path = small_model.save(tmp_path / "a.onnx", external_from_bytes=1000)
    next(tmp_path.glob("*.weights")).unlink()
    with pytest.raises(ModelError, match=r"a\.onnx: its external data cannot be read.*beside the model"):
        Model.load(path)


def test_truncated_external_data(small_model, tmp_path):
    path = small_model.save(tmp_path / "a.onnx", external_from_bytes=1000)
    weights = next(tmp_path.glob("*.weights"))
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(ModelError, match="external data cannot be read"):
        Model.load(path)


@pytest.mark.parametrize("location", ["../secret.weights", "sub/../../secret.weights", "{folder}/secret.weights"])
def test_external_data_outside_the_folder_is_not_read(small_model, tmp_path, location):
    inside = tmp_path / "models"
    path = small_model.save(inside / "a.onnx", external_from_bytes=1000)
    next(inside.glob("*.weights")).rename(tmp_path / "secret.weights")
    proto = onnx.load(path, load_external_data=False)
    for tensor in proto.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location.format(folder=tmp_path)
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match="external data cannot be read"):
        Model.load(path)


@pytest.mark.parametrize("text", ["[]", "null", "{}", "{", '{"kind": "audio"}', '{"kind": "image", "resolution": 5}'])
def test_damaged_preprocessing_in_the_metadata(small_model, text):
    proto = small_model.to_proto()
    next(entry for entry in proto.metadata_props if entry.key == METADATA_KEY).value = text
    with pytest.raises(ModelError, match="preprocessing"):
        Model.from_proto(proto, "damaged")


def test_an_operator_that_the_runtime_lacks_is_named(tmp_path):
    (tmp_path / "frob.onnx").write_bytes(unknown_operator().SerializeToString())
    model = Model.load(tmp_path / "frob.onnx")
    samples = ArraySamples([{"x": np.zeros((1, 4), np.float32)}])
    with pytest.raises(ModelError, match=r"Frobnicate|example\.frob"):
        build_variants([model], tmp_path / "variants", samples, ["none"])
    assert not list((tmp_path / "variants").glob("*.onnx"))


def test_inputs_with_several_types_and_open_axes():
    assert [(spec.name, spec.dtype, spec.shape) for spec in two_inputs().inputs] == [
        ("tokens", "int64", (None, None)),
        ("mask", "float32", (None, None)),
    ]


def test_initializers_among_the_inputs_need_not_be_fed():
    model = Model.from_proto(old_network(), "old")
    assert [spec.name for spec in model.inputs] == ["image"]
    assert model.opset == 9


def test_a_model_without_an_element_type_is_damaged():
    proto = old_network()
    proto.graph.input[0].type.tensor_type.elem_type = 0
    with pytest.raises(ModelError, match="has no element type"):
        _ = Model.from_proto(proto, "damaged").inputs


def test_the_fingerprint_tells_weights_graph_and_preprocessing_apart(small_model):
    graph = small_model.copy_proto()
    graph.graph.node[0].name = "renamed"
    moved = Model(small_model.name, small_model.proto, ImagePreprocessing((64, 64), crop_fraction=0.5))
    models = [small_model, without_its_largest_weights(small_model), small_model.with_proto(graph), moved]
    assert len({model.fingerprint() for model in models}) == 4


def test_the_graph_may_be_copied_and_changed_without_changing_the_model(small_model):
    before = small_model.fingerprint()
    copy = small_model.copy_proto()
    del copy.graph.node[:]
    assert small_model.fingerprint() == before


def test_every_sub_graph_is_walked_over():
    inner = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["x"], ["y"])],
        "inner",
        [],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])],
    )
    choose = onnx.helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)
    graph = onnx.helper.make_graph([choose], "outer", [], [])
    model = Model("nested", onnx.helper.make_model(graph))
    assert [graph.name for graph in model.graphs()] == ["outer", "inner", "inner"]
