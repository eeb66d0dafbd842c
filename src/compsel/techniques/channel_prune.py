"""Take whole channels out of the layers: fewer and smaller products, with plain dense kernels."""

from dataclasses import dataclass
from typing import ClassVar

from compsel.errors import NotApplicableError, TechniqueError
from compsel.inputs.samples import Samples
from compsel.models.graph_queries import is_standard
from compsel.models.model import Model
from compsel.techniques.channels.pruner import ChannelPruner
from compsel.techniques.layerwise.technique import LayerwiseTechnique

__all__ = ["ChannelPrune"]


@dataclass(frozen=True)
class ChannelPrune(LayerwiseTechnique):
    """Structured channel pruning with least-squares reconstruction, without training (He et al. 2017; Luo et al. 2017).

    Channels that residual additions, depthwise filters or products tie together go together; operators that are not
    known keep the channels of what they read. Which channels of a group go is found by backward elimination in closed
    form (Hassibi and Stork 1993; Frantar and Alistarh 2022) instead of the LASSO of He et al.

    Attributes:
        fraction: share of the multiply-accumulates that goes (scope "global"), or of each group's channels.
        reconstruct: refit the layers that read what is left to the outputs they gave before.
        multiple: what the number of channels that stay is a multiple of, in large groups: vector kernels compute 8 or
            16 at a time.

    >>> ChannelPrune(0.25, multiple=16).spec
    'channel-prune:0.25,multiple=16'
    """

    name: ClassVar[str] = "channel-prune"

    reconstruct: bool = True
    multiple: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.multiple < 1:
            raise TechniqueError(f"channel-prune: got multiple {self.multiple}, allowed is 1 or more")

    def check(self, model: Model) -> None:
        """Raise NotApplicableError without two layers in the main graph."""
        layers = [node for node in model.proto.graph.node if is_standard(node, "Conv", "Gemm", "MatMul")]
        if len(layers) < _FEWEST_LAYERS:
            raise NotApplicableError(
                f"channel-prune: {model.name!r} has no channels that can be removed: it has {len(layers)} layers "
                f"(Conv, Gemm, MatMul) in its main graph, {_FEWEST_LAYERS} are needed"
            )

    def layerwise_model(self, model: Model, samples: Samples) -> ChannelPruner:
        """Return the model with one setting for each group of channels that go together."""
        return ChannelPruner(model, samples, reconstruct=self.reconstruct, multiple=self.multiple)


_FEWEST_LAYERS = 2
