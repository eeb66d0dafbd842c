"""Reports about types: float64, float16, bfloat16, integers, text, constants."""

import numpy as np
import onnx
from numpy.random import Generator
from onnx import TensorProto, helper, numpy_helper

from tests.public_reports.reports import WEIGHTS, Feed, array, graph_of, model_of, node, report, tensor, weight


def rows(generator: Generator) -> Feed:
    return {"x": generator.standard_normal((4, 32)).astype(np.float32)}


def doubles(generator: Generator) -> Feed:
    return {"x": generator.standard_normal((4, 32))}


def halves(generator: Generator) -> Feed:
    return {"x": generator.standard_normal((4, 32)).astype(np.float16)}


def counts(generator: Generator) -> Feed:
    return {"x": generator.integers(0, 50, (4, 6)), "k": np.array([generator.integers(1, 6)])}


def words(generator: Generator) -> Feed:
    return {"x": generator.choice(["red", "green", "blue", "grey"], (4, 1)).astype(object), "n": rows(generator)["x"]}


def dense(dtype: type, opset: int = 17) -> onnx.ModelProto:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes = [
        node("Gemm", ["x", "w", "b"], ["h"]),
        node("Tanh", ["h"], ["r"]),
        node("Clip", ["r", "low", "high"], ["c"]),
        node("MatMul", ["c", "v"], ["y"]),
    ]
    held = {"w": weight(32, 32, axis=1), "b": array(32), "v": weight(32, 8, axis=1)}
    held |= {"low": np.float32(0.1), "high": np.float32(6)}
    held = {name: values.astype(dtype) for name, values in held.items()}
    return model_of(graph_of(nodes, [tensor("x", [4, 32], kind)], [tensor("y", [4, 8], kind)], held), opset)


@report("microsoft/onnxruntime#23116", doubles)
def model_in_float64() -> onnx.ModelProto:
    """Layers and limits in float64, right after one another."""
    return dense(np.float64)


@report("onnx/sklearn-onnx#1102", doubles, "int8-weight")
def float64_around_float32_layers() -> onnx.ModelProto:
    nodes = [
        node("Sub", ["x", "mean"], ["s"]),
        node("Cast", ["s"], ["f"], to=TensorProto.FLOAT),
        node("MatMul", ["f", "w"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("MatMul", ["r", "v"], ["o"]),
        node("Cast", ["o"], ["d"], to=TensorProto.DOUBLE),
        node("Mul", ["d", "unit"], ["y"]),
    ]
    held = {"w": weight(32, 32, axis=1), "v": weight(32, 8, axis=1)}
    held |= {"mean": array(32).astype(np.float64), "unit": array(8).astype(np.float64)}
    inputs = [tensor("x", [4, 32], TensorProto.DOUBLE)]
    return model_of(graph_of(nodes, inputs, [tensor("y", [4, 8], TensorProto.DOUBLE)], held))


@report("microsoft/onnxruntime#15341", halves)
def model_in_float16() -> onnx.ModelProto:
    return dense(np.float16)


@report("microsoft/onnxruntime#13358", rows)
def float16_weights_behind_casts() -> onnx.ModelProto:
    """Weights stored in float16, cast to float32 before the layers that read them."""
    nodes = [
        *(node("Cast", [name + "16"], [name], to=TensorProto.FLOAT) for name in ("w", "b", "v")),
        node("Gemm", ["x", "w", "b"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("MatMul", ["r", "v"], ["y"]),
    ]
    held = {"w16": weight(32, 32, axis=1), "b16": array(32), "v16": weight(32, 8, axis=1)}
    held = {name: values.astype(np.float16) for name, values in held.items()}
    return model_of(graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8])], held))


@report("microsoft/onnxruntime#25740", rows)
def bfloat16_inside() -> onnx.ModelProto:
    """Weights stored in bfloat16, cast to float32 before the layers that read them."""
    nodes = [
        node("Cast", ["w16"], ["w"], to=TensorProto.FLOAT),
        node("MatMul", ["x", "w"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("MatMul", ["r", "v"], ["y"]),
    ]
    model = model_of(graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8])], {"v": weight(32, 8, axis=1)}))
    bits = (weight(32, 32, axis=1).view(np.uint32) >> 16).astype(np.uint16)
    model.graph.initializer.append(
        onnx.TensorProto(name="w16", data_type=TensorProto.BFLOAT16, dims=[32, 32], raw_data=bits.tobytes())
    )
    return model


