"""Large weights are borrowed, not copied, and arrive whole in what is written."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from compsel import Model
from compsel.models import graph_session as session
from compsel.models.editable_graph import borrow
from compsel.models.editing import edit_graph
from compsel.models.opset_upgrade import with_opset
from compsel.techniques import parse
from compsel.techniques.weights import encoding as unpacking
from compsel.variants.verification import verify
from tests.techniques.foreign import FLOAT, make, value, weight
from tests.techniques.inputs import SeededTensors


def wide(opset: int = 17) -> Model:
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w", "b"], ["y"], transB=1),
    ]
    weights = [weight("w", 128, 128, scale=0.1), weight("b", 128)]
    return make(nodes, [value("x", FLOAT, ["N", 128])], [value("y", FLOAT, ["N", 128])], weights, opset)


def test_an_editable_graph_is_small_and_materialises_to_the_same() -> None:
    model = wide()
    editable = borrow(model.proto)
    assert editable.proto.ByteSize() < model.proto.ByteSize() / 20
    assert editable.materialise().graph == model.proto.graph


def test_the_converter_keeps_what_is_lent() -> None:
    editable = with_opset(edit_graph(wide(opset=9)), 13)
    assert {entry.version for entry in editable.proto.opset_import} == {13}
    assert editable.proto.ByteSize() < 10_000
    before = numpy_helper.to_array(wide().proto.graph.initializer[0])
    after = next(tensor for tensor in editable.materialise().graph.initializer if tensor.name == "w")
    np.testing.assert_array_equal(numpy_helper.to_array(after), before)


def test_a_copy_borrows_what_the_editable_graph_has_replaced() -> None:
    editable = borrow(wide().proto)
    tensor = next(tensor for tensor in editable.graph.initializer if tensor.name == "w")
    tensor.CopyFrom(numpy_helper.from_array(np.ones((128, 128), np.float32), "w"))
    copy = editable.copy()
    assert copy.proto.ByteSize() < 10_000
    np.testing.assert_array_equal(copy.array(copy.graph.initializer[0]), np.ones((128, 128)))
    np.testing.assert_array_equal(copy.materialise().graph.initializer[0].dims, [128, 128])


def unpacking_in_pieces(model: Model, spec: str, monkeypatch: pytest.MonkeyPatch) -> Model:
    with monkeypatch.context() as patch:
        patch.setattr(unpacking, "_PIECE", 5000)
        variant = parse(spec).apply(model, SeededTensors(model))
    assert any(node.op_type == "Concat" for node in variant.proto.graph.node)
    return parse("none").apply(variant)


@pytest.mark.parametrize("spec", ["int8-weight", "int6-weight:symmetric=false", "cluster:6", "prune:0.3"])
def test_large_weights_are_unpacked_to_a_file(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = wide()
    small = parse(spec).apply(model, SeededTensors(model))
    monkeypatch.setattr(session, "_IN_MEMORY_BYTES", 0)
    if "prune" in spec:
        pieces = unpacking_in_pieces(model, spec, monkeypatch)
        assert verify(pieces, small, SeededTensors(model)).relative_error == pytest.approx(0, abs=1e-4)
    large = parse(spec).apply(model, SeededTensors(model))
    for one, other in zip(small.proto.graph.initializer, large.proto.graph.initializer, strict=True):
        np.testing.assert_allclose(numpy_helper.to_array(one), numpy_helper.to_array(other), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "spec", ["none", "float16", "int8-static", "int8-dynamic", "prune:0.1", "int6-weight", "int4-weight", "cluster:6"]
)
@pytest.mark.parametrize("opset", [9, 17])
def test_every_technique_through_files(spec: str, opset: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(session, "_ALIGNMENT", 4096)
    model = wide(opset)
    variant = parse(spec).apply(model, SeededTensors(model))
    onnx.checker.check_model(variant.to_proto(), full_check=True)
    assert not any(tensor.external_data for tensor in variant.proto.graph.initializer)
    verification = verify(variant, model, SeededTensors(model))
    assert verification.ok and verification.correlation is not None and verification.correlation > 0.99
