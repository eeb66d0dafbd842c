"""8-bit weights; activations are quantised while the model runs, with the range that each one has then."""

from dataclasses import dataclass
from typing import ClassVar

import onnx
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
from onnxruntime.quantization.quant_utils import QuantizationMode

from compsel.model import Model
from compsel.samples import Samples
from compsel.techniques.base import Technique
from compsel.techniques.fold import fold
from compsel.techniques.graph import (
    constants,
    editable,
    infer_types,
    is_standard,
    remove_unused,
    sort_nodes,
    with_opset,
)
from compsel.techniques.int8_static import check_quantisable
from compsel.techniques.qdq import quiet

__all__ = ["Int8Dynamic"]

_LAYERS = ("Conv", "MatMul", "Gemm")
_MINIMUM_OPSET = 13


@dataclass(frozen=True)
class Int8Dynamic(Technique):
    """Needs no samples; made for recurrent networks and transformers, slow for convolutions.

    Weights are unsigned: the runtime has no fast kernel for convolutions with signed ones (3x slower still), and
    unsigned ones do not overflow on x86 without VNNI.

    Attributes:
        per_channel: one scale for each output channel of the weight of a dense layer.

    >>> Int8Dynamic().spec
    'int8-dynamic'
    """

    name: ClassVar[str] = "int8-dynamic"

    per_channel: bool = False

    def check(self, model: Model) -> None:
        """Raise NotApplicableError without convolutions and dense layers, or with a quantised graph."""
        check_quantisable(self.name, model, _LAYERS)

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        draft = with_opset(fold(editable(model)), _MINIMUM_OPSET)
        types = infer_types(draft)
        proto = draft.complete()
        outer = {value.name for value in (*proto.graph.input, *proto.graph.output)}
        del proto.graph.value_info[:]
        proto.graph.value_info.extend(types[name] for name in types if name not in outer)
        weights = constants(proto.graph)
        layers = [
            node.name
            for node in proto.graph.node
            if is_standard(node, *_LAYERS)
            and node.input[1] in weights
            and weights[node.input[1]].data_type == onnx.TensorProto.FLOAT
        ]
        with quiet():
            quantiser = ONNXQuantizer(
                proto,
                per_channel=self.per_channel,
                reduce_range=False,
                mode=QuantizationMode.IntegerOps,
                static=False,
                weight_qType=QuantType.QUInt8,
                activation_qType=QuantType.QUInt8,
                tensors_range=None,
                nodes_to_quantize=None,
                nodes_to_exclude=[node.name for node in proto.graph.node if node.name not in layers],
                op_types_to_quantize=list(_LAYERS),
                extra_options={"MatMulConstBOnly": True},
            )
            quantiser.quantize_model()
        result = quantiser.model.model
        result.producer_name, result.producer_version = model.proto.producer_name, model.proto.producer_version
        del result.metadata_props[:]
        result.metadata_props.extend(model.proto.metadata_props)
        sort_nodes(result.graph)
        remove_unused(result.graph)
        del result.graph.value_info[:]
        return model.with_proto(result)
