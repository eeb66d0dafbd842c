"""A family of processors that is imported when one of its names is asked for: an app on the CPU needs no others."""

from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from typing import Any

from compsel.processors.base import Availability, Processor, ProcessorFamily

__all__ = ["DeferredFamily"]


class DeferredFamily(ProcessorFamily):
    """Stands in for the family of a module until it is used.

    Args:
        module: where it is.
        name: of its class.

    >>> DeferredFamily("compsel.processors.cpu", "CpuFamily").parse("cpu:2:nospin").threads
    2
    """

    def __init__(self, module: str, name: str) -> None:
        self._home = module, name

    @cached_property
    def _family(self) -> ProcessorFamily:
        module, name = self._home
        family: ProcessorFamily = getattr(import_module(module), name)()
        return family

    def __getattr__(self, name: str) -> Any:
        if name == "forms":
            return self._family.forms
        raise AttributeError(name)

    def parse(self, name: str) -> Processor | None:
        """Return the processor called `name`; None where it is not a name of this family."""
        return self._family.parse(name)

    def discover(self) -> Iterator[tuple[Processor, Availability]]:
        """Try every processor of the family that this machine may have."""
        return self._family.discover()
