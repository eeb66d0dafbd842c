"""Raise the version of a graph's standard operator set: ONNX's converter, its result compared with the graph."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np
import onnx
from onnx import version_converter

from compsel.errors import NotApplicableError, one_line
from compsel.inputs.tensors import TENSORS
from compsel.isolation.process import shared_worker
from compsel.models.editable_graph import EditableGraph
from compsel.models.editing import normalise, set_attribute
from compsel.models.graph_queries import is_standard
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.models.ort_errors import first_line
from compsel.models.output_comparison import relative_error
from compsel.models.output_structure import flat_output
from compsel.models.synthetic_inputs import refusal

__all__ = ["convert_here", "with_opset"]

Feeds = Mapping[str, np.ndarray]

_NEW_RESIZE = 11  # from here on the default reads other pixels
_MOST_ERROR = 1e-3
_SAMPLES = 2


def with_opset(editable: EditableGraph, minimum: int, feeds: Iterable[Feeds] = ()) -> EditableGraph:
    """Return the graph at `minimum` or a newer version of the standard operator set.

    Both are run on the first feeds, or on made-up inputs where the graph runs on those: what computes something else is
    refused.

    Args:
        editable: the graph.
        minimum: the version that is needed.
        feeds: of samples.

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
        converted = _converted(proto, minimum)
    except (RuntimeError, ValueError) as error:  # a crash of the converter is one of the latter
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
    difference = _difference(editable, raised, feeds)
    if difference:
        raise NotApplicableError(f"{reason} (the converter changes what it computes: {difference}): {advice}")
    return raised


def convert_here(data: bytes, minimum: int) -> bytes:
    """Convert a model in this process."""
    converted: bytes = version_converter.convert_version(onnx.ModelProto.FromString(data), minimum).SerializeToString()
    return converted


def _converted(proto: onnx.ModelProto, minimum: int) -> onnx.ModelProto:
    """Convert a model where native code may end the process."""
    process = shared_worker()
    data = proto.SerializeToString()
    if process is None:
        return onnx.ModelProto.FromString(convert_here(data, minimum))
    converted = process.call(f"{__name__}:convert_here", data, minimum, doing="raised the operator set")
    return onnx.ModelProto.FromString(converted)


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


def _difference(old: EditableGraph, new: EditableGraph, given: Iterable[Feeds]) -> str:
    """Say how the outputs of two graphs differ; "" where they do not, or nothing can be run."""
    try:
        before = open_session(old)
        model = Model("graph", old.proto, None)
        feeds = list(islice(given, _SAMPLES)) or TENSORS.synthetic(model, _SAMPLES, lambda feed: refusal(before, feed))
        wanted = [before.run(None, dict(feed)) for feed in feeds]
    except Exception:  # ONNX Runtime's exceptions have no common base
        return ""  # models that need inputs of their own are compared when the variant is verified
    try:
        after = open_session(new)
        for feed, want in zip(feeds, wanted, strict=True):
            got = after.run(None, dict(feed))
            reason = next(filter(None, map(_unlike, got, want)), "")
            if reason:
                return reason
    except Exception as error:
        return one_line(error)
    return ""


def _unlike(got: Any, want: Any) -> str:
    """Say how an output differs from another, whatever its structure; "" where it does not."""
    ours, theirs = flat_output(got), flat_output(want)
    if [(part.shape, part.dtype) for part in ours] != [(part.shape, part.dtype) for part in theirs]:
        return "an output of another type or shape"
    for have, wish in zip(ours, theirs, strict=True):
        if wish.dtype.kind != "f":
            if not np.array_equal(have, wish):
                return "other whole numbers or texts"
            continue
        finite = np.isfinite(wish)
        if not np.array_equal(have[~finite], wish[~finite], equal_nan=True):
            return "not finite in other places"
        error = relative_error(have[finite].astype(np.float64), wish[finite].astype(np.float64))
        if not error < _MOST_ERROR and not np.array_equal(have, wish, equal_nan=True):
            return f"relative error {error:.2g}"
    return ""
