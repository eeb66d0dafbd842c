"""Functions that a model brings along: put in the place of their calls, so that what they are made of is seen."""

import onnx
from onnx import inliner

__all__ = ["inline_functions"]


def inline_functions(proto: onnx.ModelProto) -> None:
    """Put the nodes of a model's own functions in the place of their calls, in place; the weights are not copied.

    Functions of another operator set than the model's stay as they are.

    >>> sets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("f", 1)]
    >>> add = onnx.helper.make_node("Add", ["a", "a"], ["b"])
    >>> function = onnx.helper.make_function("f", "Twice", ["a"], ["b"], [add], sets[:1])
    >>> node = onnx.helper.make_node("Twice", ["x"], ["y"], domain="f")
    >>> graph = onnx.GraphProto(name="g", node=[node])
    >>> proto = onnx.ModelProto(ir_version=8, opset_import=sets, functions=[function], graph=graph)
    >>> inline_functions(proto)
    >>> [node.op_type for node in proto.graph.node], len(proto.functions)
    (['Add'], 0)
    """
    if not proto.functions:
        return
    light = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import, functions=proto.functions)
    graph = light.graph
    graph.name = proto.graph.name
    for field in ("node", "input", "output", "value_info"):
        getattr(graph, field).extend(getattr(proto.graph, field))
    for tensor in proto.graph.initializer:  # the names that are taken
        graph.initializer.add(name=tensor.name, data_type=tensor.data_type, dims=[0])
    try:
        inlined = inliner.inline_local_functions(light)
    except RuntimeError:
        return  # the runtime, which has its own, says what is wrong
    for field in ("node", "value_info"):
        del getattr(proto.graph, field)[:]
        getattr(proto.graph, field).extend(getattr(inlined.graph, field))
    for field in ("functions", "opset_import"):
        kept = list(getattr(inlined, field))
        del getattr(proto, field)[:]
        getattr(proto, field).extend(kept)
