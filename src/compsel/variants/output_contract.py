"""What the outputs of a variant must be, checked after every inference of an app: wrong answers never pass."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from compsel.inputs.tensor_specs import TensorSpec
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
        self._specs = [(spec, _dtype(spec)) for spec in variant.outputs if spec.dtype != "other"]
        self._count = len(variant.outputs)
        self._positions = [number for number, spec in enumerate(variant.outputs) if spec.dtype != "other"]
        self._has_scores = variant.output in ("logits", "probabilities")
        # where the graph says nothing, the names of the classes say how many there are
        self._n_classes = len(variant.labels) if self._has_scores and variant.labels else None
        self._may_be_nan = variant.gives_nan

    def violation(self, outputs: Sequence[Any]) -> str:
        """Return what is wrong with the outputs of one inference; "" where nothing is."""
        if len(outputs) != self._count:
            return f"gave {len(outputs)} outputs, the model has {self._count}"
        for position, (spec, dtype) in zip(self._positions, self._specs, strict=True):
            values = outputs[position]
            wrong = _wrong_form(spec, dtype, values)
            if wrong:
                return wrong
            if values.dtype.kind == "f" and values.size and not self._may_be_nan:
                # the largest is NaN when any number is: one pass, no temporary array
                largest = values.max()
                if largest != largest:
                    return f"output {spec.name!r}: {NAN}"
                if largest == -np.inf and position == 0 and self._has_scores:
                    return f"output {spec.name!r}: gives no class a chance"
        return self._wrong_classes(outputs[0]) if self._n_classes is not None else ""

    def _wrong_classes(self, scores: np.ndarray) -> str:
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
