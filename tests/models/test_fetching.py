"""Models at addresses: what lies beside them comes along, as loading them here would find it."""

import json
import unicodedata
from pathlib import Path

import fsspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import compsel
from compsel.errors import LocationError, ModelError
from compsel.storage.sizes import DOCUMENT_BYTES
from tests.storage.locations.test_mirror import BUCKET, at, own_cache, run_server

__all__ = ["own_cache", "run_server"]

WEIGHTS = np.arange(12, dtype=np.float32).reshape(3, 4)


def graph(location: str = "") -> bytes:
    """Three pixels to four classes, with the weights in a file where a name of one is given."""
    weights = onnx.numpy_helper.from_array(WEIGHTS, "weights")
    if location:
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=location)
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["scores"]),
    ]
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    given = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 4])
    made = helper.make_graph(nodes, "small", [taken], [given], [weights])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


@pytest.fixture(params=["memory", "s3"], name="place")
def make_place(
    request: pytest.FixtureRequest, port: int, monkeypatch: pytest.MonkeyPatch, own_cache: None
) -> tuple[str, fsspec.AbstractFileSystem]:
    name = request.node.name.replace("[", "-").replace("]", "")[-50:]
    if request.param == "s3":
        at(port, monkeypatch)
        fsspec.filesystem("s3").mkdirs(BUCKET, exist_ok=True)
    address = f"{request.param}://{BUCKET}/models/{name}"
    return address, fsspec.filesystem(request.param)


Place = tuple[str, fsspec.AbstractFileSystem]


def put(place: Place, **files: bytes) -> None:
    for name, content in files.items():
        place[1].pipe_file(f"{place[0]}/{name.replace('__', '/').replace('_dot_', '.')}", content)


PROCESSOR = json.dumps({"do_normalize": True, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.2, 0.2, 0.2]}).encode()


def test_what_lies_beside_a_model_comes_along(place: Place) -> None:
    put(place, model_dot_onnx=graph("data/weights.bin"), data__weights_dot_bin=WEIGHTS.tobytes())
    put(place, labels_dot_txt=b"cat\ndog\nfox\nowl\n", preprocessor_config_dot_json=PROCESSOR, other_dot_bin=b"other")
    model = compsel.Model.load(f"{place[0]}/model.onnx")
    assert np.array_equal(onnx.numpy_helper.to_array(model.proto.graph.initializer[0]), WEIGHTS)
    assert model.labels == ("cat", "dog", "fox", "owl")
    assert model.preprocessing is not None
    path = compsel.fetch(f"{place[0]}/model.onnx")
    assert not (path.parent / "other.bin").exists(), "nothing else"
    place[1].rm_file(f"{place[0]}/labels.txt")
    put(place, data__weights_dot_bin=(2 * WEIGHTS).tobytes())
    again = compsel.Model.load(f"{place[0]}/model.onnx")
    assert np.array_equal(onnx.numpy_helper.to_array(again.proto.graph.initializer[0]), 2 * WEIGHTS)
    assert not again.labels, "what is gone there is gone here"


def test_what_lies_above_a_folder_of_an_exporter_comes_along(place: Place) -> None:
    put(place, onnx__model_dot_onnx=graph("weights.bin"), onnx__weights_dot_bin=WEIGHTS.tobytes())
    names = json.dumps({"id2label": {str(n): name for n, name in enumerate(("cat", "dog", "fox", "owl"))}})
    put(place, config_dot_json=names.encode())
    model = compsel.Model.load(f"{place[0]}/onnx/model.onnx")
    assert model.labels == ("cat", "dog", "fox", "owl")


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "a/../../weights.bin", "C:/weights", ""])
def test_names_that_lead_out_of_the_folder_are_refused_as_they_are_here(location: str, tmp_path: Path) -> None:
    hostile = onnx.ModelProto.FromString(graph("x"))
    hostile.graph.initializer[0].external_data[0].value = location
    here = tmp_path / "model.onnx"
    here.write_bytes(hostile.SerializeToString())
    files = fsspec.filesystem("memory")
    files.pipe_file("/out/weights.bin", WEIGHTS.tobytes())
    files.pipe_file("/out/in/model.onnx", here.read_bytes())
    for path in (str(here), "memory://out/in/model.onnx"):
        with pytest.raises(ModelError, match="not a file in the folder of the model") as raised:
            compsel.Model.load(path)
        assert str(raised.value).startswith(path)
    assert not [*tmp_path.rglob("weights.bin")], "nor is it fetched"


