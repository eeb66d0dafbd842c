"""Reading and writing a tensor at a time gives what protobuf gives."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError, EncodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from compsel import Model
from compsel.errors import ModelError
from compsel.models import protobuf_streaming as proto_files
from compsel.models.protobuf_streaming import pieces, proto_bytes, read_proto, tensor_pieces
from tests.foreign_models import ODD, old_network, unrolled

MODELS = {**ODD, "old": old_network}


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every tensor from 64 bytes on is taken apart."""
    monkeypatch.setattr(proto_files, "_LARGE_BYTES", 64)


@pytest.mark.parametrize("name", MODELS)
def test_the_same_as_protobuf(name: str, tmp_path: Path) -> None:
    proto = MODELS[name]()
    proto.metadata_props.add(key="key", value="value")
    proto.graph.initializer.add(name="empty")
    data = proto.SerializeToString(deterministic=True)
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    assert read_proto(path) == proto
    assert b"".join(pieces(proto)) == data and proto_bytes(proto) == len(data)
    for tensor in proto.graph.initializer:
        assert b"".join(tensor_pieces(tensor)) == tensor.SerializeToString(deterministic=True)
    alone = onnx.ModelProto.FromString(b"".join(pieces(proto, initializers=False)))
    assert not alone.graph.initializer and alone.graph.node == proto.graph.node


shapes = st.lists(st.integers(0, 9), max_size=3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(shapes, st.sampled_from(["float32", "int64", "uint8", "float16", "bool"])), max_size=6))
def test_any_weights(tmp_path_factory: pytest.TempPathFactory, weights: list[tuple[list[int], str]]) -> None:
    tensors = [
        numpy_helper.from_array(np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype), f"w{index}")
        for index, (shape, dtype) in enumerate(weights)
    ]
    tensors.append(helper.make_tensor("plain", onnx.TensorProto.FLOAT, [40], [0.5] * 40))
    graph = helper.make_graph([helper.make_node("Identity", ["plain"], ["y"])], "g", [], [], tensors)
    proto = helper.make_model(graph)
    path = tmp_path_factory.mktemp("any") / "model.onnx"
    path.write_bytes(b"".join(pieces(proto)))
    assert path.read_bytes() == proto.SerializeToString(deterministic=True)
    assert read_proto(path) == proto


def test_fields_in_any_order(tmp_path: Path) -> None:
    """Protobuf allows a message in several parts, which are merged."""
    proto = old_network()
    parts = [onnx.ModelProto(graph=proto.graph), onnx.ModelProto(opset_import=proto.opset_import, ir_version=3)]
    more = onnx.ModelProto()
    more.graph.node.append(proto.graph.node[0])
    path = tmp_path / "model.onnx"
    path.write_bytes(b"".join(part.SerializeToString() for part in (*parts, more)))
    assert read_proto(path) == onnx.ModelProto.FromString(path.read_bytes())
    assert len(read_proto(path).graph.node) == len(proto.graph.node) + 1


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_cut_or_changed_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = bytearray(old_network().SerializeToString())
    cut = data.draw(st.integers(0, len(whole)))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("cut") / "model.onnx"
    path.write_bytes(whole[:cut])
    try:
        read_proto(path)
    except DecodeError:
        with pytest.raises(ModelError, match="not an ONNX model, or a truncated one"):
            Model.load(path)


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(old_network().SerializeToString()[:-200])
    with pytest.raises(DecodeError):
        read_proto(path)


def test_more_than_protobuf_can_hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(proto_files, "_LIMIT_BYTES", 1000)
    with pytest.raises(EncodeError):
        b"".join(pieces(old_network()))
    model = Model.from_proto(old_network(), "old")
    for call in (model.serialize, lambda: model.save(tmp_path / "old.onnx")):
        with pytest.raises(ModelError, match="over 2 GiB"):
            call()
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("external_from_bytes", [0, 1 << 31])
def test_models_survive_files(external_from_bytes: int, tmp_path: Path) -> None:
    model = Model.from_proto(unrolled(), "old")
    before = model.fingerprint()
    model.save(tmp_path / "old.onnx", external_from_bytes=external_from_bytes)
    again = Model.load(tmp_path / "old.onnx")
    assert again.fingerprint() == before == model.fingerprint()
    assert bool(list(tmp_path.glob("*.weights"))) == (external_from_bytes == 0)
