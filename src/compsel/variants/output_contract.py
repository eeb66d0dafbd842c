"""What the outputs of a variant must be, checked after every inference of an app: wrong answers never pass."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from compsel.inputs.tensor_specs import TensorSpec, holds_nan
from compsel.variants.variant import Variant

__all__ = ["NAN", "OutputContract"]

NAN = "holds NaN"


class OutputContract:
    """What a variant promises of its outputs: how many, of which type and shape, and that numbers are numbers.

    An infinity that is no class score passes, NaN does not: a model that gives it on purpose gives it on every
    processor, which is for the caller to find out.

    Args:
        variant: whose outputs they are.

    >>> spec = TensorSpec("y", "float32", (1, 3))
    >>> variant = Variant("a/none", "a", "none", "a.onnx", None, None, "", 1, (), (spec,), None, "logits")
    >>> contract = OutputContract(variant)
    >>> contract.violation([np.zeros((1, 3), np.float32)])
    ''
    >>> contract.violation([np.array([[0, np.nan, 1]], np.float32)])
    "output 'y': holds NaN"
    >>> contract.violation([np.zeros((1, 2), np.float32)])
    "output 'y': has shape (1, 2), the model's is (1, 3)"
    """

    def __init__(self, variant: Variant) -> None:
        self._specs = [
            (place, spec, _dtype(spec)) for place, spec in enumerate(variant.outputs) if spec.dtype != "other"
        ]
        self._count = len(variant.outputs)
        self._good_forms: dict[int, tuple[np.dtype[Any], tuple[int, ...]]] = {}
        self._has_scores = variant.output in ("logits", "probabilities")
        # where the graph says nothing, the names of the classes say how many there are
        self._n_classes = len(variant.labels) if self._has_scores and variant.labels else None
        self._may_be_nan = variant.gives_nan

    def violation(self, outputs: Sequence[Any]) -> str:
        """Return what is wrong with the outputs of one inference; "" where nothing is."""
        if len(outputs) != self._count:
            return f"gave {len(outputs)} outputs, the model has {self._count}"
        for position, spec, dtype in self._specs:
            values = outputs[position]
            # hardly ever does the form differ from that of the last inference
            if type(values) is not np.ndarray or (values.dtype, values.shape) != self._good_forms.get(position):
                wrong = _wrong_form(spec, dtype, values) or self._wrong_classes(position, values)
                if wrong:
                    return wrong
                self._good_forms[position] = values.dtype, values.shape
            if self._may_be_nan:
                continue
            if holds_nan(values):
                return f"output {spec.name!r}: {NAN}"
            impossible = position == 0 and self._has_scores and values.size and values.item(0) == -math.inf
            if impossible and (values == -np.inf).all():
                return f"output {spec.name!r}: gives no class a chance"
        return ""

    def _wrong_classes(self, position: int, scores: np.ndarray) -> str:
        if position or self._n_classes is None:
            return ""
        n_classes = scores.shape[-1] if scores.ndim == 2 else self._n_classes
        return "" if n_classes == self._n_classes else f"gave {n_classes} classes, the model has {self._n_classes}"


def _dtype(spec: TensorSpec) -> np.dtype[Any] | None:
    """Return numpy's type of an output; None where it has none for it (bfloat16), or several (strings)."""
    try:
        return None if spec.dtype == "string" else np.dtype(spec.dtype)
    except TypeError:
        return None


def _wrong_form(spec: TensorSpec, dtype: "np.dtype[Any] | None", values: Any) -> str:
    if not isinstance(values, np.ndarray):
        return f"output {spec.name!r}: is a {type(values).__name__}, the model's is a tensor"
    if dtype is not None and values.dtype != dtype:
        return f"output {spec.name!r}: has type {values.dtype.name}, the model's is {spec.dtype}"
    # exporters declare numbers of one axis as scalars, and ONNX Runtime tells neither from an open rank
    if not spec.shape or values.shape == spec.shape or spec.allows_shape(values.shape):
        return ""
    return f"output {spec.name!r}: has shape {values.shape}, the model's is {spec.shape_words}"
