"""Fold the normalisation into the graph, so that the session is fed the bytes of an image.

The folded graph takes uint8 pixels (1, height, width, 3) in RGB. Where the graph starts by quantising its input
with exactly the normalisation's scale and offset, the bytes already are the quantised input and go straight into
the first integer convolution; otherwise a cast and the normalisation's own arithmetic are put in front. Either way
the outputs are those of the original graph on the normalised tensor.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from compsel.errors import NotApplicableError
from compsel.inputs.image import PIXELS, image_preprocessing
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.models.external_data import make_weights_constant
from compsel.models.model import Model

__all__ = ["with_pixel_input"]


def with_pixel_input(model: Model) -> Model:
    """Return `model` with one input `compsel_pixels`: uint8 (1, height, width, 3), RGB.

    Raises:
        NotApplicableError: the model has no image preprocessing, or several inputs.
    """
    preprocessing = image_preprocessing(model)
    if preprocessing is None:
        raise NotApplicableError(f"model {model.name!r} does not take one image: nothing can be folded into it")
    proto = model.copy_proto()
    name = model.inputs[0].name
    # a sub-graph may read the input too: then it must go on existing
    whole = len(list(model.graphs())) == 1
    quantise = _quantisation_of_pixels(proto.graph, name, preprocessing) if whole else None
    if quantise is not None:
        head = _bytes_head(proto.graph, quantise, preprocessing)
        proto.graph.node.remove(quantise)
    else:
        head = _normalising_head(proto.graph, name, preprocessing)
    body = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend([*head, *body])
    make_weights_constant(proto)
    del proto.graph.input[:]
    shape = [1, *preprocessing.resolution, 3]
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


def _bytes_head(
    graph: onnx.GraphProto, quantise: onnx.NodeProto, preprocessing: ImagePreprocessing
) -> list[onnx.NodeProto]:
    return _ordered(graph, preprocessing, quantise.output[0])


def _normalising_head(graph: onnx.GraphProto, name: str, preprocessing: ImagePreprocessing) -> list[onnx.NodeProto]:
    shape = (1, 3, 1, 1) if preprocessing.layout == "NCHW" else (1, 1, 1, 3)
    for key, values in (("mean", preprocessing.mean), ("std", preprocessing.std)):
        array = np.array(values, np.float32).reshape(shape)
        graph.initializer.append(numpy_helper.from_array(array, f"{PIXELS}_{key}"))
    ordered, numbers, centred = f"{PIXELS}_ordered", f"{PIXELS}_float", f"{PIXELS}_centred"
    return [
        *_ordered(graph, preprocessing, ordered),
        helper.make_node("Cast", [ordered], [numbers], f"{PIXELS}_cast", to=onnx.TensorProto.FLOAT),
        helper.make_node("Sub", [numbers, f"{PIXELS}_mean"], [centred], f"{PIXELS}_sub"),
        helper.make_node("Div", [centred, f"{PIXELS}_std"], [name], f"{PIXELS}_div"),
    ]


def _ordered(graph: onnx.GraphProto, preprocessing: ImagePreprocessing, target: str) -> list[onnx.NodeProto]:
    """Return the nodes that put the bytes in the model's order of channels and axes."""
    nodes, source = [], PIXELS
    if preprocessing.channels == "BGR":
        source = f"{PIXELS}_bgr"
        graph.initializer.append(numpy_helper.from_array(np.array([2, 1, 0], np.int64), f"{PIXELS}_order"))
        nodes.append(helper.make_node("Gather", [PIXELS, f"{PIXELS}_order"], [source], f"{PIXELS}_gather", axis=3))
    if preprocessing.layout == "NCHW":
        nodes.append(helper.make_node("Transpose", [source], [target], f"{PIXELS}_transpose", perm=[0, 3, 1, 2]))
    else:
        nodes.append(helper.make_node("Identity", [source], [target], f"{PIXELS}_identity"))
    return nodes
