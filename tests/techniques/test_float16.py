import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compsel import Model
from compsel.techniques import parse
from compsel.variants.verification import verify
from tests.techniques.foreign import FLOAT, make, value, weight
from tests.techniques.inputs import SeededTensors


def halves_of(values: np.ndarray) -> np.ndarray | None:
    """Compress a dense layer with this weight; return its float16 weight, None where it stayed in float32."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("MatMul", ["h", "v"], ["y"])]
    first = numpy_helper.from_array(values.astype(np.float32), "w")
    rows, columns = values.shape
    model = make(
        nodes,
        [value("x", FLOAT, ["N", rows])],
        [value("y", FLOAT, ["N", 4])],
        [first, weight("v", columns, 4)],
    )
    variant = parse("float16").apply(model)
    onnx.checker.check_model(variant.to_proto(), full_check=True)
    assert verify(variant, model, SeededTensors(model)).ok
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in variant.proto.graph.initializer}
    assert weights["v"].dtype == np.float16
    return weights["w"] if weights["w"].dtype == np.float16 else None


@pytest.mark.parametrize("shape", [(4, 8), (64, 64)], ids=["small", "borrowed"])
def test_weights_become_the_nearest_halves(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    halves = halves_of(values)
    assert halves is not None
    np.testing.assert_array_equal(halves, values.astype(np.float16))


@pytest.mark.parametrize("shape", [(4, 8), (64, 64)], ids=["small", "borrowed"])
def test_tiny_weights_keep_their_sign(shape: tuple[int, int]) -> None:
    values = np.ones(shape, np.float32)
    values[0, :3] = (1e-12, -1e-12, 0)
    halves = halves_of(values)
    assert halves is not None
    assert halves[0, 0] > 0 and halves[0, 1] < 0 and halves[0, 2] == 0


@pytest.mark.parametrize("shape", [(4, 8), (64, 64)], ids=["small", "borrowed"])
def test_layers_with_weights_beyond_the_range_stay_in_float32(shape: tuple[int, int]) -> None:
    values = np.ones(shape, np.float32)
    values[0, 0] = 1e5
    assert halves_of(values / 1e3) is not None
    assert halves_of(values) is None


def _sequences(what: str) -> Model:
    """Return a model with values that are no tensors: inside, as outputs, or in a loop."""
    product = helper.make_node("MatMul", ["x", "w"], ["h"], "product")
    second = helper.make_node("MatMul", ["g", "v"], ["y"], "second")
    tensors, sequences = [value("y", FLOAT, [1, 4])], [sequence("y")]
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["made"]),
            helper.make_node("SequenceInsert", ["before", "made"], ["after"]),
            helper.make_node("Identity", ["go"], ["still"]),
        ],
        "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), sequence("before")],
        [value("still", TensorProto.BOOL, []), sequence("after")],
    )
    nodes, outputs = {
        "split": ([product, helper.make_node("SplitToSequence", ["h"], ["y"], axis=1)], sequences),
        "constructed": (
            [
                product,
                helper.make_node("Relu", ["h"], ["r"]),
                helper.make_node("SequenceConstruct", ["h", "r"], ["s"]),
                helper.make_node("SequenceInsert", ["s", "r"], ["y"]),
            ],
            sequences,
        ),
        "inside": (
            [
                product,
                helper.make_node("SplitToSequence", ["h"], ["s"], axis=1),
                helper.make_node("ConcatFromSequence", ["s"], ["g"], axis=1),
                second,
            ],
            tensors,
        ),
        "loop": (
            [
                helper.make_node("SequenceEmpty", [], ["none"]),
                helper.make_node("Loop", ["n", "t", "none"], ["y"], body=body),
            ],
            sequences,
        ),
        "optional": (
            [
                product,
                helper.make_node("Optional", ["h"], ["o"]),
                helper.make_node("OptionalGetElement", ["o"], ["g"]),
                second,
            ],
            tensors,
        ),
    }[what]
    weights = [weight("w", 16, 10), weight("v", 10, 4)]
    weights += [numpy_helper.from_array(np.array(3), "n"), numpy_helper.from_array(np.array(True), "t")]
    return make(nodes, [value("x", FLOAT, [1, 16])], outputs, weights)


def sequence(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_sequence_value_info(name, FLOAT, None)


@pytest.mark.parametrize("what", ["split", "constructed", "inside", "loop", "optional"])
def test_sequences_keep_their_types(what: str) -> None:
    model = _sequences(what)
    made = parse("float16").apply(model)
    found = verify(made, model, SeededTensors(model))
    assert found.ok and found.relative_error is not None and found.relative_error < 0.01
    before, after = ([value.type for value in one.proto.graph.output] for one in (model, made))
    assert before == after


@pytest.mark.parametrize(
    ("order", "shape", "first"),
    [((1, 0, 2), (4, 5, 3), True), ((1, 2, 0), (3, 4, 2), True), ((1, 0, 2), (4, 2, 3), False)],
)
def test_a_transposed_batch_before_a_matmul_does_not_kill_the_runtime(
    order: tuple[int, int, int], shape: tuple[int, int, int], first: bool
) -> None:
    """A float16 one did, on processors that compute it in float32: microsoft/onnxruntime#28392."""
    moved = [shape[axis] for axis in order]
    other = (moved[2], 6) if first else (6, moved[1])
    answer = (moved[0], moved[1], 6) if first else (moved[0], 6, moved[2])
    operands = ["moved", "w"] if first else ["w", "moved"]
    nodes = [
        helper.make_node("Relu", ["x"], ["positive"]),
        helper.make_node("Transpose", ["positive"], ["moved"], "time_first", perm=order),
        helper.make_node("MatMul", operands, ["y"], "dense"),
    ]
    model = make(nodes, [value("x", FLOAT, shape)], [value("y", FLOAT, answer)], [weight("w", *other)])
    halved = parse("float16").apply(model, None)
    types = onnx.shape_inference.infer_shapes(halved.proto, data_prop=True).graph.value_info
    halves = {entry.name for entry in types if entry.type.tensor_type.elem_type == onnx.TensorProto.FLOAT16}
    (transpose,) = (node for node in halved.proto.graph.node if node.op_type == "Transpose")
    assert transpose.output[0] not in halves  # before it is run: it would end this process
    found = verify(halved, model, SeededTensors(model, 4))
    assert found.ok, found.reason


