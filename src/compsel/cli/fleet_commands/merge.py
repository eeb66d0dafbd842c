"""`compsel fleet merge`: one table of what was taken in."""

import argparse
from dataclasses import asdict

from compsel.cli.base import Command, write_result
from compsel.cli.fleet_commands.options import add_bundles, add_common, fleet_of, print_next
from compsel.cli.tables import print_table
from compsel.cli.terminal import TERMINAL

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_bundles(parser, "merge")
    add_common(parser, "merging")


def _run(arguments: argparse.Namespace) -> int:
    from compsel.fleet.merge import merge

    found = merge(
        fleet_of(arguments), bundles=arguments.bundle, memory_limit_mb=arguments.memory_limit_mb, reporter=TERMINAL
    )
    header = ("bundle", "answers", "rows", "kinds of devices", "installations", "duplicates", "with outcome", "lost")
    rows = (
        (one.bundle, one.answers, one.rows, one.devices, one.installations, one.duplicates, one.outcomes, one.dropped)
        for one in found
    )
    print_table(rows, header=header)
    changed, buckets = sum(one.changed for one in found), sum(one.buckets for one in found)
    print(f"{changed} of {buckets} buckets had changed and were merged")
    if left_out := sum(one.left_out for one in found):
        print(f"{left_out} parts are left out: their sessions have more rows than any runtime writes")
    print_next("retrain BUNDLE --out NEW", arguments)
    write_result(arguments.json, {"merged": [asdict(one) for one in found]})
    return 0


COMMAND = Command(
    "merge", "make one table of what was taken in", "compsel fleet merge --fleet fleet/", _arguments, _run
)
