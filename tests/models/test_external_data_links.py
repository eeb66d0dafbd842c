"""Weights outside the graph as they lie in the world: behind links, under other spellings, in parts of graphs."""

import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import compsel
from compsel.errors import IntegrityError, ModelError
from compsel.models.model import Model

WEIGHTS = np.arange(64 * 16, dtype=np.float32).reshape(64, 16)


def outside(folder: Path, data: str = "model.onnx_data") -> Path:
    """Write a model with its weights in a file beside it."""
    weights = numpy_helper.from_array(WEIGHTS, "w")
    constant = helper.make_node("Constant", [], ["b"], value=numpy_helper.from_array(WEIGHTS[:1], "b"))
    nodes = [constant, helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Add", ["p", "b"], ["y"])]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", s]) for n, s in (("x", 64), ("y", 16))]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder.mkdir(parents=True, exist_ok=True)
    options = {"save_as_external_data": True, "location": data, "size_threshold": 0, "convert_attribute": True}
    onnx.save(model, folder / "model.onnx", **options)
    assert (folder / data).stat().st_size >= WEIGHTS.nbytes
    return folder / "model.onnx"


def as_in_a_hub(folder: Path) -> Path:
    """As the cache of Hugging Face: links with the names, files named after their content."""
    path = outside(folder / "blobs")
    path.rename(folder / "blobs" / "aaa")
    (folder / "blobs" / "model.onnx_data").rename(folder / "blobs" / "bbb")
    there = folder / "snapshots" / "abc" / "model.onnx"
    there.parent.mkdir(parents=True)
    there.symlink_to("../../blobs/aaa")
    there.with_name("model.onnx_data").symlink_to("../../blobs/bbb")
    return there


def graph_alone_is_a_link(folder: Path) -> Path:
    outside(folder / "far")
    (folder / "near.onnx").symlink_to("far/model.onnx")
    return folder / "near.onnx"


def folder_is_a_link(folder: Path) -> Path:
    outside(folder / "releases" / "1")
    (folder / "current").symlink_to("releases/1")
    return folder / "current" / "model.onnx"


def hard_links(folder: Path) -> Path:
    path = outside(folder / "far")
    (folder / "near").mkdir()
    for name in ("model.onnx", "model.onnx_data"):
        (folder / "near" / name).hardlink_to(path.with_name(name))
    return folder / "near" / "model.onnx"


def accents_composed_otherwise(folder: Path) -> Path:
    path = outside(folder, unicodedata.normalize("NFC", "modèle.données"))
    next(folder.glob("*donn*")).rename(folder / unicodedata.normalize("NFD", "modèle.données"))
    return path


def below(folder: Path) -> Path:
    (folder / "data").mkdir(parents=True)
    return outside(folder, "data/weights.bin")


@pytest.mark.parametrize(
    "lay", [as_in_a_hub, graph_alone_is_a_link, folder_is_a_link, hard_links, accents_composed_otherwise, below]
)
def test_weights_are_read_however_they_lie(lay: Callable[[Path], Path], tmp_path: Path) -> None:
    model = Model.load(lay(tmp_path))
    tensors = [*model.proto.graph.initializer, model.proto.graph.node[0].attribute[0].t]
    np.testing.assert_array_equal(numpy_helper.to_array(tensors[0]), WEIGHTS)
    np.testing.assert_array_equal(numpy_helper.to_array(tensors[1]), WEIGHTS[:1])
    assert model.fingerprint() == Model.load(outside(tmp_path / "plain")).fingerprint()


def test_a_hub_s_model_is_compressed_where_it_lies(tmp_path: Path) -> None:
    (report,) = compsel.compress(as_in_a_hub(tmp_path), "int8-weight", tmp_path / "out", seconds=0)
    assert report.path is not None, report.reason


@pytest.mark.parametrize("location", ["../model.onnx_data", "/etc/hostname", "C:/data", "a/../../b", ""])
def test_a_name_that_leads_out_by_itself_is_refused(location: str, tmp_path: Path) -> None:
    path = outside(tmp_path / "in")
    proto = onnx.load(path, load_external_data=False)
    next(entry for entry in proto.graph.initializer[0].external_data if entry.key == "location").value = location
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match=r"model\.onnx: its external data cannot be read .* not a file in the folder"):
        Model.load(path)


@pytest.mark.parametrize("said", ["offset=-4", "length=9999999", "offset=two", "length=-1"])
def test_numbers_that_cannot_be_are_refused(said: str, tmp_path: Path) -> None:
    key, value = said.split("=")
    path = outside(tmp_path)
    proto = onnx.load(path, load_external_data=False)
    next(entry for entry in proto.graph.initializer[0].external_data if entry.key == key).value = value
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match="external data cannot be read"):
        Model.load(path)


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    path = as_in_a_hub(tmp_path)
    (tmp_path / "blobs" / "bbb").unlink()
    with pytest.raises(ModelError, match=r"'model\.onnx_data': No such file"):
        Model.load(path)


def test_a_bundle_may_still_hold_no_link(cascade_folder: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(cascade_folder, bundle)
    file = next((bundle / "variants").glob("*.onnx"))
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match="is a link"):
        compsel.load(bundle)


def test_a_bundle_below_a_link_is_loaded(cascade_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(cascade_folder)
    with compsel.load(tmp_path / "current") as runtime:
        assert runtime.bundle.folder == tmp_path / "current"
