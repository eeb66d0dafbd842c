"""Confidence in an answer without class scores: numbers of its outputs that may tell how good they are.

A user may supply them, as a function of the outputs; without one, simple statistics stand in. Either way they are only
evidence: how much they say is learned from samples.
"""

import hashlib
import importlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compsel.errors import SelectorError, did_you_mean
from compsel.features.evidence import OutputEvidence, Scores
from compsel.features.output_sketch import numbers_of, sketch
from compsel.features.tasks.base import Task

__all__ = ["GENERIC", "Confidence", "OutputReader", "code_hash", "function_of", "generic_confidence", "name_of"]

Confidence = Callable[[list[np.ndarray]], ArrayLike]

GENERIC = "generic"
_MOST_OUTPUTS = 4
_MOST_NUMBERS = 32
_NO_SCORES = np.empty(0, np.float32)


def generic_confidence(outputs: Sequence[object]) -> list[float]:
    """Return six statistics of each of the first four outputs that hold numbers.

    Mean, spread, least, largest and second largest (as signed logarithms: sign(x) log(1 + |x|)), and the share of
    numbers above 0. For detections the largest is the top score, for an embedding the spread is its length, for a
    regression the mean is the value.

    >>> generic_confidence([np.array([[0.0, 0.0, 0.0]])])
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    >>> len(generic_confidence([np.zeros((1, 5, 4)), np.zeros((1, 5))]))
    12
    """
    found = [values for values in map(numbers_of, outputs[:_MOST_OUTPUTS]) if values is not None]
    return [number for values in found for number in _statistics(values)] or [0.0]


def _statistics(values: NDArray[np.float64]) -> list[float]:
    largest = float(values.max())
    second = float(np.partition(values, -2)[-2]) if values.size > 1 else largest
    moments = np.array([values.mean(), values.std(), values.min(), largest, second])
    compressed: list[float] = (np.sign(moments) * np.log1p(np.abs(moments))).tolist()
    return [*compressed, float((values > 0).mean())]


class OutputReader:
    """Reads what the outputs of one inference are evidence for.

    Args:
        confidence: takes the outputs of one inference, a list of arrays, and gives a number or a few (k,), finite, and
            always as many; the higher, the surer. A "module:function" that can be imported does as well; so does a task
            that reads its own answers. None: the generic one.

    Raises:
        SelectorError: a name that cannot be imported, or something that is no function.

    >>> OutputReader(lambda outputs: outputs[0].max()).read([np.array([[0.2, 0.7]])]).confidence
    array([[0.7]], dtype=float32)
    >>> OutputReader("math:nowhere")
    Traceback (most recent call last):
    compsel.errors.SelectorError: confidence: got 'math:nowhere', but math has no such function: give module:function
    """

    def __init__(self, confidence: Confidence | str | Task | None = None) -> None:
        self._generic = confidence in (None, GENERIC)
        self._function: Callable[..., Any]
        if isinstance(confidence, Task):
            self._function, self.name = confidence.confidence, confidence.name
        elif self._generic:
            self._function, self.name = generic_confidence, GENERIC
        else:
            self._function = function_of(confidence, "confidence", (GENERIC,))
            self.name = name_of(self._function)
        self._size: int | None = None

    @property
    def identity(self) -> str:
        """The name, and a hash of the source code: numbers that other code gave are not the same."""
        return self.name if self._generic else f"{self.name} {code_hash(self._function)}"

    def expect(self, size: int) -> "OutputReader":
        """Refuse from now on what does not give as many numbers; return this reader."""
        self._size = size
        return self

    def read(self, outputs: list[np.ndarray]) -> OutputEvidence:
        """Return the evidence of one inference: a table of one row.

        Raises:
            SelectorError: the function failed, or gave something that is not a few finite numbers, always as many.
        """
        return OutputEvidence.of(self._confidence(outputs)[None], sketch(outputs)[None], self.name)

    def scores(self, outputs: list[np.ndarray]) -> Scores:
        """Return the same as the scores of an answer."""
        return Scores(_NO_SCORES, self.read(outputs), outputs)

    def _confidence(self, outputs: list[np.ndarray]) -> NDArray[np.float32]:
        try:
            given = self._function(outputs)
            numbers = np.atleast_1d(np.asarray(given, np.float32))
        except Exception as error:  # whatever a user's function raises
            raise SelectorError(f"confidence {self.name}: failed with {error!r}: mend the function") from error
        if numbers.ndim != 1 or not 1 <= len(numbers) <= _MOST_NUMBERS:
            raise SelectorError(
                f"confidence {self.name}: gave an array of shape {numbers.shape}, allowed are 1 to {_MOST_NUMBERS} "
                "numbers"
            )
        if not np.isfinite(numbers).all():
            raise SelectorError(f"confidence {self.name}: gave {numbers.tolist()}, allowed are finite numbers")
        if self._size is None:
            self._size = len(numbers)
        if len(numbers) != self._size:
            raise SelectorError(
                f"confidence {self.name}: gave {len(numbers)} numbers, {self._size} before: give always as many"
            )
        return numbers


def function_of(spec: object, what: str, words: Sequence[str] = ()) -> Callable[..., Any]:
    """Return a function, imported where `spec` is "module:function".

    Args:
        spec: the function, or its name.
        what: it is for, in messages.
        words: that are allowed in place of a function, in messages.

    Raises:
        SelectorError: there is none.

    >>> function_of("math:hypot", "confidence")(3, 4)
    5.0
    """
    function = spec
    if isinstance(spec, str):
        module, _, name = spec.partition(":")
        if not module or not name:
            allowed = f"are {', '.join(words)} and" if words else "is"
            near = did_you_mean(spec, words)
            raise SelectorError(f"{what}: got {spec!r}, allowed {allowed} module:function{near}")
        try:
            function = importlib.import_module(module)
            for part in name.split("."):
                function = getattr(function, part)
        except AttributeError as error:
            raise SelectorError(
                f"{what}: got {spec!r}, but {module} has no such function: give module:function"
            ) from error
        except Exception as error:  # whatever importing it raises
            raise SelectorError(
                f"{what}: got {spec!r}, which cannot be imported ({error!r}): {_how_to_import(module, name)}"
            ) from error
    if not callable(function):
        raise SelectorError(f"{what}: got {spec!r}, allowed is a function, or module:function")
    return function


def _how_to_import(module: str, name: str) -> str:
    if module.endswith(".py") or "/" in module:
        return f"give the name of the module, {Path(module).stem}:{name}, from its folder or with that in PYTHONPATH"
    return "is it on the path (PYTHONPATH)?"


def name_of(function: Callable[..., Any]) -> str:
    """Return the "module:function" of a function.

    >>> name_of(generic_confidence)
    'compsel.features.output_confidence:generic_confidence'
    """
    kind = function if hasattr(function, "__qualname__") else type(function)
    return f"{kind.__module__}:{kind.__qualname__}"


def code_hash(function: Callable[..., Any]) -> str:
    """Return a hash of the source code of a function; "" where there is none to read."""
    try:
        source = inspect.getsource(function if hasattr(function, "__qualname__") else type(function))
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(source.encode()).hexdigest()[:16]