@report("microsoft/onnxruntime#11313", counts, WEIGHTS)
def whole_numbers_that_are_gathered_joined_and_sliced() -> onnx.ModelProto:
    """Tokens and lengths: integer constants are read by the operators that weights are read by."""
    nodes = [
        node("Concat", ["first", "x"], ["t"], axis=1),
        node("Gather", ["map", "t"], ["m"]),
        node("Mod", ["m", "rows"], ["i"]),
        node("Gather", ["table", "i"], ["e"]),
        node("MatMul", ["e", "w"], ["h"]),
        node("Slice", ["h", "zero", "k", "one"], ["s"]),
        node("ReduceSum", ["s", "one"], ["r"], keepdims=0),
        node("MatMul", ["r", "v"], ["y"]),
        node("MatMul", ["i", "counting"], ["z"]),
    ]
    held = {"first": np.full((4, 1), 3), "map": np.arange(60)[::-1].copy(), "rows": np.array(20)}
    held["table"] = weight(20, 32)
    held |= {"w": weight(32, 32, axis=1), "v": weight(32, 8, axis=1), "zero": np.array([0]), "one": np.array([1])}
    held |= {"counting": np.arange(14).reshape(7, 2)}
    inputs = [tensor("x", [4, 6], TensorProto.INT64), tensor("k", [1], TensorProto.INT64)]
    outputs = [tensor("y", [4, 8]), tensor("z", [4, 2], TensorProto.INT64)]
    return model_of(graph_of(nodes, inputs, outputs, held))


@report("onnx/sklearn-onnx#1150", words, WEIGHTS)
def texts_beside_numbers() -> onnx.ModelProto:
    """Categories as strings, encoded inside, beside numbers; a label as a string goes out."""
    nodes = [
        node(
            "LabelEncoder",
            ["x"],
            ["i"],
            domain="ai.onnx.ml",
            keys_strings=["red", "green", "blue"],
            values_int64s=[0, 1, 2],
            default_int64=3,
        ),
        node("Gather", ["table", "i"], ["e"]),
        node("Reshape", ["e", "flat"], ["f"]),
        node("Concat", ["f", "n"], ["c"], axis=1),
        node("MatMul", ["c", "w"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("MatMul", ["r", "v"], ["y"]),
        node("ArgMax", ["y"], ["k"], axis=1, keepdims=0),
        node("Gather", ["names", "k"], ["label"]),
    ]
    held = {"table": weight(4, 8), "flat": np.array([4, 8]), "w": weight(40, 32, axis=1), "v": weight(32, 3, axis=1)}
    graph = graph_of(
        nodes,
        [tensor("x", [4, 1], TensorProto.STRING), tensor("n", [4, 32])],
        [tensor("y", [4, 3]), tensor("label", [4], TensorProto.STRING)],
        held,
    )
    graph.initializer.append(helper.make_tensor("names", TensorProto.STRING, [3], [b"a", b"b", b"c"]))
    return model_of(graph, ai_onnx_ml=3)


@report("microsoft/onnxruntime#20570", rows, "int8-weight")
def random_numbers_inside() -> onnx.ModelProto:
    """Noise of no weight is added: the answers do not depend on it."""
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("RandomNormalLike", ["h"], ["noise"], seed=1.0),
        node("Mul", ["noise", "none"], ["n"]),
        node("Add", ["h", "n"], ["a"]),
        node("MatMul", ["a", "v"], ["y"]),
    ]
    held = {"w": weight(32, 32, axis=1), "v": weight(32, 8, axis=1), "none": np.float32(1e-6)}
    return model_of(graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8])], held))


@report("onnx/optimizer#173", rows, "float16")
def numbers_in_every_field() -> onnx.ModelProto:
    """Weights in `float_data`, scalars of one axis, constants as attributes of every kind."""
    last = helper.make_tensor("v", TensorProto.FLOAT, [32, 8], weight(32, 8, axis=1).ravel())
    nodes = [
        node("Constant", [], ["two"], value_float=2.0),
        node("Constant", [], ["axes"], value_ints=[1]),
        node("Constant", [], ["half"], value_floats=[0.5]),
        node("Constant", [], ["v"], value=last),
        node("MatMul", ["x", "w"], ["h"]),
        node("Mul", ["h", "two"], ["m"]),
        node("ReduceMean", ["m"], ["mean"], axes=[1]),
        node("Unsqueeze", ["half", "axes"], ["u"]),
        node("Sub", ["m", "mean"], ["d"]),
        node("Mul", ["d", "u"], ["e"]),
        node("MatMul", ["e", "v"], ["y"]),
    ]
    graph = graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8])])
    graph.initializer.append(helper.make_tensor("w", TensorProto.FLOAT, [32, 32], weight(32, 32, axis=1).ravel()))
    return model_of(graph)


@report("microsoft/onnxconverter-common#308", rows, "float16 int8-weight")
def constant_that_is_the_answer() -> onnx.ModelProto:
    """A constant node is an output itself, and another feeds a layer."""
    nodes = [
        node("Constant", [], ["k"], value=numpy_helper.from_array(array(4, 8))),
        node("MatMul", ["x", "w"], ["h"]),
        node("Add", ["h", "k"], ["y"]),
    ]
    held = {"w": weight(32, 8, axis=1)}
    return model_of(graph_of(nodes, [tensor("x", [4, 32])], [tensor("k", [4, 8]), tensor("y", [4, 8])], held))
