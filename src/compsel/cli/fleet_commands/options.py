"""Options that the words after `compsel fleet` share."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from compsel.cli.base import add_json
from compsel.cli.options import add_memory_limit
from compsel.cli.tables import print_table
from compsel.fleet.layout import FleetFolder

if TYPE_CHECKING:
    from compsel.fleet.compare import FleetComparison

__all__ = ["add_bundles", "add_common", "add_since", "fleet_of", "print_comparison", "print_next"]

_FLEET = Path("fleet")


def add_common(parser: argparse.ArgumentParser, limited: str = "") -> None:
    """Add `--fleet FOLDER`, `--json FILE`, and `--memory-limit-mb MB` where it is said what is limited."""
    parser.add_argument(
        "--fleet",
        type=Path,
        default=_FLEET,
        metavar="FOLDER",
        help="where the fleet's records, tables and releases are (default: fleet)",
    )
    if limited:
        add_memory_limit(parser, f"that {limited} may take (default 2000)")
    add_json(parser)


def add_bundles(parser: argparse.ArgumentParser, doing: str) -> None:
    """Add `--bundle HASH`."""
    parser.add_argument(
        "--bundle", action="append", default=[], metavar="HASH", help=f"{doing} records of this one alone (repeatable)"
    )


def add_since(parser: argparse.ArgumentParser, doing: str) -> None:
    """Add `--since TIME`."""
    parser.add_argument(
        "--since",
        type=_moment,
        metavar="TIME",
        help=f"{doing} answers from then on alone, such as 2026-11-29 or 2026-11-29T08:00+01:00 (UTC where it does not "
        "say; default: all)",
    )


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, allowed is a time such as 2026-11-29 or 2026-11-29T08:00+01:00"
        ) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def fleet_of(arguments: argparse.Namespace, *, begins: bool = False) -> FleetFolder:
    """Return the folder that was named.

    Args:
        arguments: of the command.
        begins: whether there need not be one yet.

    Raises:
        UsageError: it is another folder, or there is none.
    """
    return FleetFolder.opened(arguments.fleet, begins=begins)


def print_next(command: str, arguments: argparse.Namespace) -> None:
    """Print what is likely to be done next, on the same fleet."""
    print(f"Next: compsel fleet {command}" + ("" if arguments.fleet == _FLEET else f" --fleet {arguments.fleet}"))


def print_comparison(found: "FleetComparison") -> None:
    """Print for which kinds of devices a new bundle is better, and in a sentence whether it is."""
    rows = ((found.devices[key].words, one.devices, one.answers, one.words) for key, one in sorted(found.kinds.items()))
    print_table(rows, header=("kind of device", "devices", "answers", "new against old"))
    print(found.words)
