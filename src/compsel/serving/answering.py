"""One input through the runtime, and through the uncompressed model beside it: the work of a worker thread."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compsel.errors import ModelError
from compsel.inputs.images.encoded import EncodedImage
from compsel.runtime import Answer, Runtime
from compsel.runtime.elapsed import elapsed_ns
from compsel.runtime.feeds.decoding import limits_after
from compsel.runtime.planning.planner import Limits
from compsel.serving.uncompressed import BundledOriginal, ModelFile, UncompressedModel, uncompressed_in

__all__ = ["AnsweredRequest", "Answering", "InputRequest", "original_of"]

_NS = 1_000_000
_NOTICED_MS = 1.0  # a shorter wait changes no plan


@dataclass(frozen=True)
class InputRequest:
    """One input, and what is asked of its answer.

    Attributes:
        value: of the bundle's modality, as the runtime takes it.
        deadline_ms: counted from the arrival of the request; None: none.
        min_quality: see `Runtime.__call__`.
        compare: whether the uncompressed model is to answer too.
    """

    value: Any
    deadline_ms: float | None = None
    min_quality: float | None = None
    compare: bool = False


@dataclass(frozen=True)
class AnsweredRequest:
    """An answer, and what the server did around it.

    Attributes:
        answer: of the bundle.
        waited_ms: before a worker had time, and to read the request.
        original: answer of the uncompressed model; None where it was not asked for, or is not there.
    """

    answer: Answer
    waited_ms: float
    original: Answer | None


class Answering:
    """Answers requests, from several threads.

    Args:
        runtime: of the bundle.
        original: the uncompressed model; None: there is none.
    """

    def __init__(self, runtime: Runtime, original: UncompressedModel | None = None) -> None:
        self.runtime = runtime
        self.original = original

    def answer(self, read: Callable[[], InputRequest], arrived_ns: int) -> AnsweredRequest:
        """Read a request and answer it.

        Args:
            read: gives the request; it runs here, in the worker's thread.
            arrived_ns: when it was there, by `time.perf_counter_ns`.

        Raises:
            CompselError: it cannot be read, or not be answered.
        """
        request = read()
        waited_ns = elapsed_ns(arrived_ns)
        deadline_ms = request.deadline_ms
        if deadline_ms is not None and deadline_ms > 0 and waited_ns > _NOTICED_MS * _NS:
            deadline_ms = limits_after(Limits(deadline_ms), waited_ns).deadline_ms
        if not request.compare or self.original is None:
            return AnsweredRequest(self._ask(request.value, deadline_ms, request.min_quality), waited_ns / _NS, None)
        # each once before: what is compared are answers of models that are warm
        for _ in range(2):
            original = self.original.answer(_fresh(request.value))
        for _ in range(2):
            answer = self._ask(_fresh(request.value), deadline_ms, request.min_quality)
        return AnsweredRequest(answer, waited_ns / _NS, original)

    def _ask(self, value: Any, deadline_ms: float | None, min_quality: float | None) -> Answer:
        return self.runtime(value, deadline_ms=deadline_ms, min_quality=min_quality)


def original_of(runtime: Runtime, path: Path | None) -> UncompressedModel | None:
    """Return the uncompressed model: the file that was named, else what the bundle holds, else None.

    Raises:
        ModelError: a file that is no model for the inputs of the bundle.
    """
    name = uncompressed_in(runtime)
    if path is not None:
        bundle = runtime.bundle
        like = bundle.variants[name or max(bundle.variants, key=lambda one: bundle.quality[one])]
        try:
            return ModelFile(path, like)
        except ModuleNotFoundError as error:
            raise ModelError(f"--compare: {error.name} is not installed: run pip install 'compsel[train]'") from error
    return None if name is None else BundledOriginal(runtime, name)


def _fresh(value: Any) -> Any:
    """Return a value that has not been decoded yet: decoding counts for both."""
    return EncodedImage(value.data, value.width * value.height) if isinstance(value, EncodedImage) else value