@pytest.mark.parametrize("location", ["..\\weights.bin", "\\weights.bin"])
def test_names_that_lead_out_on_another_system_are_refused(location: str) -> None:
    fsspec.filesystem("memory").pipe_file("/other/model.onnx", graph(location))
    with pytest.raises(ModelError, match="not a file in the folder of the model"):
        compsel.fetch("memory://other/model.onnx")


def test_weights_that_are_not_there_are_told(place: Place) -> None:
    put(place, model_dot_onnx=graph("weights.bin"))
    with pytest.raises(ModelError, match=r"model.onnx: its external data .*'weights.bin': no such file\): keep the"):
        compsel.fetch(f"{place[0]}/model.onnx")
    with pytest.raises(LocationError, match=r"other.onnx: there is no such file: check the address"):
        compsel.fetch(f"{place[0]}/other.onnx")


def test_accents_may_be_composed_in_another_way() -> None:
    files = fsspec.filesystem("memory")
    files.pipe_file("/accents/model.onnx", graph(unicodedata.normalize("NFC", "modèle.bin")))
    files.pipe_file(unicodedata.normalize("NFD", "/accents/modèle.bin"), WEIGHTS.tobytes())
    model = compsel.Model.load("memory://accents/model.onnx")
    assert np.array_equal(onnx.numpy_helper.to_array(model.proto.graph.initializer[0]), WEIGHTS)


def test_what_is_too_large_is_not_fetched() -> None:
    files = fsspec.filesystem("memory")
    files.pipe_file("/large/model.onnx", graph())
    files.pipe_file("/large/labels.txt", bytes(DOCUMENT_BYTES + 1))
    path = compsel.fetch("memory://large/model.onnx")
    assert not path.with_name("labels.txt").exists(), "here it would be passed over as well"
    files.pipe_file("/large/tokenizer.json", bytes(DOCUMENT_BYTES + 1))
    with pytest.raises(LocationError, match=r"large/tokenizer.json: has 64.0 MB, allowed are 64.0 MB"):
        compsel.fetch("memory://large/model.onnx")


def test_what_is_no_model_is_told(place: Place) -> None:
    put(place, model_dot_onnx=b"no model")
    with pytest.raises(ModelError, match="not an ONNX model"):
        compsel.fetch(f"{place[0]}/model.onnx")


def test_a_tokenizer_comes_with_what_says_how_long_texts_are() -> None:
    files = fsspec.filesystem("memory")
    for name in ("tokenizer.json", "config.json"):
        files.pipe_file(f"/texts/{name}", b"{}")
    assert compsel.fetch("memory://texts/tokenizer.json").with_name("config.json").is_file()


def test_what_may_not_be_read_beside_a_model_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    files = fsspec.filesystem("memory")
    files.pipe_file("/denied/model.onnx", graph())
    info = type(files).info

    def denied(self: object, path: str, **options: object) -> object:
        if path.endswith(wanted):
            raise PermissionError("Forbidden")
        return info(self, path, **options)

    monkeypatch.setattr(type(files), "info", denied)
    wanted = ".txt"
    assert compsel.fetch("memory://denied/model.onnx").is_file(), "S3 says so of what is not there"
    wanted = ".onnx"
    with pytest.raises(LocationError, match=r"cannot read memory://denied/model.onnx: permission denied"):
        compsel.fetch("memory://denied/model.onnx")
