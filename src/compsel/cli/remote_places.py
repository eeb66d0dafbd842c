"""Addresses on a command line, such as s3://bucket/profile: what a command reads and writes are their mirrors here."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from compsel.cli.terminal import TERMINAL
from compsel.models.fetching import fetch
from compsel.storage.locations.address import address_of, as_local
from compsel.storage.locations.using import in_addresses, written

__all__ = ["places_here"]

# options that name what is written; the others are read
_WRITTEN = ("out", "work", "fleet", "json", "write_config")


@contextlib.contextmanager
def places_here(arguments: argparse.Namespace) -> Iterator[None]:
    """Put the paths of mirrors in the place of addresses while a command runs; what it writes is put there.

    Raises:
        LocationError: a place that cannot be read or written.
        UsageError: no such kind of address.
        MissingDependencyError: its driver is not installed.
    """
    with contextlib.ExitStack() as stack:
        given = dict(vars(arguments))
        for name, value in given.items():
            if isinstance(value, list):
                setattr(arguments, name, [_here(stack, name, one) for one in value])
            else:
                setattr(arguments, name, _here(stack, name, value))
        if vars(arguments) != given:  # what is printed names what was given
            stack.enter_context(contextlib.redirect_stdout(_InAddresses(sys.stdout)))
            stack.enter_context(contextlib.redirect_stderr(_InAddresses(sys.stderr)))
        yield


class _InAddresses:
    """A stream that shows addresses in the place of the paths of their mirrors."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(in_addresses(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _here(stack: contextlib.ExitStack, name: str, value: Any) -> Any:
    if not isinstance(value, Path):
        return value
    address = address_of(value)
    if not address:
        return as_local(value)
    return stack.enter_context(written(address, TERMINAL)) if name in _WRITTEN else fetch(address, TERMINAL)
