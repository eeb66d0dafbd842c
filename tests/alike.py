"""Whether two calls give the same, answers or errors: ours, and one of ONNX Runtime."""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from compsel.errors import CompselError, ModelError


def answer(call: Callable[[], Any]) -> Any:
    """Return what comes out, or the error."""
    try:
        return call()
    except Exception as error:
        return error


def check_same(ours: Any, theirs: Any) -> None:
    """Check that two outputs are the same: to the last bit, in type and shape, as maps and lists."""
    assert type(ours) is type(theirs), (ours, theirs)
    if isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            check_same(one, other)
    elif isinstance(theirs, np.ndarray):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        np.testing.assert_array_equal(ours, theirs)
    else:
        assert ours == theirs


def check_error(ours: Any, theirs: Exception) -> None:
    """Check that an error is one of ours, and caught by code that was written for a session."""
    assert isinstance(ours, CompselError), (ours, theirs)
    kind = type(theirs)
    # of two mistakes, in feeds and in names of outputs, ours is told first for the names
    kinds = (
        (ValueError, InvalidArgument)
        if str(ours).startswith("outputs:")
        else (ValueError, RuntimeError, InvalidArgument)
    )
    if kind in kinds or isinstance(ours, ModelError):
        assert isinstance(ours, kind), (ours, theirs)


def check_calls_alike(ours: Callable[[], Any], theirs: Callable[[], Any]) -> None:
    """Check that two calls give the same answer, or errors that the same code catches."""
    expected, got = answer(theirs), answer(ours)
    if isinstance(expected, Exception):
        check_error(got, expected)
    else:
        check_same(got, expected)
