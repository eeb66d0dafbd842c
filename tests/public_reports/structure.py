"""Reports about the structure of graphs: sub-graphs, functions, outputs and initializers in unusual places."""

import numpy as np
import onnx
from numpy.random import Generator
from onnx import TensorProto, helper, numpy_helper

from tests.public_reports.reports import Feed, array, graph_of, model_of, node, report, tensor, weight

WEIGHTS = "float16 int16-weight int8-weight"
ALL = f"{WEIGHTS} int8-static int8-dynamic int4-weight"


def rows(generator: Generator) -> Feed:
    return {"x": generator.standard_normal((4, 32)).astype(np.float32)}


def rows_and_unused(generator: Generator) -> Feed:
    return {**rows(generator), "unused": np.zeros(2, np.float32)}


def picture(generator: Generator) -> Feed:
    return {"x": generator.standard_normal((1, 3, 12, 12)).astype(np.float32)}


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
        [node("Gemm", ["s", "w", "b"], ["g"]), node("Add", ["g", "e"], ["a"]), node("Tanh", ["a"], ["n"]),
         node("Identity", ["n"], ["o"])],
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
        [], [tensor("t", None)], name="then",
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


@report("microsoft/onnxruntime#16813", rows, "float16 int8-weight")
def modules_as_functions() -> onnx.ModelProto:
    """Modules exported as local functions: layers within them, weights and names as their inputs."""
    inner = [node("MatMul", ["a", "w"], ["m"]), node("Add", ["m", "b"], ["s"]), node("Relu", ["s"], ["r"])]
    function = helper.make_function(
        "modules", "Linear", ["a", "w", "b"], ["r"], inner, [helper.make_opsetid("", 17)]
    )
    nodes = [
        node("Linear", ["x", "w1", "b1"], ["h"], domain="modules"),
        node("Linear", ["h", "w2", "b2"], ["i"], domain="modules"),
        node("MatMul", ["i", "last"], ["y"]),
    ]
    held = {"w1": weight(32, 32, axis=1), "b1": array(32), "w2": weight(32, 32, axis=1), "b2": array(32)}
    held["last"] = weight(32, 8, axis=1)
    model = model_of(graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8])], held), modules=1)
    model.functions.append(function)
    return model


@report("onnx/onnx#3009", rows, WEIGHTS)
def sparse_initializer() -> onnx.ModelProto:
    nodes = [node("MatMul", ["x", "s"], ["h"]), node("Relu", ["h"], ["r"]), node("MatMul", ["r", "w"], ["y"])]
    graph = graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8])], {"w": weight(32, 8, axis=1)})
    places = np.arange(0, 1024, 5)
    values = numpy_helper.from_array(array(len(places)), "s")
    graph.sparse_initializer.append(
        helper.make_sparse_tensor(values, numpy_helper.from_array(places, "s_places"), [32, 32])
    )
    return model_of(graph)


@report("microsoft/onnxruntime#26339", rows, WEIGHTS + " int8-static")
def input_that_is_an_output_too() -> onnx.ModelProto:
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["r"]), node("MatMul", ["r", "v"], ["y"])]
    held = {"w": weight(32, 32, axis=1), "v": weight(32, 8, axis=1)}
    return model_of(graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8]), tensor("x", [4, 32])], held))


@report("onnx/tensorflow-onnx#1324", rows, WEIGHTS + " int8-static")
def output_listed_twice() -> onnx.ModelProto:
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["r"]), node("MatMul", ["r", "v"], ["y"])]
    held = {"w": weight(32, 32, axis=1), "v": weight(32, 8, axis=1)}
    return model_of(graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8]), tensor("y", [4, 8])], held))


@report("openvinotoolkit/openvino#35261", rows, WEIGHTS + " int8-static")
def weights_that_are_outputs() -> onnx.ModelProto:
    """The weight of a layer, and a constant, are outputs of the model."""
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("MatMul", ["r", "v"], ["y"]),
        node("Constant", [], ["k"], value=numpy_helper.from_array(array(3), "k")),
    ]
    held = {"w": weight(32, 32, axis=1), "v": weight(32, 8, axis=1), "anchors": array(5, 2)}
    outputs = [tensor("y", [4, 8]), tensor("v", [32, 8]), tensor("anchors", [5, 2]), tensor("k", [3])]
    return model_of(graph_of(nodes, [tensor("x", [4, 32])], outputs, held))


@report("microsoft/onnxruntime#24705", picture, ALL)
def shared_bias_and_a_value_called_like_its_copy() -> onnx.ModelProto:
    nodes = [
        node("Conv", ["x", "w", "b"], ["b0"], pads=[1, 1, 1, 1]),
        node("Relu", ["b0"], ["b1"]),
        node("Conv", ["b1", "v", "b"], ["b_quantized"], pads=[1, 1, 1, 1]),
        node("Conv", ["b_quantized", "w_quantized", "b"], ["y"]),
    ]
    held = {"w": weight(8, 3, 3, 3), "v": weight(8, 8, 3, 3), "b": array(8), "w_quantized": weight(8, 8, 1, 1)}
    return model_of(graph_of(nodes, [tensor("x", [1, 3, 12, 12])], [tensor("y", [1, 8, 12, 12])], held))


