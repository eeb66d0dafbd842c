"""`compsel train`: train selectors on a profile, compare them, and write the bundle of the winner."""

import argparse
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.options import (
    TRAINING_MEMORY,
    add_bundle_out,
    add_certify,
    add_memory_limit,
    add_objective,
    given_options,
)
from compsel.cli.running_options import add_running, running_of
from compsel.cli.tables import print_table
from compsel.cli.terminal import TERMINAL, is_verbose

if TYPE_CHECKING:
    from compsel.building.result import Built
    from compsel.selection.training.trained import Trained

__all__ = ["COMMAND", "show", "show_comparison", "summary"]


def summary(trained: "Trained") -> dict[str, Any]:
    """Return the JSON form of what training found, and of the result of the bundle, where one was written."""
    from compsel.building.result import Built
    from compsel.building.verdict import findings

    return {
        **({"result": trained.result.to_dict()} if isinstance(trained, Built) else {}),
        **({"streaming": trained.streaming} if isinstance(trained, Built) and trained.streaming else {}),
        **findings(trained),
        "penalty_ms": trained.comparison.penalty,
        "unit": trained.comparison.unit,
    }


def show(trained: "Built", bundle: Path) -> None:
    """Print the result and the choices that matter; with `--verbose` the comparison of all that was tried."""
    from compsel.building.certifying import CERTIFIED
    from compsel.building.result_table import result_rows

    print("\n".join(trained.result.sentences()))
    if trained.comparison.winner == CERTIFIED:
        print(trained.comparison.reason)
    print()
    unit = trained.comparison.unit
    print_table(result_rows(trained), ("", "choice", unit, trained.result.right_is))
    if is_verbose():
        show_comparison(trained)
    print(f"bundle: {bundle}")


def show_comparison(trained: "Trained") -> None:
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
                *_gap_cells(score.gap_closed, score.gap_low, score.gap_high),
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


def _gap_cells(value: float, low: float, high: float) -> tuple[str, str]:
    """Return a share of the gap to the oracle and its interval as cells of a table; empty where there is no gap.

    >>> _gap_cells(0.5, 0.4, 0.6), _gap_cells(float("nan"), float("nan"), float("nan"))
    (('0.50', '0.40 to 0.60'), ('', ''))
    """
    if not all(math.isfinite(figure) for figure in (value, low, high)):
        return "", ""
    return f"{value:.2f}", f"{low:.2f} to {high:.2f}"


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("profile", type=Path, metavar="PROFILE", help="folder that compsel profile wrote")
    add_bundle_out(parser)
    add_objective(parser)
    add_certify(parser)
    add_memory_limit(parser, TRAINING_MEMORY)
    add_running(parser, "selectors are trained")
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.result import Built
    from compsel.building.verbs.options import ObjectiveOptions
    from compsel.building.verbs.train import train

    built = train(
        arguments.profile,
        out=arguments.out,
        certify=arguments.certify,
        replace=arguments.replace,
        memory_limit_mb=arguments.memory_limit_mb,
        reporter=TERMINAL,
        backend=running_of(arguments),
        **given_options(arguments, ObjectiveOptions),
    )
    assert isinstance(built, Built)
    show(built, arguments.out)
    write_result(arguments.json, summary(built))
    return 0


COMMAND = Command(
    "train",
    "train selectors on a profile, compare them, and write the bundle of the winner",
    'compsel train profile/ --out bundle/ --goal "at most 1 % less accurate"',
    _arguments,
    _run,
)
