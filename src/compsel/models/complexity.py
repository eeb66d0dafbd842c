"""Complexity of a graph: its number of parameters, and the multiply-accumulates of one inference."""

import math

import onnx

from compsel.models.model import Model

__all__ = ["macs", "parameters"]

_FLOATS = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE}
_CONVOLUTIONS = {"Conv", "ConvInteger", "QLinearConv"}
_PRODUCTS = {"Gemm", "MatMul", "MatMulInteger", "QGemm", "QLinearMatMul"}
# position of the weight among the inputs, where it is not the second
_WEIGHT_INPUT = {"QLinearConv": 3, "QLinearMatMul": 3, "QGemm": 3}
# tensors up to this many numbers may be shapes that inference needs; larger ones are only weights
_SMALL = 1024


def parameters(model: Model) -> int:
    """Return the number of parameters of a float graph.

    As is the custom, the statistics of batch normalisation are not counted, nor are single numbers such as the
    bounds of a Clip.
    """
    graph = model.proto.graph
    statistics = {name for node in graph.node if node.op_type == "BatchNormalization" for name in node.input[3:5]}
    return sum(
        math.prod(tensor.dims)
        for tensor in graph.initializer
        if tensor.dims and tensor.data_type in _FLOATS and tensor.name not in statistics
    )


def macs(model: Model) -> int:
    """Return the multiply-accumulates of convolutions and matrix products for one input (a batch of one)."""
    shapes = _shapes(model.proto)
    return sum(_node_macs(node, shapes) for node in model.proto.graph.node)


def _node_macs(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    kind = node.op_type
    if kind not in _CONVOLUTIONS | _PRODUCTS | {"ConvTranspose"}:
        return 0
    output = shapes.get(node.output[0])
    weight = shapes.get(node.input[_WEIGHT_INPUT.get(kind, 1)])
    data = shapes.get(node.input[0])
    if output is None or weight is None or data is None:
        return 0
    if kind in _CONVOLUTIONS:
        return math.prod(output) * math.prod(weight[1:])
    if kind == "ConvTranspose":
        return math.prod(data) * math.prod(weight[1:])
    transposed = any(a.name == "transA" and a.i for a in node.attribute)
    return math.prod(output) * (data[0] if transposed else data[-1])


def _shapes(proto: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Infer the shape of every tensor; open axes count as one."""
    light = onnx.ModelProto()
    light.ir_version = proto.ir_version
    light.opset_import.extend(proto.opset_import)
    light.functions.extend(proto.functions)
    light.graph.name = proto.graph.name
    light.graph.node.extend(proto.graph.node)
    light.graph.input.extend(proto.graph.input)
    light.graph.output.extend(proto.graph.output)
    light.graph.value_info.extend(proto.graph.value_info)
    # weights go in as inputs of the same shape: inference copies the model, and needs none of their numbers
    given = {value.name for value in proto.graph.input}
    for tensor in proto.graph.initializer:
        if math.prod(tensor.dims) <= _SMALL and (tensor.raw_data or tensor.data_type not in _FLOATS):
            light.graph.initializer.append(tensor)
        elif tensor.name not in given:
            light.graph.input.append(
                onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            )
    graph = onnx.shape_inference.infer_shapes(light).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.HasField("shape"):
            shapes[value.name] = tuple(axis.dim_value or 1 for axis in value.type.tensor_type.shape.dim)
    return shapes
