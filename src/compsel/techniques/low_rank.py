"""Replace layers by products of smaller ones."""

from dataclasses import dataclass
from typing import ClassVar

from compsel.errors import NotApplicableError, TechniqueError
from compsel.inputs.samples import Samples
from compsel.models.graph_queries import is_standard
from compsel.models.model import Model
from compsel.techniques.factorization.factoriser import Factoriser, Method
from compsel.techniques.layerwise.budget import LayerwiseModel
from compsel.techniques.layerwise.technique import LayerwiseTechnique

__all__ = ["LowRank"]


@dataclass(frozen=True)
class LowRank(LayerwiseTechnique):
    """Low-rank factorisation of convolutions and dense layers, fitted to the calibration samples, without training.

    Three kinds: a convolution with fewer outputs and a 1 x 1 expansion, also of dense layers (Zhang et al. 2016); a
    column and a row in place of a square kernel (Jaderberg et al. 2014); 1 x 1, small kernel, 1 x 1 (Tucker-2, Kim et
    al. 2016). Layers are factorised only where that saves at least a fifth of their work.

    Attributes:
        fraction: share of the multiply-accumulates that goes (scope "global"), or of each layer's.
        method: "auto" takes for each layer the kind that loses least for the work it saves.
        energy: instead of `fraction`, the share of the variance of each layer's output that must be kept, 0 to 1; 0
            leaves it to `fraction`.

    >>> LowRank(0.25, method="spatial").spec
    'low-rank:0.25,method=spatial'
    """

    name: ClassVar[str] = "low-rank"

    method: Method = "auto"
    energy: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.energy <= 1:
            raise TechniqueError(f"low-rank: got energy {self.energy}, allowed is 0 to 1")

    def check(self, model: Model) -> None:
        """Raise NotApplicableError without a layer in the main graph."""
        if not any(is_standard(node, "Conv", "Gemm", "MatMul") for node in model.proto.graph.node):
            raise NotApplicableError(
                f"low-rank: {model.name!r} has no layer (Conv, Gemm, MatMul) in its main graph that could be factorised"
            )

    def layerwise_model(self, model: Model, samples: Samples) -> Factoriser:
        """Return the model with one setting for each layer."""
        return Factoriser(model, samples, self.method)

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        if not self.energy or self.layers:
            return super()._transform(model, calibration)
        assert calibration is not None
        layerwise: LayerwiseModel = self.layerwise_model(model, calibration.spread(self.samples))
        layerwise.measure(layerwise.layers)
        plan = {}
        for name in layerwise.layers:
            enough = [n for n in range(layerwise.levels(name)) if layerwise.loss(name, n) <= 1 - self.energy]
            plan[name] = max(enough)
        return layerwise.make(plan)
