"""Operators that ONNX Runtime adds to ONNX's own, for the steps of transformers."""

import onnx

__all__ = ["CONTRIB_DOMAIN", "FUSED_OPS", "is_fused"]

CONTRIB_DOMAIN = "com.microsoft"
#: what ONNX Runtime's optimiser makes of the steps of a transformer; each takes float32 and float16
FUSED_OPS = (
    *("Attention", "MultiHeadAttention", "EmbedLayerNormalization", "SkipLayerNormalization"),
    *("SkipSimplifiedLayerNormalization", "Gelu", "FastGelu", "BiasGelu"),
)


def is_fused(node: onnx.NodeProto, *op_types: str) -> bool:
    """Tell whether a node is one of these operators, by default of all `FUSED_OPS`."""
    return node.domain == CONTRIB_DOMAIN and node.op_type in (op_types or FUSED_OPS)
