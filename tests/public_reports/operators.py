"""Reports about operators: padding, pooling, resizing, normalisation, clamps, shapes."""

import numpy as np
import onnx
from numpy.random import Generator
from onnx import TensorProto

from tests.public_reports.reports import ALL, WEIGHTS, Feed, array, graph_of, model_of, node, report, tensor, weight


def picture(generator: Generator) -> Feed:
    return {"x": generator.standard_normal((1, 3, 12, 12)).astype(np.float32)}


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
    middle = [
        node("BatchNormalization", ["a", "s", "b", "mean", "var"], ["m", "rm", "rv"], training_mode=1, momentum=0.0)
    ]
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
