"""Options that say where work runs."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compsel.parallel.backend import Backend

__all__ = ["add_running", "running_of", "with_backend"]


def add_running(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--backend`, `--jobs`, `--scheduler` and `--address`.

    Args:
        parser: of a command.
        what: runs there.
    """
    parser.add_argument(
        "--backend",
        metavar="B",
        help=f"where {what}: local (default: processes of this machine), dask or ray; workers of both need the same "
        "files under the same paths",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="of local: processes (default: as many as cores, where that pays)",
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of dask: of its scheduler, such as tcp://10.0.0.5:8786")
    parser.add_argument(
        "--address", metavar="ADDRESS", help="of ray: of its head, such as 10.0.0.5:6379 (default: the one Ray finds)"
    )


def running_of(arguments: argparse.Namespace) -> "Backend":
    """Return where work runs; samples are named by their whole path then, where workers may be elsewhere.

    Raises:
        UsageError: options that contradict each other.
    """
    from compsel.parallel.backend import backend_of

    found = backend_of(arguments.backend, arguments.jobs, arguments.scheduler, arguments.address)
    if found.is_far and getattr(arguments, "samples", None) is not None:
        arguments.samples = arguments.samples.absolute()
    return found


def with_backend(arguments: argparse.Namespace, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a verb with where work runs in place of the words that say it."""
    return {**{name: value for name, value in options.items() if name != "jobs"}, "backend": running_of(arguments)}
