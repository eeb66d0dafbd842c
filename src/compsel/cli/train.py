"""`compsel train`: train selectors on a profile, compare them, and write the bundle of the winner."""

import argparse
import re
from pathlib import Path
from typing import Any

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.options import add_certify, add_objective, objective, reject_option
from compsel.cli.tables import print_table
from compsel.cli.terminal import TERMINAL
from compsel.storage.files import check_place

__all__ = ["COMMAND", "show", "summary"]


def summary(trained: Any) -> dict[str, Any]:
    """Return the JSON form of what training found."""
    from compsel.building.verdict import findings

    return {**findings(trained), "penalty_ms": trained.comparison.penalty, "unit": trained.comparison.unit}


def show(trained: Any) -> None:
    """Print the verdict, the comparison on held-out samples, what is shipped and what is expected of it."""
    from compsel.building.verdict import expectations, verdict_of

    verdict = verdict_of(trained)
    lines = "\n".join([verdict.sentence, *verdict.reasons])
    print(re.sub(r"(?<![\w/-])adaptive(?![\w/-])", trained.comparison.winner, lines))
    print("cross-validated, on samples that were not trained on:")
    print_table(
        [
            (
                score.name,
                f"{score.quality:.2%}",
                f"{score.latency_ms:.2f}",
                f"{score.faster:.2f} ({score.faster_low:.2f} to {score.faster_high:.2f})",
                f"{score.gap_closed:.2f}",
                f"{score.gap_low:.2f} to {score.gap_high:.2f}",
            )
            for score in trained.comparison.scores.values()
        ],
        (
            "selector",
            "quality",
            f"mean {trained.comparison.unit}",
            "times as fast as single best",
            "gap closed",
            "95 %",
        ),
    )
    print("\n".join([trained.comparison.reason, *expectations(trained)]))


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("profile", type=Path, metavar="PROFILE", help="folder that compsel profile wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="BUNDLE")
    parser.add_argument("--replace", action="store_true", help="replace a bundle that is there already")
    add_objective(parser)
    add_certify(parser)
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.train import train_bundle
    from compsel.profiling.profile import Profile

    wanted, rejecting = objective(arguments), reject_option(arguments)
    check_place(arguments.out, replace=arguments.replace)
    profile = Profile.load(arguments.profile)
    trained = train_bundle(
        profile,
        arguments.profile / "variants",
        arguments.out,
        wanted,
        reject_option=rejecting,
        certify=arguments.certify,
        replace=arguments.replace,
        reporter=TERMINAL,
    )
    show(trained)
    write_result(arguments.json, summary(trained))
    return 0


COMMAND = Command(
    "train",
    "train selectors on a profile, compare them, and write the bundle of the winner",
    'compsel train profile/ --out bundle/ --goal "at most 1 % less accurate"',
    _arguments,
    _run,
)
