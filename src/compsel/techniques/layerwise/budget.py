"""Sensitivity-based budget: how much of the compression of a network each layer gets."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from compsel.models.editable_graph import EditableGraph
from compsel.models.model import Model
from compsel.techniques.layerwise.output_divergence import DivergenceMeter
from compsel.techniques.layerwise.partial_execution import PartialExecutor

__all__ = ["LayerwiseModel", "Plan", "greedy_path", "probe_level", "probe_sensitivity", "worthwhile_layers"]

_NEGLIGIBLE = 0.02
_PROBE_SHARE = 1 / 7  # of a layer's own loss at its highest level

Plan = Mapping[str, int]
"""How far each layer is compressed: the index of a level; layers that are not in it stay whole."""


class LayerwiseModel(Protocol):
    """A model with one compression level for each layer (or group of layers).

    Level 0 of a layer is the layer as it is; each further level saves work and loses more.
    """

    @property
    def editable(self) -> EditableGraph:
        """The uncompressed graph, whose weights `equivalent_weights` replaces."""

    @property
    def layers(self) -> Sequence[str]:
        """Names of what can be adjusted, in the order of the graph."""

    def measure(self, layers: Iterable[str]) -> None:
        """Measure, in one go, what the losses of these layers follow from.

        What was measured stays; a layer that was not is measured, alone, when its loss is needed. Levels,
        shares and `largest_saving` need no measurement.
        """

    def levels(self, layer: str) -> int:
        """Return the number of levels of a layer, level 0 included."""

    def share(self, layer: str, level: int) -> float:
        """Return how much of a layer is gone at a level: a share between 0 and 1 that rises with the level."""

    def loss(self, layer: str, level: int) -> float:
        """Return what the layer's readers lose at a level: squared error over variance; 0 at level 0."""

    def work(self, plan: Plan) -> int:
        """Return the multiply-accumulates of a plan for one sample."""

    def largest_saving(self, layer: str) -> int:
        """Return about how many multiply-accumulates the highest level of a layer saves."""

    def equivalent_weights(self, layer: str, level: int) -> Mapping[str, np.ndarray]:
        """Return weights and biases with which `editable` answers as the model with that layer at that level."""

    def make(self, plan: Plan) -> Model:
        """Return the model of a plan; the same plan gives the same bytes."""


def worthwhile_layers(layerwise: LayerwiseModel) -> list[str]:
    """Return the layers that a budget for the whole network is looked for in, in the order of the graph.

    Layers that together do less than a fiftieth of the work that can be saved are left as they are: they would not
    help, and dense layers that read one row a sample are fitted worst.
    """
    saved = {layer: layerwise.largest_saving(layer) for layer in layerwise.layers}
    allowance = _NEGLIGIBLE * sum(saved.values())
    left_out = set()
    for layer in sorted(saved, key=saved.__getitem__):
        allowance -= saved[layer]
        if allowance < 0:
            break
        left_out.add(layer)
    return [layer for layer in layerwise.layers if layer not in left_out]


def probe_level(layerwise: LayerwiseModel, layer: str, share: float) -> int:
    """Return the first level at which a layer's own loss is at least a share of that at its highest level.

    Levels without a loss (channels that never vary) do not predict the levels beyond them.
    """
    least = share * layerwise.loss(layer, layerwise.levels(layer) - 1)
    levels = range(1, layerwise.levels(layer))
    return next((level for level in levels if layerwise.loss(layer, level) >= least), 0)


def probe_sensitivity(layerwise: LayerwiseModel, meter: DivergenceMeter, layers: Iterable[str]) -> dict[str, float]:
    """Measure what a unit of each layer's own loss does to the output of the network.

    Each layer alone is set to a level at which it loses something; the divergence of the network's output, divided by
    the layer's own loss, is what the losses of the layer are multiplied by.

    Args:
        layerwise: what is probed.
        meter: measures the divergence.
        layers: which layers.
    """
    executor = PartialExecutor(layerwise.editable, meter.feeds)
    sensitivities = {}
    for layer in layers:
        level = probe_level(layerwise, layer, _PROBE_SHARE)
        divergence = meter.compare(executor.outputs(layerwise.equivalent_weights(layer, level))).divergence
        sensitivities[layer] = divergence / max(layerwise.loss(layer, level), 1e-9)
    return sensitivities


def greedy_path(
    layerwise: LayerwiseModel,
    losses: Callable[[str, int], float],
    target: float = 0.0,
    layers: Iterable[str] | None = None,
) -> Iterator[dict[str, int]]:
    """Give plans that save more and more work: each step is the one that loses least for the work it saves.

    Args:
        layerwise: what is adjusted.
        losses: what a layer at a level costs the network.
        target: multiply-accumulates at which to stop; 0 goes on to the end.
        layers: which layers; None: all.

    Yields:
        the plan after each step; the last one meets the target unless it cannot be met.
    """
    plan: dict[str, int] = {}
    work = layerwise.work(plan)
    heap: list[tuple[float, str]] = []

    def cost(layer: str) -> float | None:
        """Return the least loss per work saved of the next two levels: the first of them may save nothing yet."""
        now = plan.get(layer, 0)
        costs = []
        for level in range(now + 1, min(now + 3, layerwise.levels(layer))):
            saved = work - layerwise.work({**plan, layer: level})
            if saved > 0:
                costs.append(max(losses(layer, level) - losses(layer, now), 0.0) / saved)
        return min(costs, default=None)

    for layer in layerwise.layers if layers is None else layers:
        first = cost(layer)
        if first is not None:
            heapq.heappush(heap, (first, layer))
    while heap and work > target:
        _, layer = heapq.heappop(heap)
        # the steps of other layers change the saving of this one
        current = cost(layer)
        if current is None:
            continue
        if heap and current > heap[0][0] * (1 + 1e-9):
            heapq.heappush(heap, (current, layer))
            continue
        plan[layer] = plan.get(layer, 0) + 1
        work = layerwise.work(plan)
        yield dict(plan)
        following = cost(layer)
        if following is not None:
            heapq.heappush(heap, (following, layer))
