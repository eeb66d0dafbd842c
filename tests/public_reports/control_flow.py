"""Reports about control flow: weights, constants and outer values in branches, loops and scans."""

import numpy as np
import onnx
from numpy.random import Generator
from onnx import TensorProto

from tests.public_reports.reports import WEIGHTS, Feed, array, graph_of, model_of, node, report, tensor, weight
from tests.public_reports.structure import rows


def with_choice(generator: Generator) -> Feed:
    return {**rows(generator), "c": np.array(bool(generator.integers(2)))}


def decisive(then: onnx.GraphProto, other: onnx.GraphProto, weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """Return a dense layer, one of two branches by the input "c", and a dense layer."""
    nodes = [
        node("MatMul", ["x", "first"], ["h"]),
        node("If", ["c"], ["b"], then_branch=then, else_branch=other),
        node("MatMul", ["b", "last"], ["y"]),
    ]
    held = {"first": weight(32, 32, axis=1), "last": weight(32, 8, axis=1), **weights}
    inputs = [tensor("x", [4, 32]), tensor("c", [], TensorProto.BOOL)]
    return model_of(graph_of(nodes, inputs, [tensor("y", [4, 8])], held))


@report("microsoft/onnxruntime#729", with_choice, WEIGHTS + " int8-static")
def weights_of_the_outer_graph_in_branches() -> onnx.ModelProto:
    """Both branches read weights of the main graph, one of them beside the main graph itself."""
    then = graph_of([node("MatMul", ["h", "first"], ["t"])], [], [tensor("t", [4, 32])], name="then")
    other = graph_of([node("MatMul", ["h", "inner"], ["e"])], [], [tensor("e", [4, 32])], name="else")
    return decisive(then, other, {"inner": weight(32, 32, axis=1) * 0.5})


@report("microsoft/onnxruntime#8488", with_choice, WEIGHTS + " int8-static")
def weights_inside_branches() -> onnx.ModelProto:
    inner = {"w": weight(32, 32, axis=1), "b": array(32)}
    then = graph_of([node("Gemm", ["h", "w", "b"], ["t"])], [], [tensor("t", [4, 32])], inner, "then")
    other = graph_of([node("Relu", ["h"], ["e"])], [], [tensor("e", [4, 32])], name="else")
    return decisive(then, other, {})


@report("openvinotoolkit/openvino#35261", with_choice, WEIGHTS + " int8-static")
def branches_that_give_a_constant_or_an_outer_value() -> onnx.ModelProto:
    then = graph_of([], [], [tensor("k", [4, 32])], {"k": array(4, 32)}, "then")
    other = graph_of([node("Identity", ["h"], ["e"])], [], [tensor("e", [4, 32])], name="else")
    return decisive(then, other, {})


def loop_body(weights: dict[str, np.ndarray]) -> onnx.GraphProto:
    nodes = [
        node("MatMul", ["state", "w"], ["m"]),
        node("Tanh", ["m"], ["next"]),
        node("Identity", ["go"], ["on"]),
        node("ReduceMean", ["next"], ["seen"], axes=[1], keepdims=0),
    ]
    inputs = [
        tensor("i", [], TensorProto.INT64),
        tensor("go", [], TensorProto.BOOL),
        tensor("state", [4, 32]),
    ]
    outputs = [tensor("on", [], TensorProto.BOOL), tensor("next", [4, 32]), tensor("seen", [4])]
    return graph_of(nodes, inputs, outputs, weights, "body")


def looping(body: onnx.GraphProto, weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    nodes = [
        node("MatMul", ["x", "first"], ["h"]),
        node("Loop", ["trips", "", "h"], ["r", "s"], body=body),
        node("MatMul", ["r", "last"], ["y"]),
    ]
    held = {"first": weight(32, 32, axis=1), "last": weight(32, 8, axis=1), "trips": np.array(3), **weights}
    return model_of(graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8]), tensor("s", [3, 4])], held))


@report("microsoft/onnxruntime#7981", rows, WEIGHTS + " int8-static")
def loop_with_its_own_weights() -> onnx.ModelProto:
    return looping(loop_body({"w": weight(32, 32, axis=1)}), {})


@report("microsoft/onnxruntime#32131", rows, WEIGHTS + " int8-static")
def loop_that_alone_reads_a_weight_of_the_main_graph() -> onnx.ModelProto:
    return looping(loop_body({}), {"w": weight(32, 32, axis=1)})


