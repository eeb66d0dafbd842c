"""Pipelines of scikit-learn that were exported to ONNX: class scores first, their names, and a locale that is here.

Such a pipeline gives the label first and the scores second, as a tensor or, by `ZipMap`, as a map for each row. Texts
are lower-cased in a locale, en_US.UTF-8 where the graph names none, which minimal systems lack.
"""

from functools import cache

import onnx
import onnxruntime
from onnx import TensorProto, helper

from compsel.inputs.text import takes_strings
from compsel.models.model import Model

__all__ = ["as_text_classifier"]

_DEFAULT, _FALLBACK = "en_US.UTF-8", "C.UTF-8"


def as_text_classifier(model: Model) -> Model:
    """Return a model of strings with its class scores first; other models, and what is so already, as they are."""
    if not takes_strings(model.inputs):
        return model
    proto = model.copy_proto()
    names = _class_names(proto.graph)
    changed = _use_locale_that_is_here(proto)
    changed |= _scores_first(proto.graph, len(names))
    labels = model.labels or (names if names and _n_classes(proto.graph) == len(names) else ())
    if not changed and labels == model.labels:
        return model
    return Model(model.name, proto, model.preprocessing, model.technique, labels)


def _class_names(graph: onnx.GraphProto) -> tuple[str, ...]:
    """Return the names of the classes that the classifier knows; numbers are names too."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in ("classlabels_strings", "classlabels_ints", "classlabels_int64s"):
                return tuple(text.decode() for text in attribute.strings) or tuple(map(str, attribute.ints))
    return ()


def _n_classes(graph: onnx.GraphProto) -> int:
    shape = graph.output[0].type.tensor_type.shape.dim
    return int(shape[1].dim_value) if len(shape) == 2 else 0


def _scores_first(graph: onnx.GraphProto, n_classes: int) -> bool:
    """Put the scores before the labels, in place; a map of each row becomes the tensor that it was made of."""
    if len(graph.output) != 2 or not n_classes or _is_scores(graph.output[0]):
        return False
    label, scores = graph.output
    maker = next((node for node in graph.node if scores.name in node.output), None)
    if maker is not None and maker.op_type == "ZipMap":
        tensor = helper.make_tensor_value_info(maker.input[0], TensorProto.FLOAT, [None, n_classes])
        graph.node.remove(maker)
    elif _is_scores(scores):
        tensor = onnx.ValueInfoProto()
        tensor.CopyFrom(scores)
        shape = tensor.type.tensor_type.shape.dim
        if not shape[1].dim_value:
            shape[1].dim_value = n_classes
    else:
        return False
    first = onnx.ValueInfoProto()
    first.CopyFrom(label)
    del graph.output[:]
    graph.output.extend([tensor, first])
    return True


def _is_scores(value: onnx.ValueInfoProto) -> bool:
    tensor = value.type.tensor_type
    return tensor.elem_type in (TensorProto.FLOAT, TensorProto.DOUBLE) and len(tensor.shape.dim) == 2


def _use_locale_that_is_here(proto: onnx.ModelProto) -> bool:
    """Let texts be lower-cased in C.UTF-8, which minimal systems have too, where it is here; in place."""
    changed = False
    for node in proto.graph.node:
        if node.op_type != "StringNormalizer":
            continue
        attributes = {attribute.name: attribute for attribute in node.attribute}
        action = attributes["case_change_action"].s.decode() if "case_change_action" in attributes else "NONE"
        named = attributes["locale"].s.decode() if "locale" in attributes else _DEFAULT
        if action == "NONE" or named == _FALLBACK or not _is_here(_FALLBACK):
            continue
        if "locale" in attributes:
            node.attribute.remove(attributes["locale"])
        node.attribute.append(helper.make_attribute("locale", _FALLBACK))
        changed = True
    return changed


@cache
def _is_here(locale: str) -> bool:
    """Whether ONNX Runtime finds a locale on this system."""
    node = helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action="LOWER", locale=locale)
    ends = [helper.make_tensor_value_info(name, TensorProto.STRING, [None]) for name in "xy"]
    graph = helper.make_graph([node], "locale", ends[:1], ends[1:])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:  # ONNX Runtime's exceptions have no common base
        return False
    return True