@report("microsoft/onnxruntime#11530", picture, ALL)
def block_that_is_used_twice() -> onnx.ModelProto:
    """A head with its weights runs on two levels of very different size."""
    nodes = [
        node("Conv", ["x", "w"], ["one"], pads=[1, 1, 1, 1]),
        node("Mul", ["one", "large"], ["two"]),
        node("Conv", ["one", "head", "hb"], ["y"]),
        node("Conv", ["two", "head", "hb"], ["z"]),
    ]
    held = {"w": weight(8, 3, 3, 3), "head": weight(8, 8, 1, 1), "hb": array(8), "large": np.float32(50)}
    outputs = [tensor("y", [1, 8, 12, 12]), tensor("z", [1, 8, 12, 12])]
    return model_of(graph_of(nodes, [tensor("x", [1, 3, 12, 12])], outputs, held))


@report("onnxruntime/onnxruntime-qnn#582", picture, ALL)
def batch_norms_that_share_scale_and_bias() -> onnx.ModelProto:
    nodes = [
        node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c", "s", "b", "m1", "v1"], ["n"]),
        node("Relu", ["n"], ["r"]),
        node("Conv", ["r", "k"], ["d"]),
        node("BatchNormalization", ["d", "s", "b", "m2", "v2"], ["e"]),
        node("Conv", ["e", "k"], ["y"]),
    ]
    held = {"w": weight(8, 3, 3, 3), "k": weight(8, 8, 1, 1), "s": abs(array(8)) + 0.5, "b": array(8)}
    held |= {"m1": array(8), "v1": abs(array(8)) + 0.5, "m2": array(8)[::-1].copy(), "v2": abs(array(8)) * 9 + 0.1}
    return model_of(graph_of(nodes, [tensor("x", [1, 3, 12, 12])], [tensor("y", [1, 8, 12, 12])], held))


@report("onnxsim/onnxsim#174", rows, "float16 int8-weight")
def weights_behind_transposes() -> onnx.ModelProto:
    nodes = [
        node("Transpose", ["w"], ["wt"], perm=[1, 0]),
        node("MatMul", ["x", "wt"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("Identity", ["w"], ["same"]),
        node("MatMul", ["r", "same"], ["i"]),
        node("Reshape", ["flat", "shape"], ["v"]),
        node("MatMul", ["i", "v"], ["y"]),
    ]
    held = {"w": weight(32, 32), "flat": array(256) * 0.2, "shape": np.array([32, 8])}
    return model_of(graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8])], held))


@report("pytorch/pytorch#44299", rows_and_unused, WEIGHTS)
def inputs_that_nothing_reads() -> onnx.ModelProto:
    """An input that is not read, nodes that lead nowhere, and outputs that are left empty."""
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("Dropout", ["h"], ["d", "mask"]),
        node("Split", ["d", "parts"], ["a", "b", "c"], axis=1),
        node("MatMul", ["a", "v"], ["y"]),
        node("MatMul", ["b", "v"], ["nowhere"]),
    ]
    held = {"w": weight(32, 32, axis=1), "v": weight(16, 8, axis=1), "parts": np.array([16, 16, 0])}
    inputs = [tensor("x", [4, 32]), tensor("unused", [2])]
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


@report("microsoft/onnxruntime#12506", rows, WEIGHTS + " int8-static")
def functions_in_functions_with_attributes() -> onnx.ModelProto:
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("modules", 1)]
    scaled = node("LeakyRelu", ["a"], ["r"])
    scaled.attribute.append(onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT))
    act = helper.make_function("modules", "Act", ["a"], ["r"], [scaled], sets, ["slope"])
    inner = node("Act", ["m"], ["o"], domain="modules")
    inner.attribute.append(onnx.AttributeProto(name="slope", ref_attr_name="outer", type=onnx.AttributeProto.FLOAT))
    layer = helper.make_function(
        "modules", "Layer", ["a", "w"], ["o"], [node("MatMul", ["a", "w"], ["m"]), inner], sets, ["outer"]
    )
    nodes = [
        node("Layer", ["x", "w1"], ["m"], domain="modules", outer=0.5),
        node("Layer", ["m", "w2"], ["o"], domain="modules", outer=-0.3),
        node("MatMul", ["o", "last"], ["y"]),
    ]
    held = {"w1": weight(32, 32, axis=1), "w2": weight(32, 32, axis=1), "last": weight(32, 8, axis=1)}
    model = model_of(graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8])], held), modules=1)
    model.functions.extend([act, layer])
    return model
