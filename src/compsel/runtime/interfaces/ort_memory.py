"""Memory that belongs to ONNX Runtime or to an app, and is read and filled as arrays."""

import ctypes
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnxruntime import OrtValue
from onnxruntime.capi import _pybind_state as ort_state

from compsel.errors import BundleError, InputError
from compsel.models.ort_errors import both
from compsel.models.signature import ELEMENT_TYPES
from compsel.runtime.feeds.ort_values import numpy_type

__all__ = ["NotOfBundlesError", "cpu_device", "fill", "memory_at", "on_cpu", "owned"]

# element types of one and of two bytes that numpy lacks
_BYTES = {"bfloat16": 2, "float8e4m3fn": 1, "float8e4m3fnuz": 1, "float8e5m2": 1, "float8e5m2fnuz": 1}


class NotOfBundlesError(BundleError, NotImplementedError, ort_state.Fail):  # type: ignore[misc]  # it has no types
    """Something that one session has and a bundle of several has not; the message says what to do instead."""


def cpu_device() -> Any:
    """Return where a CPU has its memory, as ONNX Runtime names it."""
    return ort_state.OrtDevice(ort_state.OrtDevice.cpu(), ort_state.OrtDevice.default_memory(), 0)


def on_cpu(device: Any) -> bool:
    """Whether a device of ONNX Runtime's is the memory of the CPU.

    >>> on_cpu(cpu_device())
    True
    """
    return bool(device.device_type() == ort_state.OrtDevice.cpu())


def owned(array: Any, device: Any = None) -> Any:
    """Return an array as a value that owns its memory.

    Args:
        array: numbers.
        device: where it shall lie; None: in the memory of the CPU.

    Raises:
        NotOfBundlesError: what is no array of numbers.

    >>> owned(np.float32([[1, 2]])).shape()
    [1, 2]
    """
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        what = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
        raise NotOfBundlesError(f"output: is {what}, which no OrtValue is made of here: take it from run")
    if device is not None and not on_cpu(device):
        return ort_state.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), device)
    value = ort_state.OrtValue.ortvalue_from_shape_and_type(list(array.shape), array.dtype.type, cpu_device())
    fill(value, array, "output")
    return value


def fill(value: Any, array: Any, name: str) -> None:
    """Write an array into a value of ONNX Runtime's, wherever that lies.

    Raises:
        InputError: of another type or shape.
    """
    expected = numpy_type(value)
    if not isinstance(array, np.ndarray) or array.dtype != expected or list(array.shape) != value.shape():
        got = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise InputError(f"output {name!r}: is {got}, its memory is for {expected} {tuple(value.shape())}")
    value.update_inplace(np.ascontiguousarray(array))


def memory_at(address: int, shape: Sequence[int], element_type: Any) -> Any:
    """Return memory that an app holds, as an array that lies there; an `OrtValue` where numpy has no such type.

    Args:
        address: where it begins.
        shape: of the array.
        element_type: of numpy, or the number of one in onnx.proto.

    Raises:
        InputError: an element type without a fixed size.

    >>> array = np.float32([1, 2])
    >>> memory_at(array.ctypes.data, [2], np.float32)
    array([1., 2.], dtype=float32)
    """
    name = _element_name(element_type)
    bits = _BYTES.get(name)
    try:
        dtype = np.dtype(f"uint{8 * bits}" if bits else {"float": "float32", "double": "float64"}.get(name, name))
    except TypeError:
        dtype = np.dtype(object)
    if dtype.hasobject or dtype.itemsize == 0:
        raise both(InputError, RuntimeError)(f"memory: got elements of type {name}, allowed are numbers")
    size = math.prod(shape) * dtype.itemsize
    held: Any = (ctypes.c_char * size).from_address(address) if size else b""
    array = np.frombuffer(held, dtype).reshape(tuple(shape))
    return OrtValue.ortvalue_from_numpy_with_onnx_type(array, int(element_type)) if bits else array


def _element_name(element_type: Any) -> str:
    if isinstance(element_type, int):
        return ELEMENT_TYPES[element_type] if 0 <= element_type < len(ELEMENT_TYPES) else str(element_type)
    return str(np.dtype(element_type).name)
