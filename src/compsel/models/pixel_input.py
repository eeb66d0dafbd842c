"""Fold the normalisation into the graph, so that the session is fed the bytes of an image.

The folded graph takes uint8 pixels (1, height, width, 3) in RGB. Where the graph starts by quantising its input
with exactly the normalisation's scale and offset, the bytes already are the quantised input and go straight into
the first integer convolution; otherwise a cast and the normalisation's own arithmetic are put in front. Either way
the outputs are those of the original graph on the normalised tensor.

An integer convolution of three channels takes twice as long as one of four (ONNX Runtime's kernels read four bytes at
once): where bytes go into one, pixels have a fourth channel, whose weights are zero.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from compsel.errors import NotApplicableError
from compsel.inputs.image import PIXELS, image_preprocessing
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.models.external_data import make_weights_constant
from compsel.models.graph_queries import attribute, constants, is_standard
from compsel.models.model import Model

__all__ = ["with_pixel_input"]


def with_pixel_input(model: Model) -> Model:
    """Return `model` with one input `compsel_pixels`: uint8 (1, height, width, 3 or 4), RGB and anything; 1 for grey.

    Raises:
        NotApplicableError: the model has no image preprocessing, or several inputs.
    """
    preprocessing = image_preprocessing(model)
    if preprocessing is None:
        raise NotApplicableError(f"model {model.name!r} does not take one image: nothing can be folded into it")
    proto = model.copy_proto()
    name, dtype = model.inputs[0].name, model.inputs[0].dtype
    # a sub-graph may read the input too: then it must go on existing
    whole = len(list(model.graphs())) == 1
    plain = whole and dtype == "float32" and preprocessing.channels != "GRAY"
    quantise = _quantisation_of_pixels(proto.graph, name, preprocessing) if plain else None
    channels = 1 if preprocessing.channels == "GRAY" else 3
    if quantise is not None:
        channels = _fourth_channel(proto.graph, quantise.output[0])
        head = _ordered(proto.graph, preprocessing, quantise.output[0], channels)
        proto.graph.node.remove(quantise)
    else:
        head = _normalising_head(proto.graph, name, dtype, preprocessing)
    body = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend([*head, *body])
    make_weights_constant(proto)
    del proto.graph.input[:]
    shape = [1, *preprocessing.resolution, channels]
    proto.graph.input.extend([helper.make_tensor_value_info(PIXELS, onnx.TensorProto.UINT8, shape)])
    return model.with_proto(proto)


def _quantisation_of_pixels(
    graph: onnx.GraphProto, name: str, preprocessing: ImagePreprocessing
) -> onnx.NodeProto | None:
    """Return the QuantizeLinear whose output would be the pixels themselves, if the graph starts with one."""
    consumers = [node for node in graph.node if name in node.input]
    if len(consumers) != 1 or consumers[0].op_type != "QuantizeLinear" or len(consumers[0].input) != 3:
        return None
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    if not all(key in tensors for key in consumers[0].input[1:]):
        return None
    scale, zero_point = (numpy_helper.to_array(tensors[key]) for key in consumers[0].input[1:])
    if zero_point.dtype != np.uint8 or scale.size != 1:
        return None
    if len(set(preprocessing.mean)) > 1 or len(set(preprocessing.std)) > 1:
        return None
    levels = np.arange(256, dtype=np.float32)
    normalised = (levels - np.float32(preprocessing.mean[0])) / np.float32(preprocessing.std[0])
    quantised = np.rint(normalised / np.float32(scale.reshape(()))) + float(zero_point.reshape(()))
    return consumers[0] if np.array_equal(quantised, levels) else None


def _fourth_channel(graph: onnx.GraphProto, pixels: str) -> int:
    """Give the integer convolution that reads the pixels a fourth channel of zeros, in place; return how many it has.

    3 where it is no plain convolution of dequantised pixels and weights.
    """
    readers = [node for node in graph.node if pixels in node.input]
    if len(readers) != 1 or readers[0].op_type != "DequantizeLinear":
        return 3
    convolutions = [node for node in graph.node if readers[0].output[0] in node.input]
    if (
        len(convolutions) != 1
        or not is_standard(convolutions[0], "Conv")
        or attribute(convolutions[0], "group", 1) != 1
    ):
        return 3
    weight = next((node for node in graph.node if convolutions[0].input[1] in node.output), None)
    if weight is None or weight.op_type != "DequantizeLinear" or any(p.name == pixels for p in graph.output):
        return 3
    tensors = constants(graph)
    stored = tensors.get(weight.input[0])
    if stored is None or stored.data_type != onnx.TensorProto.INT8 or len(stored.dims) != 4 or stored.dims[1] != 3:
        return 3
    zero_point = tensors.get(weight.input[2]) if len(weight.input) > 2 else None
    scale = tensors.get(weight.input[1])
    if len(weight.input) > 2 and (zero_point is None or numpy_helper.to_array(zero_point).any()):
        return 3
    if scale is None or (np.prod(scale.dims) > 1 and attribute(weight, "axis", 1) != 0):
        return 3
    zeros = np.zeros((stored.dims[0], 1, *stored.dims[2:]), np.int8)
    graph.initializer.append(numpy_helper.from_array(zeros, f"{PIXELS}_zeros"))
    # the weights may lie in a file that other graphs share: they are joined when the graph is loaded
    padded = helper.make_node(
        "Concat", [weight.input[0], f"{PIXELS}_zeros"], [f"{PIXELS}_weights"], f"{PIXELS}_pad", axis=1
    )
    graph.node.insert(list(graph.node).index(weight), padded)
    own = onnx.NodeProto()
    own.CopyFrom(weight)
    own.input[0], own.output[0], own.name = padded.output[0], f"{PIXELS}_dequantised", f"{PIXELS}_dequantise"
    graph.node.insert(list(graph.node).index(weight), own)
    convolutions[0].input[1] = own.output[0]
    return 4


def _normalising_head(
    graph: onnx.GraphProto, name: str, dtype: str, preprocessing: ImagePreprocessing
) -> list[onnx.NodeProto]:
    """Return the nodes that make the model's tensor of pixels, in its own element type."""
    if dtype == "uint8" and set(preprocessing.mean) == {0.0} and set(preprocessing.std) == {1.0}:
        return _ordered(graph, preprocessing, name)
    kept = 1 if preprocessing.channels == "GRAY" else 3
    shape = (1, kept, 1, 1) if preprocessing.layout == "NCHW" else (1, 1, 1, kept)
    for key, values in (("mean", preprocessing.mean), ("std", preprocessing.std)):
        array = np.array(values[:kept], np.float32).reshape(shape)
        graph.initializer.append(numpy_helper.from_array(array, f"{PIXELS}_{key}"))
    ordered, numbers, centred = f"{PIXELS}_ordered", f"{PIXELS}_float", f"{PIXELS}_centred"
    normalised = name if dtype == "float32" else f"{PIXELS}_normalised"
    return [
        *_ordered(graph, preprocessing, ordered),
        helper.make_node("Cast", [ordered], [numbers], f"{PIXELS}_cast", to=onnx.TensorProto.FLOAT),
        helper.make_node("Sub", [numbers, f"{PIXELS}_mean"], [centred], f"{PIXELS}_sub"),
        helper.make_node("Div", [centred, f"{PIXELS}_std"], [normalised], f"{PIXELS}_div"),
        *_in_type(graph, normalised, name, dtype),
    ]


