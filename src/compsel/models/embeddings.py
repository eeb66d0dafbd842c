"""Tell whether a model gives a vector that stands for its input, and no class scores: both are float (n, width)."""

import re

from compsel.models.graph_queries import node_inputs
from compsel.models.model import Model

__all__ = ["gives_embedding"]

# as exporters call them: sentence_embedding, text_embeds, last_hidden_state, pooler_output
_NAMES = re.compile(r"embed|hidden_state|pooler|pooled_output", re.IGNORECASE)
_LENGTHS = ("ReduceL2", "LpNormalization")
_BETWEEN = ("Clip", "Max", "Expand", "Unsqueeze", "Add", "Identity", "Cast", "Shape")
_STEPS = 4


def gives_embedding(model: Model) -> bool:
    """Whether the first output is an embedding: its name says so, or it is scaled to the length 1.

    >>> from compsel.networks import build
    >>> gives_embedding(build("minilm-l1", width=1 / 12)), gives_embedding(build("minilm-l1", width=1 / 12, classes=3))
    (True, False)
    """
    output = model.outputs[0]
    if output.dtype not in ("float32", "float16") or output.shape is None or len(output.shape) not in (2, 3):
        return False
    return bool(_NAMES.search(output.name)) or _is_scaled_to_one(model, output.name)


def _is_scaled_to_one(model: Model, output: str) -> bool:
    """Whether a tensor is what it was made of, divided by its length: `LpNormalization`, or `ReduceL2` and `Div`."""
    makers = {name: node for node in model.proto.graph.node for name in node.output}
    last = makers.get(output)
    if last is None or last.op_type not in ("Div", "LpNormalization"):
        return False
    names = [output] if last.op_type == "LpNormalization" else list(last.input)[1:]
    for _ in range(_STEPS):
        nodes = [makers[name] for name in names if name in makers]
        if any(node.op_type in _LENGTHS for node in nodes):
            return True
        names = [name for node in nodes if node.op_type in _BETWEEN for name in node_inputs(node)]
    return False
