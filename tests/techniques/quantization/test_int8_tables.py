"""Tables of embeddings in 8 bits, as `int8-dynamic` stores them."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compsel.inputs.samples import ArraySamples
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.techniques import parse

ROWS, WIDTH = 4096, 32


def embedding(rows: int = ROWS, *, axis: int = 0, readers: int = 1) -> Model:
    """Gather vectors, of very different lengths, and multiply them by a matrix."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(rows, WIDTH)).astype(np.float32) * np.geomspace(1e-3, 1e3, rows, dtype=np.float32)[:, None]
    table[0] = 0
    table = table if axis == 0 else np.ascontiguousarray(table.T)
    graph = onnx.GraphProto(name="embedding")
    graph.initializer.append(numpy_helper.from_array(table, "table"))
    graph.initializer.append(numpy_helper.from_array(np.eye(WIDTH, dtype=np.float32), "weight"))
    for number in range(readers):
        graph.input.append(helper.make_tensor_value_info(f"ids{number}", TensorProto.INT64, ["n", "tokens"]))
        graph.node.append(helper.make_node("Gather", ["table", f"ids{number}"], [f"rows{number}"], axis=axis))
        last = f"rows{number}"
        if axis:
            graph.node.append(helper.make_node("Transpose", [last], [f"turned{number}"], perm=[1, 2, 0]))
            last = f"turned{number}"
        graph.node.append(helper.make_node("MatMul", [last, "weight"], [f"out{number}"], f"layer{number}"))
        shape = ["n", "tokens", WIDTH]
        graph.output.append(helper.make_tensor_value_info(f"out{number}", TensorProto.FLOAT, shape))
    return Model("embedding", helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), None)


def rows_of(model: Model, ids: list[int], readers: int = 1) -> list[np.ndarray]:
    feeds = {f"ids{number}": np.array([ids], np.int64) for number in range(readers)}
    return list(open_session(model.to_proto()).run(None, feeds))


def rounding(spec: str, model: Model, readers: int = 1) -> Model:
    """Compress; what int8-static measures on one sample of each row fits all rows."""
    ids = np.arange(ROWS, dtype=np.int64)[None]
    return parse(spec).apply(model, ArraySamples([{f"ids{number}": ids for number in range(readers)}]))


@pytest.mark.parametrize("spec", ["int8-dynamic", "int8-static", "int8-weight"])
@pytest.mark.parametrize("readers", [1, 2])
def test_rows_keep_their_own_precision_in_a_quarter_of_the_bytes(readers: int, spec: str) -> None:
    model = embedding(readers=readers)
    for number in range(readers):
        # what int8-static makes of vectors of all lengths behind the table says nothing about the table
        model.proto.graph.output.append(helper.make_tensor_value_info(f"rows{number}", TensorProto.FLOAT, None))
    model = Model("embedding", model.proto, None)
    small = rounding(spec, model, readers)
    assert len(small.to_proto().SerializeToString()) < 0.35 * len(model.to_proto().SerializeToString())
    for number in (0, 1, ROWS // 2, ROWS - 1):
        for ours, theirs in zip(
            rows_of(small, [number], readers)[readers:], rows_of(model, [number], readers)[readers:], strict=True
        ):
            np.testing.assert_allclose(ours, theirs, atol=0.03 * np.abs(theirs).max())


@pytest.mark.parametrize("model", [embedding(64), embedding(axis=1)], ids=["small", "columns"])
def test_what_does_not_pay_stays(model: Model) -> None:
    kept = parse("int8-dynamic").apply(model).proto.graph
    assert "table" in {tensor.name for tensor in kept.initializer}


def test_a_table_that_is_the_last_layer_too_is_held_once() -> None:
    model = embedding()
    nodes = [
        helper.make_node("Transpose", ["table"], ["turned"]),
        helper.make_node("MatMul", ["out0", "turned"], ["scores"], "scores"),
    ]
    model.proto.graph.node.extend(nodes)
    model.proto.graph.output.append(helper.make_tensor_value_info("scores", TensorProto.FLOAT, None))
    tied = Model("tied", model.proto, None)
    for spec in ("int8-dynamic", "int8-static"):
        assert len(rounding(spec, tied).serialize()) < 1.01 * len(tied.serialize())
    assert len(rounding("int8-weight", tied).serialize()) < 0.3 * len(tied.serialize())