@report("microsoft/onnxruntime#20709", with_choice, "float16")
def tied_table_read_in_branches_through_a_transpose() -> onnx.ModelProto:
    """A table that the main graph gathers from and a branch multiplies with, transposed."""
    nodes = [node("Transpose", ["table"], ["back"], perm=[1, 0]), node("MatMul", ["h", "back"], ["t"])]
    then = graph_of(nodes, [], [tensor("t", [4, 64])], name="then")
    other = graph_of([node("MatMul", ["h", "wide"], ["e"])], [], [tensor("e", [4, 64])], name="else")
    main = [
        node("ArgMax", ["x"], ["k"], axis=1, keepdims=0),
        node("Gather", ["table", "k"], ["g"]),
        node("Add", ["g", "x"], ["h"]),
        node("If", ["c"], ["y"], then_branch=then, else_branch=other),
    ]
    held = {"table": weight(64, 32), "wide": weight(32, 64, axis=1)}
    inputs = [tensor("x", [4, 32]), tensor("c", [], TensorProto.BOOL)]
    return model_of(graph_of(main, inputs, [tensor("y", [4, 64])], held))


@report("microsoft/onnxruntime#1234", rows, WEIGHTS)
def scan_over_steps() -> onnx.ModelProto:
    body = graph_of(
        [
            node("Gemm", ["s", "w", "b"], ["g"]),
            node("Add", ["g", "e"], ["a"]),
            node("Tanh", ["a"], ["n"]),
            node("Identity", ["n"], ["o"]),
        ],
        [tensor("s", [1, 32]), tensor("e", [32])],
        [tensor("n", [1, 32]), tensor("o", [1, 32])],
        {"b": array(32)},
        "body",
    )
    nodes = [
        node("MatMul", ["x", "first"], ["h"]),
        node("Scan", ["zero", "h"], ["f", "all"], body=body, num_scan_inputs=1),
        node("Squeeze", ["all"], ["steps"]),
        node("MatMul", ["steps", "w"], ["y"]),
    ]
    held = {"first": weight(32, 32, axis=1), "w": weight(32, 32, axis=1), "zero": np.zeros((1, 32), np.float32)}
    return model_of(graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 32]), tensor("f", [1, 32])], held))


@report("microsoft/onnxscript#2810", with_choice, WEIGHTS + " int8-static")
def squeeze_of_torch_in_branches() -> onnx.ModelProto:
    """The default way of torch to export a squeeze: axes are a constant of the branch."""
    then = graph_of(
        [node("Constant", [], ["axes"], value_ints=[1]), node("Squeeze", ["u", "axes"], ["t"])],
        [],
        [tensor("t", None)],
        name="then",
    )
    other = graph_of([node("Identity", ["u"], ["e"])], [], [tensor("e", None)], name="else")
    nodes = [
        node("MatMul", ["x", "first"], ["h"]),
        node("Unsqueeze", ["h", "one"], ["u"]),
        node("If", ["c"], ["b"], then_branch=then, else_branch=other),
        node("Reshape", ["b", "shape"], ["r"]),
        node("MatMul", ["r", "last"], ["y"]),
    ]
    held = {"first": weight(32, 32, axis=1), "last": weight(32, 8, axis=1)}
    held |= {"one": np.array([1]), "shape": np.array([4, 32])}
    inputs = [tensor("x", [4, 32]), tensor("c", [], TensorProto.BOOL)]
    return model_of(graph_of(nodes, inputs, [tensor("y", [4, 8])], held))


@report("microsoft/onnxruntime#20189", with_choice, WEIGHTS)
def merged_decoder() -> onnx.ModelProto:
    """Two decoders in the branches of one node, which read outer weights and have operators without a float16 form."""

    def branch(name: str, nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray]) -> onnx.GraphProto:
        nodes = [
            *nodes,
            node("CumSum", [f"{name}_h", "axis"], [f"{name}_sum"]),
            node("Mul", [f"{name}_sum", "wide"], [f"{name}_wide"]),
            node("TopK", [f"{name}_wide", "best"], [f"{name}_top", f"{name}_places"], axis=1),
            node("MatMul", [f"{name}_wide", "shared"], [f"{name}_out"]),
        ]
        outputs = [tensor(f"{name}_out", [4, 32]), tensor(f"{name}_top", [4, 3])]
        return graph_of(nodes, [], outputs, weights, name)

    inner = {"own": weight(32, 32, axis=1)}
    then = branch("t", [node("MatMul", ["h", "own"], ["t_m"]), node("Softmax", ["t_m"], ["t_h"])], inner)
    other = branch("e", [node("Sub", ["h", "bias"], ["e_h"])], {})
    nodes = [
        node("MatMul", ["x", "first"], ["h"]),
        node("If", ["c"], ["b", "top"], then_branch=then, else_branch=other),
        node("MatMul", ["b", "shared"], ["y"]),
    ]
    held = {"first": weight(32, 32, axis=1), "shared": weight(32, 32, axis=1), "bias": array(32)}
    held |= {"axis": np.array(1), "best": np.array([3]), "wide": np.float32(0.1)}
    inputs = [tensor("x", [4, 32]), tensor("c", [], TensorProto.BOOL)]
    return model_of(graph_of(nodes, inputs, [tensor("y", [4, 32]), tensor("top", [4, 3])], held))