@pytest.mark.parametrize("taken", ["graph_input_cast_0", "graph_output_cast_0", "x_cast_to_fp32", "y_cast_to_fp16"])
def test_values_may_have_the_names_that_the_converter_makes(taken: str) -> None:
    nodes = [
        helper.make_node("CumSum", ["x", "axis"], ["summed"], "float32_only"),
        helper.make_node("MatMul", ["summed", "w"], [taken], "first"),
        helper.make_node("MatMul", [taken, "w"], ["product"], "second"),
        helper.make_node("CumSum", ["product", "axis"], ["y"], "float32_only_too"),
    ]
    axis = numpy_helper.from_array(np.int64(0), "axis")
    model = make(nodes, [value("x", FLOAT, (3, 3))], [value("y", FLOAT, (3, 3))], [weight("w", 3, 3), axis])
    found = verify(parse("float16").apply(model, None), model, SeededTensors(model, 4))
    assert found.ok, found.reason


@pytest.mark.parametrize(("operator", "reduction"), [("ScatterElements", "add"), ("ScatterND", "mul")])
def test_scattered_values_are_summed_in_float32(operator: str, reduction: str) -> None:
    """ONNX Runtime has a float16 kernel, which fails while it runs: graph networks that sum over neighbours."""
    nodes = [
        helper.make_node("Transpose", ["x"], ["rows"], "first"),
        helper.make_node(operator, ["ones", "at", "rows"], ["summed"], "second", reduction=reduction),
        helper.make_node("Transpose", ["summed"], ["y"], "third"),
    ]
    at = np.zeros((3, 3) if operator == "ScatterElements" else (3, 1), np.int64)
    weights = [numpy_helper.from_array(np.ones((3, 3), np.float32), "ones"), numpy_helper.from_array(at, "at")]
    model = make(nodes, [value("x", FLOAT, (3, 3))], [value("y", FLOAT, (3, 3))], weights)
    found = verify(parse("float16").apply(model, None), model, SeededTensors(model, 4))
    assert found.ok, found.reason
