"""Raise the version of a graph's standard operator set: ONNX's converter, its result compared with the graph."""

import numpy as np
import onnx
from onnx import version_converter

from compsel.errors import NotApplicableError
from compsel.inputs.tensors import TENSORS
from compsel.models.editable_graph import EditableGraph
from compsel.models.editing import normalise, set_attribute
from compsel.models.graph_queries import is_standard
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.models.ort_errors import first_line, short_message
from compsel.models.output_comparison import flat_numbers, relative_error
from compsel.models.synthetic_inputs import refusal

__all__ = ["with_opset"]

_NEW_RESIZE = 11  # from here on the default reads other pixels
_MOST_ERROR = 1e-3
_SAMPLES = 2


def with_opset(editable: EditableGraph, minimum: int) -> EditableGraph:
    """Return the graph at `minimum` or a newer version of the standard operator set.

    Both are run on made-up inputs, where the graph runs on those: what computes something else is refused.

    Raises:
        NotApplicableError: the converter cannot raise it, or changes what it computes.
    """
    proto = editable.proto
    current = next((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if current >= minimum:
        return editable
    reason = f"needs operator set {minimum}, the model has {current} and cannot be raised"
    advice = f"export it with operator set {minimum} or newer"
    try:
        converted = version_converter.convert_version(proto, minimum)
    except (RuntimeError, ValueError) as error:
        raise NotApplicableError(f"{reason} ({first_line(error)}): {advice}") from error
    _keep_output_names(proto.graph, converted.graph)
    if [value.name for value in converted.graph.output] != [value.name for value in proto.graph.output]:
        raise NotApplicableError(f"{reason}: {advice}")
    del converted.metadata_props[:]
    converted.metadata_props.extend(proto.metadata_props)
    converted.ir_version = max(proto.ir_version, converted.ir_version)
    if current < _NEW_RESIZE <= minimum:
        _keep_pixels(converted.graph)
    normalise(converted.graph)
    raised = EditableGraph(converted, editable.borrowed)
    difference = _difference(editable, raised)
    if difference:
        raise NotApplicableError(f"{reason} (the converter changes what it computes: {difference}): {advice}")
    return raised


def _keep_pixels(graph: onnx.GraphProto) -> None:
    """Let each Resize read the pixels that it read before: up to set 10 output i reads input floor(i / scale)."""
    for node in graph.node:
        if is_standard(node, "Resize"):
            set_attribute(node, "coordinate_transformation_mode", "asymmetric")
            set_attribute(node, "nearest_mode", "floor")


def _keep_output_names(old: onnx.GraphProto, new: onnx.GraphProto) -> None:
    """Give the outputs their names back: the converter renames what it writes anew."""
    renamed = {
        now.name: before.name for before, now in zip(old.output, new.output, strict=False) if before.name != now.name
    }
    for node in new.node if renamed else ():
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = renamed.get(name, name)
    for value in new.output:
        value.name = renamed.get(value.name, value.name)


def _difference(old: EditableGraph, new: EditableGraph) -> str:
    """Say how the outputs of two graphs differ; "" where they do not, or nothing can be run."""
    try:
        before = open_session(old)
        model = Model("graph", old.proto, None)
        feeds = TENSORS.synthetic(model, _SAMPLES, lambda feed: refusal(before, feed))
        wanted = [before.run(None, dict(feed)) for feed in feeds]
    except Exception:  # ONNX Runtime's exceptions have no common base
        return ""  # models that need inputs of their own are compared when the variant is verified
    try:
        after = open_session(new)
        for feed, want in zip(feeds, wanted, strict=True):
            pair = flat_numbers(after.run(None, dict(feed)), want)
            finite = pair is not None and np.isfinite(pair[1]).all()
            if finite and pair is not None and not relative_error(*pair) < _MOST_ERROR:
                return f"relative error {relative_error(*pair):.2g}"
    except Exception as error:
        return short_message(error)
    return ""
