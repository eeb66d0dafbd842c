"""`compsel fleet retrain`: what the merged records teach, as a new bundle."""

import argparse
from pathlib import Path

from compsel.cli.base import Command, write_result
from compsel.cli.fleet_commands.options import add_common, add_since, fleet_of, print_next
from compsel.cli.options import add_bundle_out
from compsel.cli.running_options import add_running, running_of
from compsel.cli.tables import print_table
from compsel.cli.terminal import TERMINAL

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="folder of the bundle that recorded")
    add_bundle_out(parser, "the new bundle")
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="FOLDER",
        help="that the bundle was built from: its policies are trained anew at the fleet's costs",
    )
    add_since(parser, "learn from")
    add_running(parser, "policies are trained anew (with --profile)")
    add_common(parser, "retraining")


def _run(arguments: argparse.Namespace) -> int:
    from compsel.fleet.retrain import retrain

    found = retrain(
        fleet_of(arguments),
        arguments.bundle,
        arguments.out,
        profile=arguments.profile,
        since=arguments.since,
        memory_limit_mb=arguments.memory_limit_mb,
        replace=arguments.replace,
        reporter=TERMINAL,
        backend=running_of(arguments),
    )
    content = found.to_dict()
    rows = (
        (kind["device"], kind["devices"], kind["rows"], f"{kind['times_expected']:.2f}", f"{kind['uncertainty']:.1%}")
        for kind in content["kinds"]
    )
    print_table(rows, header=("kind of device", "devices", "rows", "times the expected cost", "known to"))
    for drift in found.drifts:
        words = found.costs.kinds[drift.kind].words
        print(f"drift: {drift.what} on {words}: {drift.found:.3g}, expected {drift.expected:.3g} (p = {drift.p:.1g})")
    if not found.drifts:
        print(f"no drift: none of {found.tests} differences is more than chance")
    print(f"bundle: {arguments.out}")
    print_next(f"compare {arguments.bundle} {arguments.out}", arguments)
    write_result(arguments.json, content)
    return 0


COMMAND = Command(
    "retrain",
    "make a bundle of what the merged records teach",
    "compsel fleet retrain bundle/ --out new/ --fleet fleet/",
    _arguments,
    _run,
)
