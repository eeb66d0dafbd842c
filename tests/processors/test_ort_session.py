"""Sessions: every error of ONNX Runtime is one of ours, models of any kind are described, nothing leaks."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from compsel.errors import InputError, ModelError, ProcessorError
from compsel.models.ort_options import session_options
from compsel.processors.ort_session import OrtSession
from compsel.processors.smoke_test import smoke_feeds, smoke_graph


def model(node: onnx.NodeProto, inputs: dict[str, tuple[int, list[int | str] | None]], opset: int = 17) -> bytes:
    graph = helper.make_graph(
        [node],
        "graph",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    helper.set_model_props(proto, {"greeting": "hello"})
    return proto.SerializeToString()


FLOATS: tuple[int, list[int | str] | None] = (TensorProto.FLOAT, ["n", 3])


@pytest.mark.parametrize(
    "variant",
    [
        model(helper.make_node("NoSuchOperator", ["x"], ["y"]), {"x": FLOATS}),
        model(helper.make_node("Relu", ["x"], ["y"], domain="com.example"), {"x": FLOATS}),
        model(helper.make_node("Relu", ["missing"], ["y"]), {"x": FLOATS}),
        model(helper.make_node("Relu", ["x"], ["y"]), {"x": FLOATS}, opset=99),
        model(helper.make_node("MatMul", ["x", "x"], ["y"]), {"x": (TensorProto.STRING, ["n", "n"])}),
    ],
    ids=["operator", "domain", "dangling", "opset", "dtype"],
)
def test_models_that_cannot_be_loaded(variant: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match=r"^model: \w"):
        OrtSession(variant)
    assert capfd.readouterr() == ("", "")


def test_message_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(smoke_graph()[:50])
    with pytest.raises(ModelError, match=r"broken\.onnx: "):
        OrtSession(path)


def test_texts_that_are_no_utf8_are_the_models_fault() -> None:
    """Protobuf takes any bytes, and so does ONNX Runtime: Python hears of them when the session is open."""
    relu = model(helper.make_node("Relu", ["x"], ["y"]), {"x": FLOATS})
    OrtSession(relu).close()
    with pytest.raises(ModelError, match="utf-8"):
        OrtSession(relu.replace(b"hello", b"h\xff\xfelo"))


def test_failures_while_running(capfd: pytest.CaptureFixture[str]) -> None:
    shapes = {"x": FLOATS, "shape": (TensorProto.INT64, ["k"])}
    reshape = OrtSession(model(helper.make_node("Reshape", ["x", "shape"], ["y"]), shapes))
    x = np.ones((2, 3), np.float32)
    with pytest.raises(ModelError):
        reshape.run({"x": x, "shape": np.array([5, 5])})
    expand = OrtSession(model(helper.make_node("Expand", ["x", "shape"], ["y"]), shapes))
    with pytest.raises(ProcessorError, match="Failed to allocate memory"):
        expand.run({"x": np.ones((1, 3), np.float32), "shape": np.array([10**7, 10**8, 3])})
    with pytest.raises(InputError):
        reshape.run({"x": "text", "shape": None})  # wrong, on purpose
    with pytest.raises(InputError):
        reshape.run(None)  # wrong, on purpose
    assert capfd.readouterr() == ("", "")


def test_specifications_of_inputs_and_outputs() -> None:
    inputs: dict[str, tuple[int, list[int | str] | None]] = {
        "x": FLOATS,
        "open": (TensorProto.FLOAT16, None),
        "scalar": (TensorProto.INT64, []),
        "text": (TensorProto.STRING, [2]),
        "double": (TensorProto.DOUBLE, [1, 2]),
    }
    session = OrtSession(model(helper.make_node("Relu", ["x"], ["y"]), inputs))
    assert [(spec.name, spec.dtype, spec.shape) for spec in session.inputs] == [
        ("x", "float32", (None, 3)),
        ("open", "float16", None),
        ("scalar", "int64", None),
        ("text", "string", (2,)),
        ("double", "float64", (1, 2)),
    ]
    assert session.metadata == {"greeting": "hello"}
    assert session.provider == "CPUExecutionProvider"


def test_sequences_are_other() -> None:
    node = helper.make_node("SequenceConstruct", ["x"], ["y"])
    graph = helper.make_graph(
        [node],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert OrtSession(proto.SerializeToString()).outputs[0].dtype == "other"


def test_the_small_graph_is_a_valid_model() -> None:
    proto = onnx.load_from_string(smoke_graph())
    onnx.checker.check_model(proto, full_check=True)
    assert [node.op_type for node in proto.graph.node] == ["Conv", "Relu", "GlobalAveragePool"]


def test_run_is_that_of_the_runtime() -> None:
    raw = onnxruntime.InferenceSession(smoke_graph(), session_options(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(OrtSession(smoke_graph()).run(smoke_feeds())[0], raw.run(None, smoke_feeds())[0])


def test_options_leave_no_thread_spinning_after_a_run() -> None:
    for threads, spinning in ((1, False), (2, True), (2, False)):
        options = session_options(threads, spinning=spinning)
        assert options.intra_op_num_threads == threads
        assert options.inter_op_num_threads == 1
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == str(int(spinning))
        assert options.get_session_config_entry("session.force_spinning_stop") == "1"
