"""Reports about the structure of graphs: functions, outputs and initializers in unusual places."""

import numpy as np
import onnx
from numpy.random import Generator
from onnx import helper, numpy_helper

from tests.public_reports.reports import ALL, WEIGHTS, Feed, array, graph_of, model_of, node, report, tensor, weight


def rows(generator: Generator) -> Feed:
    return {"x": generator.standard_normal((4, 32)).astype(np.float32)}


def rows_and_unused(generator: Generator) -> Feed:
    return {**rows(generator), "unused": np.zeros(2, np.float32)}


def picture(generator: Generator) -> Feed:
    return {"x": generator.standard_normal((1, 3, 12, 12)).astype(np.float32)}


@report("microsoft/onnxruntime#16813", rows, "float16 int8-weight")
def modules_as_functions() -> onnx.ModelProto:
    """Modules exported as local functions: layers within them, weights and names as their inputs."""
    inner = [node("MatMul", ["a", "w"], ["m"]), node("Add", ["m", "b"], ["s"]), node("Relu", ["s"], ["r"])]
    function = helper.make_function("modules", "Linear", ["a", "w", "b"], ["r"], inner, [helper.make_opsetid("", 17)])
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
