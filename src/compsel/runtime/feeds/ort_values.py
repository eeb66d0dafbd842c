"""Values of ONNX Runtime's own (`onnxruntime.OrtValue`) as inputs: arrays where numpy has the element type."""

from typing import Any

import numpy as np
from onnxruntime import OrtValue

from compsel.inputs.tensor_specs import TensorSpec
from compsel.models.signature import NodeArg

__all__ = ["as_array", "fits", "numpy_type"]

_NUMPY = {"float": "float32", "double": "float64"}


def numpy_type(value: Any) -> np.dtype[Any] | None:
    """Return numpy's element type of a tensor; None where it has none (bfloat16, float8), or where it is no tensor.

    Args:
        value: an `OrtValue`, or what it holds.

    >>> numpy_type(OrtValue.ortvalue_from_numpy(np.zeros(2, np.float16)))
    dtype('float16')
    """
    name = value.data_type().removeprefix("tensor(").removesuffix(")")
    try:
        # what other packages register with numpy, ONNX Runtime does not know
        dtype = np.dtype(object if name == "string" else _NUMPY.get(name, name)) if value.is_tensor() else None
    except TypeError:
        return None
    return dtype if dtype is None or dtype.isbuiltin == 1 else None


def as_array(value: OrtValue) -> Any:
    """Return a value as an array, copied from its device if need be; as it is where numpy cannot hold it."""
    return value.numpy() if numpy_type(value) is not None else value


def fits(spec: TensorSpec, value: OrtValue) -> bool:
    """Whether a value that numpy cannot hold is what a model takes."""
    if spec.dtype == "other":
        return True
    if not value.is_tensor() or value.data_type() != NodeArg.of_spec(spec).type:
        return False
    return spec.allows_shape(tuple(value.shape()))
