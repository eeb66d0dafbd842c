"""Weights and arithmetic in 16-bit floating point; inputs and outputs stay as they are."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16

from compsel.errors import NotApplicableError, RewriterError
from compsel.inputs.feeds import first_feeds
from compsel.inputs.samples import Samples
from compsel.models.contrib_ops import is_fused
from compsel.models.editable_graph import EditableGraph
from compsel.models.editing import edit_graph, remove_unused, sort_nodes
from compsel.models.graph_queries import attribute, is_standard
from compsel.models.layers import is_float
from compsel.models.model import Model
from compsel.models.neutral_names import NeutralNames
from compsel.models.opset_upgrade import with_opset
from compsel.models.shapes import float_values, infer_types
from compsel.techniques.base import Technique
from compsel.techniques.half_precision.casts import remove_needless_casts
from compsel.techniques.half_precision.control_flow import keep_control_flow
from compsel.techniques.preparation.batch_norm_folding import fold

__all__ = ["Float16"]

_SMALLEST = float(np.finfo(np.float16).smallest_subnormal)
_LARGEST = float(np.finfo(np.float16).max)
_PART = 1 << 22  # numbers
_MINIMUM_OPSET = 9  # Cast and Where take float16 from there on


@dataclass(frozen=True)
class Float16(Technique):
    """Half the size; faster where the processor computes in float16 (GPUs, NPUs, newer ARM), slower where it does not.

    Nodes with weights beyond the range of float16 (65504), or that are not numbers, operators that have no float16 form
    or are neither ONNX's own nor made by `fuse`, and what makes or reads sequences, stay in float32. Weights below its
    resolution keep their sign and become the smallest number that float16 has.

    >>> Float16().spec
    'float16'
    """

    name: ClassVar[str] = "float16"
    most_relative_error: ClassVar[float | None] = 0.05

    def check(self, model: Model) -> None:
        """Raise NotApplicableError without float32 weights, or with a quantised graph."""
        graph = model.proto.graph
        known = (*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer))
        has_constants = any(node.op_type == "Constant" for node in graph.node)
        if not has_constants and not any(map(is_float, known)):
            raise NotApplicableError(f"float16: {model.name!r} has no float32 weights")
        self._check_float(model)

    def nodes(self, model: Model) -> tuple[str, ...]:
        """Return all nodes of the main graph: each can stay in float32."""
        return tuple(node.name for node in fold(edit_graph(model)).graph.node)

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        return self._transform_rest(model, calibration, frozenset())

    def _transform_rest(self, model: Model, calibration: Samples | None, leaving: frozenset[str]) -> Model:
        editable = with_opset(fold(edit_graph(model)), _MINIMUM_OPSET, first_feeds(model, calibration))
        types = infer_types(editable)
        proto = editable.proto
        del proto.graph.value_info[:]
        boundary = {value.name for value in (*proto.graph.input, *proto.graph.output)}
        tensors = {name for name, info in types.items() if info.type.HasField("tensor_type")}
        proto.graph.value_info.extend(types[name] for name in sorted(tensors - boundary))
        kept = [
            *_out_of_range(editable),
            *_float32_only(editable, types),
            *_with_sequences(editable, types),
            *_batches_moved(editable),
            *_kept_control_flow(editable, types),
            *sorted(leaving),
        ]
        hidden, old_nodes = _hide_sequences(proto.graph), len(proto.graph.node)
        borrowed, names = _detach_borrowed(editable), NeutralNames(proto.graph)
        logging.getLogger("onnxruntime.transformers.float16").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            # it warns of rounded weights: see the docstring; verification shows whether that matters
            warnings.simplefilter("ignore")
            try:
                converted = convert_float_to_float16(
                    proto, keep_io_types=True, disable_shape_infer=True, node_block_list=kept
                )
            except (AssertionError, KeyError, IndexError, ValueError, RuntimeError) as error:
                raise RewriterError(f"float16: {model.name!r} cannot be converted ({error!r:.200})") from error
        names.restore(converted.graph)
        remove_needless_casts(converted.graph, old_nodes)
        _restore_borrowed(converted.graph, borrowed)
        for value in (*converted.graph.input, *converted.graph.output):
            value.type.MergeFrom(hidden.get(value.name, onnx.TypeProto()))
        del converted.graph.value_info[:]
        sort_nodes(converted.graph)
        remove_unused(converted.graph)
        return model.with_proto(converted)


def _detach_borrowed(editable: EditableGraph) -> dict[str, onnx.TensorProto]:
    """Put empty tensors in the place of the borrowed weights, whose type the converter changes; return the weights."""
    borrowed = {}
    for tensor in editable.graph.initializer:
        data = editable.tensor(tensor)
        if data is not tensor:
            borrowed[tensor.name] = data
            tensor.CopyFrom(onnx.TensorProto(name=tensor.name, data_type=data.data_type, dims=[0]))
    return borrowed


def _restore_borrowed(graph: onnx.GraphProto, borrowed: dict[str, onnx.TensorProto]) -> None:
    for tensor in graph.initializer:
        data = borrowed.get(tensor.name)
        if data is None:
            continue
        name = tensor.name
        if tensor.data_type == data.data_type:
            tensor.CopyFrom(data)
        else:
            tensor.CopyFrom(numpy_helper.from_array(_to_float16(numpy_helper.to_array(data))))
        tensor.name = name


def _to_float16(values: np.ndarray) -> np.ndarray:
    """Return float16 numbers; those that would become zero become the smallest number, as the converter does it."""
    halves = np.empty(values.shape, np.float16)
    flat, exact = halves.reshape(-1), values.reshape(-1)
    for start in range(0, len(flat), _PART):  # the steps in between are copies
        part, numbers = flat[start : start + _PART], exact[start : start + _PART]
        part[:] = numbers
        lost = (part == 0) & (numbers != 0)
        part[lost] = np.copysign(np.float16(_SMALLEST), numbers[lost])
    return halves


def _out_of_range(editable: EditableGraph) -> list[str]:
    """Return the names of the nodes that read weights which float16 cannot hold."""
    beyond = set()
    for tensor in editable.graph.initializer:
        if is_float(tensor):
            values = editable.array(tensor)
            # no copy of the weight; also true for NaN
            if values.size and not (values.max() <= _LARGEST and values.min() >= -_LARGEST):
                beyond.add(tensor.name)
    return [node.name for node in editable.graph.node if beyond.intersection(node.input)]


def _float32_only(editable: EditableGraph, types: Mapping[str, onnx.ValueInfoProto]) -> list[str]:
    """Return the names of the nodes with float32 values that their operator does not take or give in float16."""
    versions = {entry.domain: entry.version for entry in editable.proto.opset_import}
    floats = float_values(types) | {tensor.name for tensor in editable.graph.initializer if is_float(tensor)}
    kept = []
    for node in editable.graph.node:
        if is_standard(node, "Resize"):
            continue  # the converter keeps only its scales in float32
        if is_fused(node) and node.output[0] in floats:
            continue
        if is_standard(node, "ScatterElements", "ScatterND") and attribute(node, "reduction", b"none") != b"none":
            kept.append(node.name)  # ONNX Runtime has the kernel, which then refuses to add in float16
            continue
        if not _takes_half(node, versions, floats):
            kept.append(node.name)
    return kept


def _with_sequences(editable: EditableGraph, types: Mapping[str, onnx.ValueInfoProto]) -> list[str]:
    """Return the names of the nodes that make or read what is no tensor: the converter casts it as if it were one."""
    others = {name for name, info in types.items() if not info.type.HasField("tensor_type")}

    def any_in(node: onnx.NodeProto) -> bool:
        inside = (inner for entry in node.attribute for inner in entry.g.node)
        words = "Sequence" in node.op_type or "Optional" in node.op_type
        return words or bool(others.intersection((*node.input, *node.output))) or any(map(any_in, inside))

    return [node.name for node in editable.graph.node if any_in(node)]


def _hide_sequences(graph: onnx.GraphProto) -> dict[str, onnx.TypeProto]:
    """Take the types off inputs and outputs that are no tensors, whose type the converter changes; return them."""
    hidden = {}
    for value in (*graph.input, *graph.output):
        if not value.type.HasField("tensor_type"):
            hidden[value.name] = onnx.TypeProto()
            hidden[value.name].CopyFrom(value.type)
            value.type.Clear()
    return hidden


def _kept_control_flow(editable: EditableGraph, types: Mapping[str, onnx.ValueInfoProto]) -> list[str]:
    """Return the names of the control flow that stays in float32, and of what hands it its values."""
    versions = {entry.domain: entry.version for entry in editable.proto.opset_import}
    floats = float_values(types) | {tensor.name for tensor in editable.graph.initializer if is_float(tensor)}
    return keep_control_flow(editable.graph, floats, lambda node: _takes_half(node, versions, None))


def _takes_half(node: onnx.NodeProto, versions: Mapping[str, int], floats: set[str] | None) -> bool:
    """Tell whether the float32 values that a node reads and gives may be float16; `floats` None: any may be float32."""
    try:
        schema = onnx.defs.get_schema(node.op_type, versions.get(node.domain, 1), node.domain)
    except onnx.defs.SchemaError:
        return False
    return _in_half(schema.inputs, node.input, floats) and _in_half(schema.outputs, node.output, floats)


def _batches_moved(editable: EditableGraph) -> list[str]:
    """Return the names of the `Transpose` nodes that move the first axis before a `MatMul`.

    On processors without float16 arithmetic ONNX Runtime puts a `Cast` between the two, reorders both for a fused
    operator, and dies on that (microsoft/onnxruntime#28392). With a float32 `Transpose` it finds nothing to reorder.
    """
    read = {name for node in editable.graph.node if is_standard(node, "MatMul") for name in node.input}
    kept = []
    for node in editable.graph.node:
        order = attribute(node, "perm", [])
        if is_standard(node, "Transpose") and node.output[0] in read and len(order) > 2 and order[0] != 0:
            kept.append(node.name)
    return kept


def _in_half(
    parameters: Sequence[onnx.defs.OpSchema.FormalParameter], names: Sequence[str], floats: set[str] | None
) -> bool:
    """Tell whether every float32 value among inputs, or outputs, of a node may be float16."""
    for index, name in enumerate(names):
        # the last parameter of a variadic operator stands for all that follow
        allowed = parameters[min(index, len(parameters) - 1)].types
        is_float32 = "tensor(float)" in allowed if floats is None else name in floats
        if is_float32 and "tensor(float16)" not in allowed:
            return False
    return True
