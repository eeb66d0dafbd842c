"""What every processor obeys: it says whether it can run here, and opens sessions that really run on it."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import ClassVar, Protocol

import numpy as np

from compsel.inputs.tensor_specs import TensorSpec
from compsel.values import dataclass

__all__ = ["Availability", "Processor", "ProcessorFamily", "Session"]


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
        opening_limit_s: what takes longer to open, or for a first run, hangs.
    """

    name: str
    provider: str
    opening_limit_s: ClassVar[float] = 120.0

    def availability(self) -> Availability:
        """Say whether this processor can be used here, and why not. Proven by running, never guessed."""
        from compsel.processors.smoke_test import smoke_test  # it tries processors

        return smoke_test(self, "its answer to a small graph is the CPU's")

    def offered(self) -> Availability:
        """Say what can be told without running anything, where that is enough to rely on; else as `availability`."""
        return self.availability()

    @abstractmethod
    def open(self, variant: bytes | str | os.PathLike[str]) -> Session:
        """Load a variant (its path, or the bytes of its ONNX file). Never falls back to another processor.

        A path may be a `compsel.models.graph_file.GraphFile`: whoever reads the file on its own takes its `content`
        where there is one.

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
