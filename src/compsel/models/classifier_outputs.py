"""Class scores first: classifiers whose scores stand behind other outputs, as scikit-learn's exports have them.

Such a graph gives the label first and the scores second, as a tensor or, by `ZipMap`, as a map for each row. The label
says nothing that the scores do not; it stays, behind them. Scores (n, classes, 1, 1) become (n, classes).
"""

from dataclasses import replace

import onnx
from onnx import TensorProto, helper

from compsel.models.exported_outputs import is_map_of_scores
from compsel.models.model import Model

__all__ = ["class_names_in", "class_scores_first"]

_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)
_LABELS = (TensorProto.INT64, TensorProto.INT32, TensorProto.STRING)
# what exporters of classifiers call their scores, and others hardly anything
_NAMES = ("probabilities", "output_probability", "class_probabilities")
_CLASSES = ("classlabels_strings", "classlabels_ints", "classlabels_int64s")


def class_scores_first(model: Model) -> Model:
    """Return a classifier with its class scores first, and the names of its classes where the graph has them.

    Other models, and what is so already, are returned as they are.
    """
    names = class_names_in(model.proto.graph)
    proto = model.copy_proto() if _may_change(model.proto.graph) else None
    if proto is not None and _scores_first(proto.graph, len(names)):
        model = model.with_proto(proto)
    if names and not model.labels and _n_classes(model.proto.graph) == len(names) and not _plain_numbers(names):
        return replace(model, labels=names)
    return model


def class_names_in(graph: onnx.GraphProto) -> tuple[str, ...]:
    """Return the names of the classes that a classifier of scikit-learn knows; numbers are names too."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in _CLASSES:
                return tuple(text.decode(errors="replace") for text in attribute.strings) or tuple(
                    map(str, attribute.ints)
                )
    return ()


def _plain_numbers(names: tuple[str, ...]) -> bool:
    return names == tuple(map(str, range(len(names))))


def _may_change(graph: onnx.GraphProto) -> bool:
    whole = len(graph.output) == 1 and not _has_pooled_scores(graph.output[0])
    return not whole or any(node.op_type == "ZipMap" for node in graph.node)


def _n_classes(graph: onnx.GraphProto) -> int:
    shape = graph.output[0].type.tensor_type.shape.dim
    return int(shape[1].dim_value) if len(shape) == 2 else 0


def _scores_first(graph: onnx.GraphProto, n_classes: int) -> bool:
    """Put the scores before the other outputs, in place; a map of each row becomes the tensor that it was made of."""
    changed = _without_maps(graph, n_classes) | _flatten(graph)
    place = _place_of_scores(graph)
    if place is None:
        return changed
    outputs = [onnx.ValueInfoProto() for _ in graph.output]
    for copy, output in zip(outputs, graph.output, strict=True):
        copy.CopyFrom(output)
    scores = outputs.pop(place)
    shape = scores.type.tensor_type.shape.dim
    if n_classes and len(shape) == 2 and not shape[1].dim_value:
        shape[1].dim_value = n_classes
        changed = True
    del graph.output[:]
    graph.output.extend([scores, *outputs])
    return changed or place > 0


def _without_maps(graph: onnx.GraphProto, n_classes: int) -> bool:
    """Replace outputs that are maps of each row by the tensors that they were made of."""
    changed = False
    for output in graph.output:
        maker = next((node for node in graph.node if output.name in node.output), None)
        if maker is None or not is_map_of_scores(maker):
            continue
        graph.node.remove(maker)
        output.CopyFrom(helper.make_tensor_value_info(maker.input[0], TensorProto.FLOAT, [None, n_classes or None]))
        changed = True
    return changed


def _has_pooled_scores(output: onnx.ValueInfoProto) -> bool:
    """Whether an output is (n, classes, 1, 1): class scores of a network that ends with a pooling."""
    tensor = output.type.tensor_type
    lengths = [axis.dim_value for axis in tensor.shape.dim]
    return tensor.elem_type in _FLOATS and len(lengths) == 4 and lengths[1] > 1 and lengths[2:] == [1, 1]


def _flatten(graph: onnx.GraphProto) -> bool:
    """Make the one output (n, classes) where it is (n, classes, 1, 1); under its name."""
    if len(graph.output) != 1 or not _has_pooled_scores(graph.output[0]):
        return False
    (output,) = graph.output
    name, before = output.name, f"{output.name}_pooled"
    for node in graph.node:
        for names in (node.input, node.output):
            for place, used in enumerate(names):
                if used == name:
                    names[place] = before
    graph.node.append(helper.make_node("Flatten", [before], [name], axis=1))
    del output.type.tensor_type.shape.dim[2:]
    return True


def _place_of_scores(graph: onnx.GraphProto) -> int | None:
    """Return which output has the class scores; None where it is not plain that one has."""
    matrices = [place for place, output in enumerate(graph.output) if _is_matrix(output)]
    named = [place for place in matrices if graph.output[place].name.rpartition("/")[2].lower() in _NAMES]
    if len(named) == 1:
        return named[0]
    labels = [output for output in graph.output if _is_label(output)]
    return matrices[0] if len(matrices) == 1 and len(labels) == len(graph.output) - 1 else None


def _is_matrix(value: onnx.ValueInfoProto) -> bool:
    tensor = value.type.tensor_type
    return tensor.elem_type in _FLOATS and len(tensor.shape.dim) == 2 and tensor.shape.dim[1].dim_value != 1


def _is_label(value: onnx.ValueInfoProto) -> bool:
    tensor = value.type.tensor_type
    shape = tensor.shape.dim
    return tensor.elem_type in _LABELS and (len(shape) <= 1 or (len(shape) == 2 and shape[1].dim_value == 1))
