"""What the graph of a model shows of its answers: what makes each output, along which axis, of which other output."""

import onnx

from compsel.features.tasks.facts import AnswerFacts, LabelFacts, OutputFacts
from compsel.inputs.tensor_specs import TensorSpec
from compsel.models.embeddings import gives_embedding
from compsel.models.graph_queries import attribute, is_standard
from compsel.models.model import Model

__all__ = ["facts_of"]

_ACTIVATIONS = ("Softmax", "LogSoftmax", "Sigmoid", "ArgMax")
_FORM = ("Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Log", "DequantizeLinear")
_KEEPS_AXES = ("Identity", "Cast", "Log", "DequantizeLinear")
_STEPS = 8
_FIRST_WITH_LAST_AXIS = 13  # the operator set from which a softmax runs along the last axis, unless it says another


def facts_of(model: Model, labels: LabelFacts | None = None) -> AnswerFacts:
    """Return what is known of the answers of a model.

    >>> from compsel.networks import build
    >>> facts_of(build("mobilenet-v1", width=0.25, resolution=32)).first.shape
    (None, 1000)
    """
    graph = model.proto.graph
    makers = {name: node for node in graph.node for name in node.output}
    places = {value.name: place for place, value in enumerate(graph.output)}
    said = {entry.key: entry.value for entry in model.proto.metadata_props}.get("task", "")
    return AnswerFacts(
        tuple(_output_facts(spec, makers, places, model.opset) for spec in model.outputs),
        labels or LabelFacts(),
        len(model.labels),
        frozenset(node.op_type for inner in model.graphs() for node in inner.node),
        gives_embedding(model),
        said,
    )


def _output_facts(
    spec: TensorSpec, makers: dict[str, onnx.NodeProto], places: dict[str, int], opset: int
) -> OutputFacts:
    name, moved, activation, axis, made_of = spec.name, False, "", None, None
    for _ in range(_STEPS):
        node = makers.get(name)
        if node is None or not is_standard(node, *_FORM, *_ACTIVATIONS):
            break
        if node.op_type in _ACTIVATIONS:
            if activation:
                break
            activation = node.op_type
            axis = None if moved else _axis(node, len(spec.shape or ()), opset)
        elif node.op_type not in _KEEPS_AXES:
            moved = True
        name = node.input[0]
        if name in places:
            made_of = places[name]
            break
    regressor = not activation and _is_regressor(makers.get(name))
    return OutputFacts(spec.name, spec.dtype, spec.shape, activation, axis, made_of, regressor)


def _is_regressor(node: onnx.NodeProto | None) -> bool:
    """Tell whether a node gives real numbers, not the scores of classes as it does for boosted classifiers."""
    if node is None or node.domain != "ai.onnx.ml" or not node.op_type.endswith("Regressor"):
        return False
    return bool(attribute(node, "post_transform", b"NONE") == b"NONE")


def _axis(node: onnx.NodeProto, rank: int, opset: int) -> int | None:
    """Return the axis along which an activation runs; None for a sigmoid, and where it is not known."""
    if node.op_type == "Sigmoid" or not rank:
        return None
    first = 0 if node.op_type == "ArgMax" else (-1 if opset >= _FIRST_WITH_LAST_AXIS else 1)
    axis = int(attribute(node, "axis", first))
    return axis + rank if axis < 0 else axis
