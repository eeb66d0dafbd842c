"""Give a graph the outputs of its model's own file again: in their order, maps of each row, axes of length 1."""

from dataclasses import replace

import onnx
from onnx import TensorProto, helper

from compsel.models.editable_graph import FreshNames
from compsel.models.exported_outputs import ExportedOutput
from compsel.models.model import Model
from compsel.models.rewiring import read_instead

__all__ = ["with_file_outputs"]

_ML = "ai.onnx.ml"


def with_file_outputs(model: Model) -> Model:
    """Return the model with the outputs that its file had, as an app that runs the file expects them.

    Where these are the outputs already, or what they are made of is gone, it is returned as it is, without
    `exported_outputs`.

    >>> from compsel.networks import build
    >>> model = build("mobilenet-v1", width=0.25, resolution=32)
    >>> scores = ExportedOutput("probability", model.outputs[0].name, ("cat",) * 1000)
    >>> with_file_outputs(replace(model, exported_outputs=(scores,))).outputs
    (TensorSpec(name='probability', dtype='other', shape=None),)
    """
    exported = model.exported_outputs
    there = {spec.name for spec in model.outputs}
    if not exported or not all(one.source in there for one in exported):
        return replace(model, exported_outputs=())
    proto = model.copy_proto()
    graph, names = proto.graph, FreshNames(proto.graph)
    given = {value.name: value for value in onnx.GraphProto(output=graph.output).output}
    outputs = [_output(graph, one, given[one.source], names) for one in exported]
    del graph.output[:]
    graph.output.extend(outputs)
    if any(one.keys for one in exported) and all(entry.domain != _ML for entry in proto.opset_import):
        proto.opset_import.add(domain=_ML, version=1)
    return model.with_proto(proto)


def _output(
    graph: onnx.GraphProto, one: ExportedOutput, source: onnx.ValueInfoProto, names: FreshNames
) -> onnx.ValueInfoProto:
    if one.keys:
        texts = isinstance(one.keys[0], str)
        keys = {"classlabels_strings" if texts else "classlabels_int64s": list(one.keys)}
        graph.node.append(
            helper.make_node("ZipMap", [one.source], [one.name], names(f"{one.name}.maps"), domain=_ML, **keys)
        )
        number = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
        row = helper.make_map_type_proto(TensorProto.STRING if texts else TensorProto.INT64, number)
        return helper.make_value_info(one.name, helper.make_sequence_type_proto(row))
    if one.ones:
        return _with_ones(graph, one, source, names)
    return source


def _with_ones(
    graph: onnx.GraphProto, one: ExportedOutput, source: onnx.ValueInfoProto, names: FreshNames
) -> onnx.ValueInfoProto:
    """Put axes of length 1 behind a value that keeps its name."""
    plain, shape = names(f"{one.name}.plain"), names(f"{one.name}.shape")
    for node in graph.node:
        node.output[:] = [plain if name == one.source else name for name in node.output]
    read_instead(graph, one.source, plain)
    value = onnx.ValueInfoProto()
    value.CopyFrom(source)
    value.name = one.name
    axes = value.type.tensor_type.shape.dim
    lengths = [0] * len(axes) + [1] * one.ones  # 0: as it is
    graph.initializer.append(helper.make_tensor(shape, TensorProto.INT64, [len(lengths)], lengths))
    graph.node.append(helper.make_node("Reshape", [plain, shape], [one.name], names(f"{one.name}.reshape")))
    for _ in range(one.ones):
        axes.add(dim_value=1)
    return value
