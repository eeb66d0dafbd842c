"""Techniques with one setting a layer: a budget for the whole network, or a setting for each layer."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal
from urllib.parse import quote, unquote

from compsel.errors import NotApplicableError, TechniqueError
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.techniques.base import Technique
from compsel.techniques.layerwise.budget import LayerwiseModel, greedy_path, probe_sensitivity, worthwhile_layers
from compsel.techniques.layerwise.output_divergence import DivergenceMeter

__all__ = ["LayerwiseTechnique", "layers_text", "read_layers", "split_samples"]

_HELD_OUT = 4  # every fourth sample validates what the others were fitted on
_FEWEST_SPLIT = 8


@dataclass(frozen=True)
class LayerwiseTechnique(Technique):
    """Base of techniques that compress each layer more or less.

    Attributes:
        fraction: how much goes, 0 to below 1; see `scope`.
        scope: "global" takes that share of the network's multiply-accumulates, from the layers where it harms the
            network's output least (measured on a part of the samples); "layer" takes that share of every layer.
        samples: how many calibration samples are used at most, evenly spread.
        layers: instead of both, the share of each layer: "name=0.25;other=0.5"; layers that are not named stay.

    >>> from compsel.techniques.channel_prune import ChannelPrune
    >>> ChannelPrune(layers="conv1=0.25").spec
    'channel-prune:0.1,layers=conv1=0.25'
    """

    needs_calibration: ClassVar[bool] = True

    fraction: float = field(default=0.1, metadata={"always": True})
    scope: Literal["global", "layer"] = "global"
    samples: int = 64
    layers: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.fraction < 1:
            raise TechniqueError(f"{self.name}: got fraction {self.fraction}, allowed is 0 to below 1")
        if self.samples < 1:
            raise TechniqueError(f"{self.name}: got samples {self.samples}, allowed is 1 or more")
        read_layers(self.name, self.layers)

    @abstractmethod
    def layerwise_model(self, model: Model, samples: Samples) -> LayerwiseModel:
        """Return the model with one setting for each layer.

        Args:
            model: what is compressed.
            samples: calibration samples, all of which are used.

        Raises:
            NotApplicableError: it has none.
        """

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        assert calibration is not None
        chosen = calibration.spread(self.samples)
        if self.layers or self.scope == "layer":
            layerwise = self.layerwise_model(model, chosen)
            plan = self._plan(layerwise)
            layerwise.measure(layer for layer, level in plan.items() if level)
            return layerwise.make(plan)
        fitted, validation = split_samples(chosen)
        layerwise = self.layerwise_model(model, fitted)
        target = layerwise.work({}) * (1 - self.fraction)
        layers = worthwhile_layers(layerwise) if self.fraction else []
        layerwise.measure(layers)
        sensitivity = probe_sensitivity(layerwise, DivergenceMeter(model, validation), layers) if layers else {}

        def cost(layer: str, level: int) -> float:
            return sensitivity[layer] * layerwise.loss(layer, level)

        path = greedy_path(layerwise, cost, target, layers)
        plan = [{}, *path][-1]
        if layerwise.work(plan) > target:
            most = 1 - layerwise.work(plan) / layerwise.work({})
            raise NotApplicableError(
                f"{self.name}: {model.name!r} can lose at most {most:.0%} of its work, not {self.fraction:.0%}"
            )
        return layerwise.make(plan)

    def _plan(self, layerwise: LayerwiseModel) -> dict[str, int]:
        shares = read_layers(self.name, self.layers) or dict.fromkeys(layerwise.layers, self.fraction)
        unknown = sorted(shares.keys() - set(layerwise.layers))
        if unknown:
            raise NotApplicableError(
                f"{self.name}: got layers {', '.join(unknown)}, allowed are {', '.join(layerwise.layers)}"
            )
        return {name: nearest_level(layerwise, name, share) for name, share in shares.items()}


def nearest_level(layerwise: LayerwiseModel, layer: str, share: float) -> int:
    """Return the level whose share is nearest."""
    return min(range(layerwise.levels(layer)), key=lambda level: abs(layerwise.share(layer, level) - share))


def split_samples(samples: Samples) -> tuple[Samples, Samples]:
    """Return samples to fit on and samples to validate on; with few samples, the same ones."""
    if len(samples) < _FEWEST_SPLIT:
        return samples, samples
    validation = [index for index in range(len(samples)) if index % _HELD_OUT == _HELD_OUT - 1]
    fitted = [index for index in range(len(samples)) if index % _HELD_OUT != _HELD_OUT - 1]
    return samples.subset(fitted), samples.subset(validation)


def layers_text(shares: Mapping[str, float]) -> str:
    """Return the shares of layers as the option `layers` holds them; zeros are left out.

    >>> layers_text({"a,b": 0.25, "c": 0.0})
    'a%2Cb=0.25'
    """
    return ";".join(f"{quote(name, safe='/._-')}={share:.4g}" for name, share in shares.items() if share)


def read_layers(technique: str, text: str) -> dict[str, float]:
    """Read what `layers_text` wrote.

    Raises:
        TechniqueError: malformed text, or a share outside 0 to 1.
    """
    shares = {}
    for part in filter(None, text.split(";")):
        name, _, number = part.rpartition("=")
        try:
            share = float(number)
        except ValueError:
            share = -1.0
        if not name or not 0 <= share < 1:
            raise TechniqueError(
                f"{technique}: layers: got {part!r}, allowed is name=share with a share from 0 to below 1"
            )
        shares[unquote(name)] = share
    return shares