def _in_type(graph: onnx.GraphProto, source: str, target: str, dtype: str) -> list[onnx.NodeProto]:
    """Return the nodes that turn float32 into another element type: whole numbers are rounded, and cut."""
    if dtype == "float32":
        return []
    nodes, whole = [], np.dtype(dtype)
    if whole.kind in "iu":
        limits = np.iinfo(whole)
        for key, value in (("least", limits.min), ("most", limits.max)):
            graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), f"{PIXELS}_{key}"))
        rounded, cut = f"{PIXELS}_rounded", f"{PIXELS}_cut"
        nodes = [
            helper.make_node("Round", [source], [rounded], f"{PIXELS}_round"),
            helper.make_node("Max", [rounded, f"{PIXELS}_least"], [f"{PIXELS}_raised"], f"{PIXELS}_raise"),
            helper.make_node("Min", [f"{PIXELS}_raised", f"{PIXELS}_most"], [cut], f"{PIXELS}_lower"),
        ]
        source = cut
    to = helper.np_dtype_to_tensor_dtype(whole)
    return [*nodes, helper.make_node("Cast", [source], [target], f"{PIXELS}_to_{dtype}", to=to)]


def _ordered(
    graph: onnx.GraphProto, preprocessing: ImagePreprocessing, target: str, channels: int = 3
) -> list[onnx.NodeProto]:
    """Return the nodes that put the bytes in the model's order of channels and axes."""
    nodes, source = [], PIXELS
    if preprocessing.channels == "BGR":
        source = f"{PIXELS}_bgr"
        graph.initializer.append(
            numpy_helper.from_array(np.array([2, 1, 0, 3][:channels], np.int64), f"{PIXELS}_order")
        )
        nodes.append(helper.make_node("Gather", [PIXELS, f"{PIXELS}_order"], [source], f"{PIXELS}_gather", axis=3))
    if preprocessing.layout == "NCHW":
        nodes.append(helper.make_node("Transpose", [source], [target], f"{PIXELS}_transpose", perm=[0, 3, 1, 2]))
    else:
        nodes.append(helper.make_node("Identity", [source], [target], f"{PIXELS}_identity"))
    return nodes
