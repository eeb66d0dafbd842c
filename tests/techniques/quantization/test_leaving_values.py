"""What leaves a graph is not rounded by `int8-static`, on whatever way it leaves."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from compsel import Model
from compsel.inputs.feeds import feeds_of
from compsel.models.graph_session import open_session
from compsel.techniques import parse
from tests.techniques.foreign import FLOAT, make, value
from tests.techniques.inputs import SeededTensors

# output channels of very different size: one scale for all would leave nothing of the small ones
SIZES = np.geomspace(1e-3, 1e3, 6).astype(np.float32)


def weight(name: str, *shape: int, sizes: np.ndarray | None = None) -> onnx.TensorProto:
    values = np.random.default_rng([len(name), *name.encode()]).standard_normal(shape).astype(np.float32)
    if sizes is not None:
        values *= sizes.reshape(-1, *[1] * (len(shape) - 1))
    return numpy_helper.from_array(values, name)


def network(tail: list[onnx.NodeProto], outputs: dict[str, list[int]]) -> Model:
    """Two convolutions, the second of which gives "h", (1, 6, 8, 8), and what follows."""
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Conv", ["r", "b"], ["h"]),
        *tail,
    ]
    weights = [weight("a", 6, 3, 1, 1), weight("b", 6, 6, 1, 1, sizes=SIZES), weight("d", 4, 6, 1, 1)]
    weights.append(numpy_helper.from_array(np.array([1, 6, 64]), "s"))
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in weights if tensor.name in used]
    given = [value(name, FLOAT, shape) for name, shape in outputs.items()]
    return make(nodes, [value("x", FLOAT, [1, 3, 8, 8])], given, kept)


MAPS = [1, 6, 8, 8]
TAILS = {
    "the layer": ([], {"h": MAPS}),
    "a clamp": ([helper.make_node("Relu", ["h"], ["y"])], {"y": MAPS}),
    "moved": ([helper.make_node("Reshape", ["h", "s"], ["y"])], {"y": [1, 6, 64]}),
    "joined with another": ([helper.make_node("Concat", ["h", "h"], ["y"], axis=1)], {"y": [1, 12, 8, 8]}),
    "a further layer reads it": ([helper.make_node("Conv", ["h", "d"], ["z"])], {"h": MAPS, "z": [1, 4, 8, 8]}),
    "a further layer reads its clamp": (
        [helper.make_node("Relu", ["h"], ["y"]), helper.make_node("Conv", ["y", "d"], ["z"])],
        {"y": MAPS, "z": [1, 4, 8, 8]},
    ),
}


@pytest.mark.parametrize("name", TAILS)
def test_small_channels_of_outputs_survive(name: str) -> None:
    tail, outputs = TAILS[name]
    model = network(tail, outputs)
    samples = SeededTensors(model)
    variant = parse("int8-static").apply(model, samples)
    onnx.checker.check_model(variant.to_proto(), full_check=True)
    first = next(iter(outputs))
    feeds = [feeds_of(model, sample.value) for sample in samples]
    want, got = (
        np.concatenate([open_session(m.proto).run([first], feed)[0] for feed in feeds]) for m in (model, variant)
    )
    axes = tuple(axis for axis in range(want.ndim) if axis != 1)
    assert (np.abs(got - want).mean(axis=axes) < 0.04 * np.abs(want).mean(axis=axes)).all()
    if "clamp" in name:
        assert got.min() >= 0


def test_an_input_that_goes_to_the_output_is_not_rounded() -> None:
    nodes = [helper.make_node("Conv", ["x", "a"], ["c"]), helper.make_node("Concat", ["c", "x"], ["y"], axis=1)]
    model = make(nodes, [value("x", FLOAT, [1, 3, 8, 8])], [value("y", FLOAT, [1, 9, 8, 8])], [weight("a", 6, 3, 1, 1)])
    variant = parse("int8-static").apply(model, SeededTensors(model))
    feed = feeds_of(model, SeededTensors(model).value(0))
    np.testing.assert_array_equal(open_session(variant.proto).run(["y"], feed)[0][:, 6:], feed["x"])


def test_layers_inside_keep_their_8_bits() -> None:
    """The further layer reads rounded values, and its kernel runs in 8 bits where its own output does."""
    tail = [helper.make_node("Conv", ["h", "d"], ["z"]), helper.make_node("GlobalAveragePool", ["z"], ["y"])]
    model = network(tail, {"y": [1, 4, 1, 1]})
    graph = parse("int8-static").apply(model, SeededTensors(model)).proto.graph
    makers = {name: node for node in graph.node for name in node.output}
    last = makers["z"]
    assert makers[last.input[0]].op_type == "DequantizeLinear"
    assert makers[makers[last.input[0]].input[0]].input[0] == "h"


def test_a_dense_layer_gives_floats_from_its_8_bit_kernel(tmp_path: object) -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "a", "ab"], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "b", "bb"], ["z"], transB=1),
        helper.make_node("Softmax", ["z"], ["y"]),
    ]
    weights = [weight("a", 32, 16), weight("ab", 32), weight("b", 6, 32), weight("bb", 6)]
    model = make(nodes, [value("x", FLOAT, ["N", 16])], [value("y", FLOAT, ["N", 6])], weights)
    variant = parse("int8-static").apply(model, SeededTensors(model))
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = f"{tmp_path}/optimised.onnx"
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(variant.serialize(), options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(f"{tmp_path}/optimised.onnx").graph.node]
    assert kinds == ["QuantizeLinear", "QGemm", "QGemm", "Softmax"]
