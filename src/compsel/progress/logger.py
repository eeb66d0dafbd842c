"""The logger of the library: `logging.getLogger("compsel")`, silent unless the app gives it a handler.

WARNING: something failed and another way was found; INFO: it is back, or what was loaded; DEBUG: every new plan.
Whoever formats records as JSON finds what they speak of in fields of their own, and `event` says what happened.
"""

import sys
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import logging

__all__ = ["EVENTS", "Level", "is_heard", "log_event", "logger"]

Level = Literal["DEBUG", "INFO", "WARNING"]

# events, and their fields
EVENTS = {
    "choice_failed": "variant, processor, wait_s, error, error_type: is left alone for so long; another one answers",
    "choice_recovered": "variant, processor: answers again",
    "choices_unavailable": "folder, processors: what the bundle was measured on and is not here",
    "device_costs": "folder, kind, device: costs that a fleet measured for this kind of device are used",
    "engine_dropped": "variant, processor, limit_mb: to keep the limit of memory",
    "engine_opening": "variant, processor: is loaded",
    "listener_failed": "error, error_type: what was told of calls raises, and is told no more",
    "mirror_removed": "folder, size_mb: of an address, which no process uses, to make room for others",
    "plan_changed": "choices: what runs where from now on, by variant",
    "providers_missing": "processors: providers that `InferenceSession` was asked for, and the bundle has none of",
    "recording_goes_on": "folder: what held it up is over",
    "recording_held_up": "folder, error: is tried again; too many waiting answers are dropped",
    "records_cut_off": "path: the last line of a file is left out",
    "records_incomplete": "folder: the disk did not answer when the runtime was closed",
    "records_put_aside": "path, error: a file is left out",
    "request_failed": "route: of `compsel serve`, with a traceback",
    "state_unreadable": "error, error_type: the device is taken for idle",
    "trial": "variant, processor: is measured again though it is expected to be slower",
    "warm_up_failed": "error, error_type: a variant runs on none of its processors; others answer",
}


@cache
def logger() -> "logging.Logger":
    """Return the logger; it is made when something is logged."""
    import logging  # an app that does not use it does not pay for it

    made = logging.getLogger("compsel")
    # without one, Python prints warnings of loggers that nobody has set up to standard error
    made.addHandler(logging.NullHandler())
    return made


def is_heard(level: Level) -> bool:
    """Whether what is logged at a level goes anywhere: to no app that has not imported `logging`."""
    logging = sys.modules.get("logging")
    # while another thread imports it, nobody has set it up yet
    return hasattr(logging, "getLogger") and logger().isEnabledFor(getattr(logging, level))


def log_event(level: Level, event: str, message: str, *values: object, fields: Mapping[str, object]) -> None:
    """Log an event, if somebody listens.

    Args:
        level: of `logging`, by name.
        event: one of `EVENTS`.
        message: with places for `values`, as `logging` has it.
        fields: of the record.

    >>> import logging
    >>> class Shown(logging.Handler):
    ...     def emit(self, record):
    ...         print(record.event, record.processor, record.getMessage())
    >>> logger().addHandler(shown := Shown())
    >>> log_event("WARNING", "choice_failed", "%s failed", "cuda:0", fields={"processor": "cuda:0"})
    choice_failed cuda:0 cuda:0 failed
    >>> logger().removeHandler(shown)
    """
    if is_heard(level):
        import logging

        logger().log(getattr(logging, level), message, *values, extra={"event": event, **fields}, stacklevel=2)
