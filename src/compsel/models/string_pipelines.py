"""Pipelines of scikit-learn that were exported to ONNX: a locale that is here.

Texts are lower-cased in a locale, en_US.UTF-8 where the graph names none, which minimal systems lack.
"""

from functools import cache

import onnx
import onnxruntime
from onnx import TensorProto, helper

from compsel.inputs.text import takes_strings
from compsel.models.model import Model

__all__ = ["with_locale"]

_DEFAULT, _FALLBACK = "en_US.UTF-8", "C.UTF-8"


def with_locale(model: Model) -> Model:
    """Return a model of strings whose locale is here; other models, and what is so already, as they are."""
    if not takes_strings(model.inputs):
        return model
    proto = model.copy_proto()
    return model.with_proto(proto) if _use_locale_that_is_here(proto) else model


def _use_locale_that_is_here(proto: onnx.ModelProto) -> bool:
    """Let texts be lower-cased in C.UTF-8, which minimal systems have too, where it is here; in place."""
    changed = False
    for node in proto.graph.node:
        if node.op_type != "StringNormalizer":
            continue
        attributes = {attribute.name: attribute for attribute in node.attribute}
        action = (
            attributes["case_change_action"].s.decode(errors="replace")
            if "case_change_action" in attributes
            else "NONE"
        )
        named = attributes["locale"].s.decode(errors="replace") if "locale" in attributes else _DEFAULT
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
