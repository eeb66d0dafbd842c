"""`compsel report`: one self-contained HTML page about a bundle or a profile."""

import argparse
from pathlib import Path

from compsel.cli.base import Command, add_json, write_result

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="BUNDLE|PROFILE", help="a folder that compsel wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.html", help="where the page goes")
    parser.add_argument("--evaluation", type=Path, metavar="FILE", help="what compsel evaluate --json wrote")
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.verbs.report import report

    path = report(arguments.source, arguments.out, evaluation=arguments.evaluation)
    size = path.stat().st_size
    print(f"{path}: {size / 1e3:.0f} kB, open it in a browser")
    write_result(arguments.json, {"path": str(path), "bytes": size})
    return 0


COMMAND = Command(
    "report",
    "write one self-contained HTML page about a bundle or a profile",
    "compsel report bundle/ --evaluation result.json --out report.html",
    _arguments,
    _run,
)
