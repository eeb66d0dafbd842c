"""Reports about operators: padding, pooling, resizing, normalisation, recurrent layers, attention, detection."""

import numpy as np
import onnx
from numpy.random import Generator
from onnx import TensorProto

from tests.public_reports.reports import Feed, array, graph_of, model_of, node, report, tensor, weight

WEIGHTS = "float16 int16-weight int8-weight"
ALL = f"{WEIGHTS} int8-static int8-dynamic int4-weight"


def picture(generator: Generator) -> Feed:
    return {"x": generator.standard_normal((1, 3, 12, 12)).astype(np.float32)}


def steps(generator: Generator) -> Feed:
    return {"x": generator.standard_normal((6, 2, 16)).astype(np.float32)}


def sequences(generator: Generator) -> Feed:
    return {**steps(generator), "n": np.array([6, generator.integers(1, 6)], np.int32)}


def convolutions(middle: list[onnx.NodeProto], weights: dict[str, np.ndarray], opset: int = 17) -> onnx.ModelProto:
    """Return a convolution, what makes "m" of "a", and a convolution."""
    nodes = [
        node("Conv", ["x", "first", "bias"], ["a"], pads=[1, 1, 1, 1]),
        *middle,
        node("Conv", ["m", "last"], ["y"]),
    ]
    held = {"first": weight(8, 3, 3, 3), "bias": array(8), "last": weight(6, 8, 1, 1), **weights}
    return model_of(graph_of(nodes, [tensor("x", [1, 3, 12, 12])], [tensor("y", [1, 6, "h", "w"])], held), opset)


@report("microsoft/onnxruntime#17760", picture, ALL)
def pad_with_an_empty_value() -> onnx.ModelProto:
    pads = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    return convolutions([node("Relu", ["a"], ["r"]), node("Pad", ["r", "p", ""], ["m"])], {"p": pads})


@report("microsoft/onnxruntime#13361", picture, ALL)
def pad_that_cuts_and_reflects() -> onnx.ModelProto:
    cut = np.array([0, 0, -1, -2, 0, 0, 0, -1])
    grow = np.array([0, 0, 1, 2, 0, 0, 2, 1])
    middle = [
        node("Pad", ["a", "cut"], ["c"]),
        node("Pad", ["c", "grow"], ["g"], mode="reflect"),
        node("Pad", ["g", "grow", "value"], ["m"]),
    ]
    return convolutions(middle, {"cut": cut, "grow": grow, "value": np.float32(1.5)})


@report("PINTO0309/onnx2tf#444", picture, f"{WEIGHTS} int8-dynamic int4-weight")
def pad_with_the_least_number_before_a_maximum() -> onnx.ModelProto:
    middle = [
        node("Pad", ["a", "p", "least"], ["g"]),
        node("MaxPool", ["g"], ["m"], kernel_shape=[3, 3], strides=[2, 2]),
    ]
    return convolutions(middle, {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1]), "least": np.float32(-3.4028235e38)})


