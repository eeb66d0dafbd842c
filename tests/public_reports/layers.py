"""Reports about layers: recurrent ones, attention, detection, weights and activations of unusual size."""

import numpy as np
import onnx
from numpy.random import Generator
from onnx import TensorProto

from tests.public_reports.operators import convolutions, picture
from tests.public_reports.reports import ALL, WEIGHTS, Feed, array, graph_of, model_of, node, report, tensor, weight


def steps(generator: Generator) -> Feed:
    return {"x": generator.standard_normal((6, 2, 16)).astype(np.float32)}


def sequences(generator: Generator) -> Feed:
    return {**steps(generator), "n": np.array([6, generator.integers(1, 6)], np.int32)}


@report("microsoft/onnxruntime#15465", sequences, "float16 int16-weight")
def lstm_with_everything() -> onnx.ModelProto:
    """Both directions, peepholes, lengths, starting states, activations with parameters, all outputs."""
    nodes = [
        node("MatMul", ["x", "first"], ["h"]),
        node(
            "LSTM",
            ["h", "w", "r", "b", "n", "h0", "c0", "p"],
            ["all", "last", "cell"],
            hidden_size=8,
            direction="bidirectional",
            clip=3.0,
        ),
        node("Transpose", ["all"], ["t"], perm=[0, 2, 1, 3]),
        node("Reshape", ["t", "shape"], ["s"]),
        node("MatMul", ["s", "head"], ["y"]),
    ]
    held = {
        "first": weight(16, 16, axis=1),
        "w": array(2, 32, 16) * 0.2,
        "r": array(2, 32, 8) * 0.3,
        "b": array(2, 64) * 0.2,
        "h0": array(2, 2, 8) * 0.3,
        "c0": array(2, 2, 8) * 0.3,
        "p": array(2, 24) * 0.3,
        "shape": np.array([6, 2, 16]),
        "head": weight(16, 5, axis=1),
    }
    inputs = [tensor("x", [6, 2, 16]), tensor("n", [2], TensorProto.INT32)]
    outputs = [tensor("y", [6, 2, 5]), tensor("last", [2, 2, 8]), tensor("cell", [2, 2, 8])]
    return model_of(graph_of(nodes, inputs, outputs, held))


@report("sonos/tract#2428", steps, "float16")
def einsum_with_weights_in_either_place() -> onnx.ModelProto:
    nodes = [
        node("MatMul", ["x", "first"], ["h"]),
        node("Einsum", ["h", "w"], ["e"], equation="tbi,ihd->tbhd"),
        node("Relu", ["e"], ["r"]),
        node("Einsum", ["v", "r"], ["y"], equation="ohd,tbhd->tbo"),
    ]
    held = {"first": weight(16, 16, axis=1), "w": weight(16, 4, 6, axis=2), "v": weight(5, 4, 6)}
    return model_of(graph_of(nodes, [tensor("x", [6, 2, 16])], [tensor("y", [6, 2, 5])], held))


@report("microsoft/onnxruntime#26262", steps, f"{WEIGHTS} int8-dynamic")
def attention_of_opset_23() -> onnx.ModelProto:
    nodes = [
        *(node("MatMul", ["x", name], [name + "x"]) for name in "qkv"),
        node("Attention", ["qx", "kx", "vx"], ["o"], q_num_heads=4, kv_num_heads=2, is_causal=1),
        node("RMSNormalization", ["o", "gain"], ["n"], axis=-1),
        node("MatMul", ["n", "last"], ["y"]),
    ]
    held = {"q": weight(16, 16, axis=1), "k": weight(16, 8, axis=1), "v": weight(16, 8, axis=1)[:, ::-1].copy()}
    held |= {"gain": abs(array(16)) + 0.5, "last": weight(16, 5, axis=1)}
    return model_of(graph_of(nodes, [tensor("x", [6, 2, 16])], [tensor("y", [6, 2, 5])], held), 23, 11)


@report("microsoft/onnxruntime#12152", picture, WEIGHTS)
def detection_with_suppression() -> onnx.ModelProto:
    """Boxes and scores of a grid, suppressed inside the model; the number of answers depends on the input."""
    nodes = [
        node("Conv", ["x", "first", "bias"], ["a"], strides=[3, 3]),
        node("Relu", ["a"], ["r"]),
        node("Conv", ["r", "box"], ["b"]),
        node("Conv", ["r", "class"], ["c"]),
        node("Reshape", ["b", "boxes"], ["bt"]),
        node("Transpose", ["bt"], ["corners"], perm=[0, 2, 1]),
        node("Reshape", ["c", "classes"], ["s"]),
        node("Sigmoid", ["s"], ["scores"]),
        node("NonMaxSuppression", ["corners", "scores", "most", "overlap", "least"], ["kept"]),
        node("TopK", ["scores", "two"], ["best", "places"], axis=2),
        node("Slice", ["kept", "two", "three", "one"], ["index"]),
        node("Squeeze", ["index", "one"], ["flat"]),
        node("Gather", ["corners", "flat"], ["boxes_kept"], axis=1),
        node("Shape", ["boxes_kept"], ["sizes"]),
    ]
    held = {"first": weight(8, 3, 3, 3), "bias": array(8), "box": weight(4, 8, 1, 1), "class": weight(2, 8, 1, 1)}
    held |= {"boxes": np.array([1, 4, 16]), "classes": np.array([1, 2, 16]), "most": np.array([3])}
    held |= {"overlap": np.array([0.5], np.float32), "least": np.array([0.2], np.float32)}
    held |= {"two": np.array([2]), "three": np.array([3]), "one": np.array([1])}
    outputs = [
        tensor("best", [1, 2, 2]),
        tensor("places", [1, 2, 2], TensorProto.INT64),
        tensor("corners", [1, 16, 4]),
        tensor("sizes", [3], TensorProto.INT64),
    ]
    return model_of(graph_of(nodes, [tensor("x", [1, 3, 12, 12])], outputs, held))


