"""ONNX Runtime's exceptions, which have no common base, as the package's own."""

import re

from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from compsel.errors import CompselError, InputError, ModelError, ProcessorError

__all__ = ["FELL_BACK", "InvalidFeedError", "both", "first_line", "translate"]

# class of ONNX Runtime's exception: (what it is while a model is loaded, what it is while it runs)
_ERRORS: dict[str, tuple[type[CompselError], type[CompselError]]] = {
    "DeviceReset": (ProcessorError, ProcessorError),
    "EPFail": (ProcessorError, ProcessorError),
    "EngineError": (ProcessorError, ProcessorError),
    "Fail": (ModelError, ModelError),
    "InvalidArgument": (ModelError, InputError),
    "InvalidGraph": (ModelError, ModelError),
    "InvalidProtobuf": (ModelError, ModelError),
    "ModelLoadCanceled": (ProcessorError, ProcessorError),
    "ModelLoaded": (ModelError, ModelError),
    "ModelRequiresCompilation": (ProcessorError, ProcessorError),
    "NoModel": (ModelError, ModelError),
    "NoSuchFile": (ModelError, ModelError),
    "NotFound": (ModelError, ModelError),
    "NotImplemented": (ModelError, ModelError),
    "RuntimeException": (ModelError, ModelError),
    # raised by its Python layer: a missing input, a list that is no tensor, an option that is not understood
    "RuntimeError": (ProcessorError, InputError),
    "TypeError": (ModelError, InputError),
    "ValueError": (ProcessorError, InputError),
    "AttributeError": (ModelError, InputError),
    "MemoryError": (ProcessorError, ProcessorError),
    "OverflowError": (ModelError, InputError),
    "UnicodeDecodeError": (ModelError, InputError),
}
FELL_BACK = "fallback to CPU EP has been explicitly disabled"
# texts that decide whatever the class
_TEXTS: tuple[tuple[str, type[CompselError]], ...] = (
    (FELL_BACK, ProcessorError),
    ("Failed to allocate memory", ProcessorError),
    ("bad_alloc", ProcessorError),
)
# compiled where there is an error
_NOISE = (
    r"\[ONNXRuntimeError\] : \d+ : \w+ : |Status Message: "
    # where in its sources: file, line, signature of the function
    r"|\S*/onnxruntime\S*\.(?:cc|h):\d+ (?:[^()]*\([^()]*\) )?"
)
_SHOWN_CHARACTERS = 400
# which its Python layer raises for inputs
_BUILT_IN = (RuntimeError, TypeError, AttributeError, OverflowError)
_BOTH: dict[tuple[type[CompselError], type[Exception]], type[CompselError]] = {}


class InvalidFeedError(InputError, InvalidArgument):  # type: ignore[misc]  # it has no types
    """Names or tensors that a model has not, or cannot take: also what ONNX Runtime raises then.

    >>> isinstance(InvalidFeedError("outputs: got ['z'], allowed are ['y']"), InvalidArgument)
    True
    """


def translate(error: Exception, what: str, *, loading: bool) -> CompselError:
    """Return our exception for one of ONNX Runtime's.

    Args:
        error: what it raised.
        what: what was loaded or run, for the message.
        loading: whether a model was being loaded (else: run).
    """
    text = str(error)
    kind = next((kind for words, kind in _TEXTS if words in text), None)
    if kind is None:
        kind = _ERRORS.get(type(error).__name__, (ProcessorError, ProcessorError))[0 if loading else 1]
    # a check in its sources that failed: what follows the condition is meant for people
    text = " ".join(re.sub(_NOISE, "", text).split()).rpartition(" was false. ")[2]
    shown = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
    of_session = type(error).__module__.startswith("onnxruntime.") or type(error) in _BUILT_IN
    if not loading and kind is not ProcessorError and of_session:
        kind = both(kind, type(error))
    return kind(f"{what}: {shown or type(error).__name__}")


def both(kind: type[CompselError], of_onnxruntime: type[Exception]) -> type[CompselError]:
    """Return a class that is caught as ours and as ONNX Runtime's: apps may have code for either.

    >>> issubclass(both(InputError, RuntimeError), RuntimeError)
    True
    """
    if (kind, of_onnxruntime) not in _BOTH:
        content = {"__doc__": kind.__doc__, "__module__": kind.__module__}
        _BOTH[kind, of_onnxruntime] = type(kind.__name__, (kind, of_onnxruntime), content)
    return _BOTH[kind, of_onnxruntime]


def first_line(error: Exception) -> str:
    """Return the first line of the text of an error, of at most 200 characters."""
    return str(error).strip().partition("\n")[0][:200]
