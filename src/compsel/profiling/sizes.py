"""Chooses the sizes of input at which latency is measured, and inputs of these sizes.

What a choice costs depends on how large its input is. Measured are about the mean size of the samples (costs are
nearly affine in size, so that this is about the mean cost) and a few more, geometrically spread from the smallest
samples to the largest, or to what the model takes: costs are interpolated between them.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.profiling.decoding import ready_value, ready_values
from compsel.variants.variant import Variant

__all__ = ["InputsOfSize", "MeasuredSizes", "choose_sizes"]

_USUAL_INPUTS, _OTHER_INPUTS = 16, 4
_LOOKED_AT = 512  # samples whose size is looked at
_LIKE = 1.1  # samples within this ratio of a size have it
_APART = 1.3  # sizes within this ratio of each other are one
_STEP, _MOST_SIZES = 3.0, 5  # ratio of neighbours, about; sizes beside the usual one


@dataclass(frozen=True)
class InputsOfSize:
    """Inputs of about one size.

    Attributes:
        size: of them all, to about a tenth.
        values: decoded.

    >>> InputsOfSize(12.0, ["twelve words"]).size
    12.0
    """

    size: float
    values: Sequence[Any]


@dataclass(frozen=True)
class MeasuredSizes:
    """What latency is measured with.

    Attributes:
        usual: samples of about the mean size of all: every choice runs on these.
        others: inputs of other sizes; empty where size plays no role.
        unit: of sizes; "" where it plays none.
        sized_by: name of the variant that counts the units.
        all_choices: whether every choice runs on the others too; else one does, for all change alike.

    >>> MeasuredSizes(InputsOfSize(math.nan, [])).sizes
    ()
    """

    usual: InputsOfSize
    others: tuple[InputsOfSize, ...] = ()
    unit: str = ""
    sized_by: str = ""
    all_choices: bool = True

    @property
    def sizes(self) -> tuple[float, ...]:
        """All sizes, the smallest first; empty where size plays no role."""
        return tuple(sorted(inputs.size for inputs in (self.usual, *self.others))) if self.others else ()

    @property
    def metadata(self) -> dict[str, str]:
        """What tables note of them."""
        if not self.others:
            return {}
        return {
            "usual_size": repr(self.usual.size),
            "sizes": json.dumps(self.sizes),
            "unit": self.unit,
            "sized_by": self.sized_by,
        }


def choose_sizes(
    variants: Sequence[Variant], samples: Samples, measured: tuple[float, Sequence[float]] | None = None
) -> MeasuredSizes:
    """Choose the sizes to measure variants at, and inputs of these sizes: samples, or what is made from them.

    Args:
        variants: of one modality.
        samples: at least one.
        measured: the usual size and all sizes that other states of the device were measured at: taken again where
            they serve these samples as well.
    """
    modality = modality_of(variants[0])
    limits = [modality.largest_size(variant) if modality_of(variant) is modality else None for variant in variants]
    known = [limit for limit in limits if limit is not None]
    all_choices = modality.size_costs == "inference"
    without = MeasuredSizes(InputsOfSize(math.nan, ready_values(samples, _USUAL_INPUTS, variants)))
    if not known:
        return without
    # of those that say how large an input they take, the one that takes the largest counts furthest
    largest = max([limit for limit in known if math.isfinite(limit)], default=math.inf)
    counting = variants[limits.index(largest)]
    inputs = _Inputs(variants, counting, samples.spread(_LOOKED_AT if all_choices else _USUAL_INPUTS))
    low, high = float(inputs.sizes.min()), float(inputs.sizes.max())
    if math.isfinite(largest):
        high = largest if all_choices else max(high, largest)
    if high < _APART * low:
        return without
    usual = min(high, inputs.nearest(float(inputs.sizes.mean())) if all_choices else float(inputs.sizes.mean()))
    others = _spread_sizes(low, usual, high)
    if measured is not None and _serve(measured, usual, (low, high)) and (not all_choices or inputs.has(measured[0])):
        usual, others = measured[0], [size for size in measured[1] if size != measured[0]]
    return MeasuredSizes(
        inputs.samples_of(usual) if all_choices else InputsOfSize(usual, without.usual.values),
        tuple(inputs.of(size, _OTHER_INPUTS if all_choices else 1) for size in others),
        modality.unit,
        counting.name,
        all_choices,
    )


def _serve(measured: tuple[float, Sequence[float]], usual: float, ends: tuple[float, float]) -> bool:
    """Whether sizes that were measured are about those of these samples."""
    theirs = (measured[0], min(measured[1]), max(measured[1]))
    return all(1 / _APART < one / other < _APART for one, other in zip(theirs, (usual, *ends), strict=True))


def _spread_sizes(low: float, usual: float, high: float) -> list[float]:
    """Return sizes from low to high, geometrically spread, without those that are near the usual one.

    >>> [round(size) for size in _spread_sizes(5, 11, 256)]
    [5, 36, 96, 256]
    """
    number = min(_MOST_SIZES, max(2, 1 + math.ceil(math.log(high / low) / math.log(_STEP))))
    return [size for size in np.geomspace(low, high, number).tolist() if not 1 / _APART < size / usual < _APART]


class _Inputs:
    """Samples by their size."""

    def __init__(self, variants: Sequence[Variant], model: Variant, samples: Samples) -> None:
        self._modality, self._model, self._samples = modality_of(variants[0]), model, samples
        self._variants = variants
        self.sizes = np.array([max(1.0, self._size(self._value(index))) for index in range(len(samples))])

    def nearest(self, size: float) -> float:
        """Return the size of the sample whose size is nearest to this one."""
        return float(self.sizes[np.abs(self.sizes - size).argmin()])

    def has(self, size: float) -> bool:
        """Whether some sample has about this size."""
        return bool(np.abs(np.log(self.sizes / size)).min() <= math.log(_LIKE))

    def samples_of(self, size: float) -> InputsOfSize:
        """Return the samples of about a size that one of them has: what models certainly run on."""
        distances = np.abs(np.log(self.sizes / size))
        near = [index for index in np.argsort(distances, kind="stable").tolist() if distances[index] <= math.log(_LIKE)]
        return InputsOfSize(size, [self._value(index) for index in near[:_USUAL_INPUTS]])

    def of(self, size: float, count: int) -> InputsOfSize:
        """Return so many inputs of about a size: the samples that come nearest, resized where they are too far off."""
        distances = np.abs(np.log(self.sizes / size))
        nearest = np.argsort(distances, kind="stable")[:count]
        values = []
        for index in nearest.tolist():
            value = self._value(index)
            if distances[index] > math.log(_LIKE):
                value = self._modality.resized(value, size, self._model)
            values.append(value)
        return InputsOfSize(size, values)

    def _value(self, index: int) -> Any:
        return ready_value(self._samples, index, self._variants)

    def _size(self, value: Any) -> float:
        return self._modality.size(value, self._model)
