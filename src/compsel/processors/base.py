"""What every processor obeys: it says whether it can run here, and opens sessions that really run on it."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from mmap import mmap
from typing import Protocol

import numpy as np

from compsel.inputs.tensor_specs import TensorSpec

__all__ = ["Availability", "GraphFile", "Processor", "ProcessorFamily", "Session"]


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a processor can be used on this machine.

    Attributes:
        available: proven by running a small graph on it.
        reason: why not; what was found when it is available.
        version: the package, with its version, that it comes from; empty where it is not here.
    """

    available: bool
    reason: str
    version: str = field(default="", repr=False, compare=False)


class GraphFile(os.PathLike[str]):
    """An ONNX file to be opened: where it lies, or lay, and its content where that is not what lies there now.

    Args:
        path: of the file.
        content: of the file, with which it is opened; None: what lies at `path`.
        external: contents of the files that its weights lie in, by name relative to the file.

    >>> os.fspath(GraphFile("a.onnx"))
    'a.onnx'
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        content: bytes | None = None,
        external: Mapping[str, bytes | mmap] | None = None,
    ) -> None:
        self.path, self.content, self.external = path, content, dict(external or {})

    def __fspath__(self) -> str:
        return os.fspath(self.path)


class Session(Protocol):
    """A variant, loaded on a processor, ready to run.

    Attributes:
        inputs: what must be fed.
        outputs: what comes out.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        """Run one inference. Feeds are passed on unchecked (see `compsel.inputs.tensor_specs.check_feeds`)."""
        ...

    def close(self) -> None:
        """Free threads and memory."""
        ...


class Processor(ABC):
    """Where and how an inference runs: execution provider, device, threads, spinning.

    Attributes:
        name: the word in tables and on the command line, for example "cpu:2:nospin".
        provider: ONNX Runtime's name of the execution provider.
    """

    name: str
    provider: str

    def availability(self) -> Availability:
        """Say whether this processor can be used here, and why not. Proven by running, never guessed."""
        from compsel.processors.smoke_test import smoke_test  # it tries processors

        return smoke_test(self, "its answer to a small graph is the CPU's")

    @abstractmethod
    def open(self, variant: bytes | str | os.PathLike[str]) -> Session:
        """Load a variant (its path, or the bytes of its ONNX file). Never falls back to another processor.

        A path may be a `GraphFile`: whoever reads the file on its own takes its `content` where there is one.

        Raises:
            ModelError: not a model, a truncated one, or an operator that the runtime lacks.
            ProcessorError: the session would not run on this processor.
        """


class ProcessorFamily(ABC):
    """Processors of one kind: reads their names, and finds those of this machine.

    One line of `compsel.processors.FAMILIES` makes a family known to the command line, to profiles and to bundles.

    Attributes:
        forms: the names that are allowed, as error messages show them.
    """

    forms: tuple[str, ...]

    @abstractmethod
    def parse(self, name: str) -> Processor | None:
        """Return the processor called `name`; None where it is not a name of this family.

        Raises:
            ProcessorError: a name of this family with a part that is not allowed.
        """

    @abstractmethod
    def discover(self) -> Iterator[tuple[Processor, Availability]]:
        """Try every processor of the family that this machine may have. Trying means running: up to seconds."""
