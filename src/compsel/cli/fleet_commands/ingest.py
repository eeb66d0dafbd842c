"""`compsel fleet ingest`: take in what devices uploaded."""

import argparse
from pathlib import Path

from compsel.cli.base import Command, write_result
from compsel.cli.fleet_commands.options import add_bundles, add_common, fleet_of, print_next
from compsel.cli.terminal import TERMINAL

__all__ = ["COMMAND"]

_SHOWN = 5


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "location", type=Path, metavar="LOCATION", help="folder of uploads; its folders are the senders"
    )
    add_bundles(parser, "take")
    parser.add_argument(
        "--sender-limit-mb",
        type=float,
        default=1000.0,
        metavar="MB",
        help="so much is taken of one sender at a time (default 1000)",
    )
    add_common(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.fleet.ingest import ingest

    fleet = fleet_of(arguments, begins=True)
    found = ingest(
        arguments.location,
        fleet,
        bundles=arguments.bundle,
        sender_limit_mb=arguments.sender_limit_mb,
        reporter=TERMINAL,
    )
    print(
        f"{found.files} files: {found.taken} taken in ({found.rows} rows of {len(found.devices)} kinds of devices, "
        f"{len(found.bundles)} bundles), {found.known} known already, {sum(found.put_aside.values())} put aside, "
        f"{len(found.left)} left where they are"
    )
    for what, reasons in (("put aside", found.reasons), ("left", found.left)):
        for name, reason in list(reasons.items())[:_SHOWN]:
            print(f"{what}: {_plain(name)}: {_plain(reason)}")
        if len(reasons) > _SHOWN:
            print(f"{what}: {len(reasons) - _SHOWN} more" + (f", see {fleet.put_aside}" if what == "put aside" else ""))
    if not found.files:
        print(
            f"no records in {arguments.location}: files *.answers.parquet and *.outcomes.parquet, as devices wrote them"
        )
    if found.taken:
        print_next("merge", arguments)
    write_result(arguments.json, vars(found))
    return 0


def _plain(text: str) -> str:
    """A stranger's words: what would steer the terminal, or cannot be written to it, as escapes."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


COMMAND = Command(
    "ingest", "take in what devices uploaded", "compsel fleet ingest uploads/ --fleet fleet/", _arguments, _run
)
