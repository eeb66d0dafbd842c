"""Places beyond this machine as arguments: a call reads and writes their mirrors here."""

import contextlib
import functools
import inspect
import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from compsel.models.fetching import fetch
from compsel.storage.locations.address import address_of
from compsel.storage.locations.using import written as put

__all__ = ["with_places"]

P = ParamSpec("P")
R = TypeVar("R")


def with_places(
    *, read: tuple[str, ...] = (), written: tuple[str, ...] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let arguments of a function be addresses, such as s3://bucket/profile.

    Args:
        read: names of those, or of lists of those, that are fetched before the call.
        written: names of those whose changes are put there during the call, and when it ends.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            with contextlib.ExitStack() as stack:
                try:
                    given = signature.bind(*args, **kwargs)
                except TypeError:  # the function itself says it better
                    return function(*args, **kwargs)
                for name, value in given.arguments.items():
                    if name in read and isinstance(value, (list, tuple)):
                        given.arguments[name] = [fetch(one) if _is_address(one) else one for one in value]
                    elif name in read and _is_address(value):
                        given.arguments[name] = fetch(value)
                    elif name in written and _is_address(value):
                        given.arguments[name] = stack.enter_context(put(value))
                return function(*given.args, **given.kwargs)

        return call

    return decorate


def _is_address(value: object) -> bool:
    return isinstance(value, (str, os.PathLike)) and address_of(value) != ""