@report("microsoft/onnxruntime#7460", picture, "float16 int8-weight int8-static int8-dynamic")
def maximum_of_opset_10_with_places() -> onnx.ModelProto:
    middle = [
        node("Relu", ["a"], ["r"]),
        node("MaxPool", ["r"], ["p", "places"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Cast", ["places"], ["f"], to=TensorProto.FLOAT),
        node("Mul", ["f", "small"], ["s"]),
        node("Add", ["p", "s"], ["m"]),
    ]
    return convolutions(middle, {"small": np.float32(1e-4)}, 10)


@report("Xilinx/brevitas#1016", picture, ALL)
def automatic_padding() -> onnx.ModelProto:
    """SAME_UPPER and SAME_LOWER with strides that do not divide, dilations, and pooling."""
    nodes = [
        node("Conv", ["x", "first", "bias"], ["a"], auto_pad="SAME_UPPER", strides=[2, 2]),
        node("Relu", ["a"], ["r"]),
        node("Conv", ["r", "deep"], ["d"], auto_pad="SAME_LOWER", group=8),
        node("MaxPool", ["d"], ["p"], auto_pad="SAME_UPPER", kernel_shape=[3, 3], strides=[2, 2]),
        node("Conv", ["p", "last"], ["y"], auto_pad="VALID"),
    ]
    held = {"first": weight(8, 3, 4, 4), "bias": array(8), "deep": weight(8, 1, 3, 3), "last": weight(6, 8, 1, 1)}
    return model_of(graph_of(nodes, [tensor("x", [1, 3, 12, 12])], [tensor("y", [1, 6, "h", "w"])], held))


@report("microsoft/onnxruntime#28448", picture, ALL)
def resize_between_layers() -> onnx.ModelProto:
    middle = [
        node("Relu", ["a"], ["r"]),
        node("Resize", ["r", "", "", "sizes"], ["m"], mode="linear", coordinate_transformation_mode="half_pixel"),
    ]
    return convolutions(middle, {"sizes": np.array([1, 8, 19, 23])})


@report("microsoft/onnxruntime#17564", picture, f"{WEIGHTS} int8-dynamic int4-weight")
def resize_with_corners_and_cubic() -> onnx.ModelProto:
    middle = [
        node("Resize", ["a", "", "scales"], ["b"], mode="linear", coordinate_transformation_mode="align_corners"),
        node("Resize", ["b", "", "half"], ["m"], mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1),
    ]
    held = {"scales": np.array([1, 1, 2, 2], np.float32), "half": np.array([1, 1, 0.5, 0.5], np.float32)}
    return convolutions(middle, held)


@report("microsoft/onnxruntime#26584", picture, "float16 int8-weight")
def batch_norm_that_trains() -> onnx.ModelProto:
    """Exported in training mode: the statistics of the input count, those that are stored do not."""
    middle = [node("BatchNormalization", ["a", "s", "b", "mean", "var"], ["m", "rm", "rv"], training_mode=1, momentum=0.0)]
    held = {"s": abs(array(8)) + 0.5, "b": array(8), "mean": array(8) * 5, "var": abs(array(8)) * 9 + 1}
    return convolutions(middle, held)


@report("microsoft/onnxruntime#10079", picture, ALL)
def instance_and_group_norm() -> onnx.ModelProto:
    middle = [
        node("Mul", ["a", "large"], ["l"]),
        node("InstanceNormalization", ["l", "s", "b"], ["n"], epsilon=1e-5),
        node("Relu", ["n"], ["r"]),
        node("Reshape", ["r", "groups"], ["g"]),
        node("InstanceNormalization", ["g", "gs", "gb"], ["gn"]),
        node("Shape", ["r"], ["back"]),
        node("Reshape", ["gn", "back"], ["m"]),
    ]
    held = {"s": abs(array(8)) + 0.5, "b": array(8), "groups": np.array([0, 2, -1])}
    held |= {"gs": np.ones(2, np.float32), "gb": np.zeros(2, np.float32), "large": np.float32(300)}
    return convolutions(middle, held)


@report("microsoft/onnxconverter-common#323", picture, "int8-weight int8-static")
def means_and_squares_beyond_float16() -> onnx.ModelProto:
    """A norm written out: squares and sums of values of some hundreds."""
    middle = [
        node("Mul", ["a", "large"], ["l"]),
        node("ReduceMean", ["l"], ["mean"], axes=[2, 3]),
        node("Sub", ["l", "mean"], ["d"]),
        node("Pow", ["d", "two"], ["q"]),
        node("ReduceMean", ["q"], ["v"], axes=[2, 3]),
        node("Add", ["v", "epsilon"], ["e"]),
        node("Sqrt", ["e"], ["s"]),
        node("Div", ["d", "s"], ["m"]),
    ]
    return convolutions(middle, {"large": np.float32(900), "two": np.float32(2), "epsilon": np.float32(1e-5)})


@report("microsoft/onnxruntime#15465", sequences, "float16 int16-weight")
def lstm_with_everything() -> onnx.ModelProto:
    """Both directions, peepholes, lengths, starting states, activations with parameters, all outputs."""
    nodes = [
        node("MatMul", ["x", "first"], ["h"]),
        node(
            "LSTM", ["h", "w", "r", "b", "n", "h0", "c0", "p"], ["all", "last", "cell"],
            hidden_size=8, direction="bidirectional", clip=3.0,
        ),
        node("Transpose", ["all"], ["t"], perm=[0, 2, 1, 3]),
        node("Reshape", ["t", "shape"], ["s"]),
        node("MatMul", ["s", "head"], ["y"]),
    ]
    held = {
        "first": weight(16, 16, axis=1), "w": array(2, 32, 16) * 0.2, "r": array(2, 32, 8) * 0.3, "b": array(2, 64) * 0.2,
        "h0": array(2, 2, 8) * 0.3, "c0": array(2, 2, 8) * 0.3, "p": array(2, 24) * 0.3,
        "shape": np.array([6, 2, 16]), "head": weight(16, 5, axis=1),
    }
    inputs = [tensor("x", [6, 2, 16]), tensor("n", [2], TensorProto.INT32)]
    outputs = [tensor("y", [6, 2, 5]), tensor("last", [2, 2, 8]), tensor("cell", [2, 2, 8])]
    return model_of(graph_of(nodes, inputs, outputs, held))


@report("onnx/onnx#2289", picture, ALL)
def softmax_of_opset_11() -> onnx.ModelProto:
    """Until operator set 12 it runs over all axes from its own on: 1 where it is not said."""
    nodes = [
        node("Conv", ["x", "first", "bias"], ["a"], pads=[1, 1, 1, 1]),
        node("Softmax", ["a"], ["s"]),
        node("Mul", ["s", "large"], ["m"]),
        node("Conv", ["m", "last"], ["l"]),
        node("Softmax", ["l"], ["p"], axis=2),
        node("LogSoftmax", ["p"], ["y"], axis=1),
    ]
    held = {"first": weight(8, 3, 3, 3), "bias": array(8), "last": weight(6, 8, 1, 1), "large": np.float32(900)}
    return model_of(graph_of(nodes, [tensor("x", [1, 3, 12, 12])], [tensor("y", [1, 6, 12, 12])], held), 11)


@report("microsoft/onnxconverter-common#17", picture, ALL)
def clip_without_a_limit() -> onnx.ModelProto:
    middle = [
        node("Clip", ["a", "", "six"], ["c"]),
        node("Clip", ["c", "low"], ["d"]),
        node("PRelu", ["d", "slope"], ["e"]),
        node("Clip", ["e"], ["m"]),
    ]
    return convolutions(middle, {"six": np.float32(6), "low": np.float32(-2), "slope": array(8, 1, 1) * 0.2})


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
    outputs = [tensor("best", [1, 2, 2]), tensor("places", [1, 2, 2], TensorProto.INT64), tensor("corners", [1, 16, 4]), tensor("sizes", [3], TensorProto.INT64)]
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
        held |= dict(zip(names, [abs(array(width)) + 0.5, array(width), array(width), abs(array(width)) + 0.5], strict=True))
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


@report("inisis/OnnxSlim#38", picture, ALL)
def part_of_a_shape() -> onnx.ModelProto:
    """A size that is computed from `Shape` with a start and an end, and a slice by it."""
    middle = [
        node("Shape", ["a"], ["hw"], start=2, end=4),
        node("Sub", ["hw", "one"], ["end"]),
        node("Slice", ["a", "begin", "end", "axes"], ["s"]),
        node("Relu", ["s"], ["m"]),
    ]
    return convolutions(middle, {"one": np.array([1]), "begin": np.array([1, 2]), "axes": np.array([2, 3])})


@report("onnx/optimizer#40", picture, ALL)
def mask_of_a_dropout_that_is_read() -> onnx.ModelProto:
    middle = [
        node("Dropout", ["a"], ["d", "mask"]),
        node("Cast", ["mask"], ["f"], to=TensorProto.FLOAT),
        node("Add", ["d", "f"], ["m"]),
    ]
    return convolutions(middle, {})


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
