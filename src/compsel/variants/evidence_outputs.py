"""Let the graph itself say what its answer is evidence for: log-probabilities, the top classes and theirs.

What a policy reads of an answer then comes out of the inference, where the scores lie in the cache, instead of being
computed again from a copy of them.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compsel.features.fusion import MIN_PROBABILITY, TOP
from compsel.variants.engine import LOG_PROBABILITIES, TOP_CLASSES, TOP_PROBABILITIES

__all__ = ["add_evidence_outputs"]

_LEAST_OPSET = 13  # Softmax over the last axis alone, TopK and Clip as they are now


def add_evidence_outputs(proto: onnx.ModelProto, output: str) -> bool:
    """Append what reads the evidence to a graph whose first output are class scores, in place.

    Args:
        proto: its first output holds (n, n_classes) floating-point numbers.
        output: "logits" or "probabilities"; with anything else nothing is done.

    Returns:
        Whether the graph has the outputs `LOG_PROBABILITIES`, `TOP_PROBABILITIES` and `TOP_CLASSES` now.
    """
    graph = proto.graph
    opset = next((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), 0)
    shape = graph.output[0].type.tensor_type.shape.dim
    if output not in ("logits", "probabilities") or opset < _LEAST_OPSET or len(shape) != 2 or not shape[1].dim_value:
        return False
    n_classes = shape[1].dim_value
    rows = shape[0].dim_value or shape[0].dim_param or None
    count = min(TOP, n_classes)
    scores = graph.output[0].name
    nodes = []
    if graph.output[0].type.tensor_type.elem_type != TensorProto.FLOAT:
        nodes.append(_node("Cast", [scores], ["compsel_scores"], to=TensorProto.FLOAT))
        scores = "compsel_scores"
    graph.initializer.append(numpy_helper.from_array(np.array([count], np.int64), "compsel_top"))
    if output == "logits":
        nodes.append(_node("LogSoftmax", [scores], [LOG_PROBABILITIES], axis=-1))
        nodes.append(_node("TopK", [LOG_PROBABILITIES, "compsel_top"], ["compsel_top_logs", TOP_CLASSES]))
        nodes.append(_node("Exp", ["compsel_top_logs"], [TOP_PROBABILITIES]))
    else:
        least = numpy_helper.from_array(np.array(MIN_PROBABILITY, np.float32), "compsel_least")
        graph.initializer.append(least)
        nodes.append(_node("Max", [scores, "compsel_least"], ["compsel_positive"]))
        nodes.append(_node("Log", ["compsel_positive"], [LOG_PROBABILITIES]))
        nodes.append(_node("TopK", [scores, "compsel_top"], [TOP_PROBABILITIES, TOP_CLASSES]))
    graph.node.extend(nodes)
    graph.output.extend(
        [
            helper.make_tensor_value_info(LOG_PROBABILITIES, TensorProto.FLOAT, [rows, n_classes]),
            helper.make_tensor_value_info(TOP_PROBABILITIES, TensorProto.FLOAT, [rows, count]),
            helper.make_tensor_value_info(TOP_CLASSES, TensorProto.INT64, [rows, count]),
        ]
    )
    return True


def _node(kind: str, inputs: list[str], outputs: list[str], **attributes: int) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, outputs, f"compsel_evidence_{kind}", **attributes)
