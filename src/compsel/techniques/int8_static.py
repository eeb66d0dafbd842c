"""8-bit weights and activations, with ranges measured on samples."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from compsel.errors import NotApplicableError, TechniqueError
from compsel.inputs.feeds import feeds_of, first_feeds
from compsel.inputs.samples import Samples
from compsel.models.editing import edit_graph, remove_unused, sort_nodes
from compsel.models.graph_queries import is_standard
from compsel.models.model import Model
from compsel.models.opset_upgrade import with_opset
from compsel.models.shapes import float_values, infer_types
from compsel.techniques.base import Technique
from compsel.techniques.preparation.batch_norm_folding import fold
from compsel.techniques.preparation.biases import add_row_biases
from compsel.techniques.quantization.bias_correction import channel_means
from compsel.techniques.quantization.calibration import calibrate
from compsel.techniques.quantization.equalization import equalise
from compsel.techniques.quantization.histogram import Method
from compsel.techniques.quantization.int8_tables import quantise_tables
from compsel.techniques.quantization.int8_weights import WeightRange
from compsel.techniques.quantization.placement import QUANTISED_OPS, place
from compsel.techniques.quantization.qdq import (
    Activations,
    QdqSettings,
    Weights,
    insert_qdq,
    pixel_scale,
)
from compsel.techniques.quantization.rounding import round_weights

__all__ = ["Int8Static"]

_MINIMUM_OPSET = 13  # per-channel DequantizeLinear


@dataclass(frozen=True)
class Int8Static(Technique):
    """Weights and activations in 8 bits (Jacob et al. 2018), ranges from calibration samples.

    The graph is simplified first (batch norms and paddings folded), then gets QuantizeLinear and DequantizeLinear
    around its operators, which runtimes fuse into 8-bit kernels. What the last layers give, and all behind them, stays
    in float32: outputs are not rounded. Tables of embeddings have a scale a row.

    Why these defaults: top-1 of EfficientNet-Lite0 on 600 photographs, x86 without VNNI, float32 89.5 %: weights in
    the full range 84.5 % (kernels overflow; 89.0 % where they do not), in 7 bits 87.3 %, "safe" 88.2 % and with bias
    correction 89.3 %, the same on both kinds of processors. Unsigned weights do not overflow either (89.0 %) but run
    4.6 times slower than float32; signed activations gain nothing.

    Attributes:
        method: how ranges follow from the samples; all but "minmax" cut off rare values.
        percentile: percent of the values that "percentile" keeps.
        samples: how many calibration samples are used at most, evenly spread.
        per_channel: one scale for each output channel of a weight instead of one for all.
        activations, weights: types; unsigned activations with signed weights are what most kernels are made for.
        weight_range: "safe" never overflows the 16-bit sums of x86 without VNNI, "full" may, "reduced" takes 7 bits.
        bias_correction: shift biases by the mean error of the rounded weights.
        equalise: give the channels of neighbouring layers like ranges first; for per_channel=false, where it brings
            back most of what one scale for all channels loses (`compsel.techniques.quantization.equalization`).

    >>> Int8Static(per_channel=False).spec
    'int8-static:per_channel=false'
    """

    name: ClassVar[str] = "int8-static"
    most_relative_error: ClassVar[float | None] = 0.3
    needs_calibration: ClassVar[bool] = True

    method: Method = "minmax"
    percentile: float = 99.99
    samples: int = 100
    per_channel: bool = True
    activations: Activations = "uint8"
    weights: Weights = "int8"
    weight_range: WeightRange = "safe"
    bias_correction: bool = True
    equalise: bool = False

    def __post_init__(self) -> None:
        if not 50 < self.percentile <= 100:
            raise TechniqueError(f"int8-static: got percentile {self.percentile}, allowed is above 50 up to 100")
        if self.samples < 1:
            raise TechniqueError(f"int8-static: got samples {self.samples}, allowed is 1 or more")

    def check(self, model: Model) -> None:
        """Raise NotApplicableError without convolutions and dense layers, or with a quantised graph."""
        self._check_quantisable(model)

    def nodes(self, model: Model) -> tuple[str, ...]:
        """Return the nodes of the kinds that are quantised."""
        graph = fold(edit_graph(model)).graph
        return tuple(node.name for node in graph.node if is_standard(node, *QUANTISED_OPS))

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        return self._transform_rest(model, calibration, frozenset())

    # long: the order of the steps
    def _transform_rest(self, model: Model, calibration: Samples | None, leaving: frozenset[str]) -> Model:
        assert calibration is not None
        editable = with_opset(fold(edit_graph(model)), _MINIMUM_OPSET, first_feeds(model, calibration))
        add_row_biases(editable)
        chosen = calibration.spread(self.samples)

        def feeds() -> Iterator[dict[str, np.ndarray]]:
            return (feeds_of(model, sample.value) for sample in chosen)

        if self.equalise:
            equalise(editable, feeds)
        types = infer_types(editable)
        tensors = place(editable.graph, float_values(types), leaving=leaving).values
        if not tensors:
            raise NotApplicableError(
                f"int8-static: the layers with weights of {model.name!r} do not compute in float32"
            )
        ranges = calibrate(editable, tensors, feeds, self.method, self.percentile)
        if not ranges:
            raise NotApplicableError(
                f"int8-static: no value inside {model.name!r} has a range that 8 bits can hold: check model and samples"
            )
        overrides = pixel_scale(model) if self.activations == "uint8" else {}
        if self.per_channel and self.weights == "int8":
            means = channel_means(editable, feeds()) if self.bias_correction else {}
            scales = {name: (high - low) / 255 or 1.0 for name, (low, high) in ranges.items()}
            round_weights(editable, self.weight_range, means, scales, leaving)
            editable.graph.node.extend(quantise_tables(editable))
            sort_nodes(editable.graph)
            remove_unused(editable.graph)
            types = infer_types(editable)
        proto = editable.materialise()
        settings = QdqSettings(
            self.per_channel,
            self.activations,
            self.weights,
            reduce_range=self.weight_range == "reduced",
            leaving=leaving,
        )
        insert_qdq(proto, types, ranges, overrides=overrides, settings=settings)
        return model.with_proto(proto)