@report("microsoft/onnxruntime-inference-examples#84", picture, ALL)
def dense_blocks() -> onnx.ModelProto:
    """Layers that read all before them, of sizes that grow, with a norm before each."""
    nodes = [node("Conv", ["x", "w0"], ["c0"], pads=[1, 1, 1, 1])]
    held = {"w0": weight(4, 3, 3, 3), "last": weight(6, 12, 1, 1)}
    read = "c0"
    for index in (1, 2):
        width = 4 * index
        names = [f"{name}{index}" for name in "sbmv"]
        held |= dict(
            zip(names, [abs(array(width)) + 0.5, array(width), array(width), abs(array(width)) + 0.5], strict=True)
        )
        held[f"w{index}"] = weight(4, width, 3, 3) * np.float32(4**index)
        nodes += [
            node("BatchNormalization", [read, *names], [f"n{index}"]),
            node("Relu", [f"n{index}"], [f"r{index}"]),
            node("Conv", [f"r{index}", f"w{index}"], [f"c{index}"], pads=[1, 1, 1, 1]),
            node("Concat", [read, f"c{index}"], [f"t{index}"], axis=1),
        ]
        read = f"t{index}"
    nodes += [node("Concat", [read], ["alone"], axis=1), node("Conv", ["alone", "last"], ["y"])]
    return model_of(graph_of(nodes, [tensor("x", [1, 3, 12, 12])], [tensor("y", [1, 6, 12, 12])], held))


@report("microsoft/onnxruntime#22020", picture, ALL)
def tiny_weights_with_large_bias() -> onnx.ModelProto:
    nodes = [
        node("Conv", ["x", "first", "bias"], ["a"], pads=[1, 1, 1, 1]),
        node("Conv", ["a", "second", "more"], ["b"]),
        node("Relu", ["b"], ["r"]),
        node("Conv", ["r", "last"], ["y"]),
    ]
    tiny = weight(8, 8, 1, 1)
    tiny[3:] *= np.float32(1e-9)
    held = {"first": weight(8, 3, 3, 3), "bias": array(8), "second": tiny, "more": array(8), "last": weight(6, 8, 1, 1)}
    return model_of(graph_of(nodes, [tensor("x", [1, 3, 12, 12])], [tensor("y", [1, 6, 12, 12])], held))


@report("apple/coremltools#2853", picture, ALL)
def channels_of_zeros() -> onnx.ModelProto:
    """Channels that pruning made zero, and one so small that its step is zero in float16."""
    zeros = weight(8, 8, 3, 3)
    zeros[2:5], zeros[6] = 0, zeros[6] * np.float32(1e-7)
    middle = [node("Conv", ["a", "zeros"], ["c"], pads=[1, 1, 1, 1]), node("Relu", ["c"], ["m"])]
    return convolutions(middle, {"zeros": zeros})


@report("microsoft/onnxruntime#11415", picture, "float16 int16-weight int8-weight int8-static")
def depthwise_of_very_different_channels() -> onnx.ModelProto:
    """Channels of a depthwise layer over three orders of magnitude, before a hard swish."""
    middle = [
        node("Conv", ["a", "deep", "db"], ["d"], pads=[1, 1, 1, 1], group=8),
        node("HardSwish", ["d"], ["h"]),
        node("GlobalAveragePool", ["h"], ["p"]),
        node("Conv", ["p", "gate"], ["g"]),
        node("HardSigmoid", ["g"], ["hs"], alpha=1 / 6),
        node("Mul", ["h", "hs"], ["m"]),
    ]
    held = {"deep": weight(8, 1, 3, 3, spread=0.01), "db": array(8) * 0.1, "gate": weight(8, 8, 1, 1)}
    return convolutions(middle, held)


@report("microsoft/onnxruntime#9365", picture, ALL)
def bright_pictures() -> onnx.ModelProto:
    """Pixels of 0 to 255, all near the upper end, that saturate 16-bit sums."""
    model = convolutions([node("Relu", ["a"], ["m"])], {})
    nodes = [node("Mul", ["x", "ten"], ["s"]), node("Add", ["s", "level"], ["bright"])]
    for item in reversed(nodes):
        model.graph.node.insert(0, item)
    model.graph.node[2].input[0] = "bright"
    held = graph_of([], [], [], {"ten": np.float32(10), "level": np.float32(225)})
    model.graph.initializer.extend(held.initializer)
    return model
