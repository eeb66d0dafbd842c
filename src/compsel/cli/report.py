"""`compsel report`: one self-contained HTML page about a bundle or a profile; the page that other verbs leave."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.options import add_samples, samples_to_open
from compsel.cli.terminal import TERMINAL
from compsel.errors import CompselError
from compsel.storage.locations.using import address_behind, written_file
from compsel.storage.sizes import size_words

if TYPE_CHECKING:
    from compsel.inputs.samples import Samples

__all__ = ["COMMAND", "add_report", "leave_report"]


def add_report(parser: argparse.ArgumentParser, *, inputs: bool = False) -> None:
    """Add `--no-report`, and `--no-inputs` where the page may show some."""
    parser.add_argument("--no-report", action="store_true", help="leave no HTML page beside the bundle")
    if inputs:
        parser.add_argument("--no-inputs", action="store_true", help="show no images or texts on the page")


def leave_report(
    arguments: argparse.Namespace,
    bundle: Path,
    evaluation: Mapping[str, Any] | None = None,
    samples: "Samples | None" = None,
) -> None:
    """Write the page beside the bundle and name it, unless it is not wanted; say so where it cannot be written."""
    if arguments.no_report:
        return
    from compsel.evaluation.report.report import write_report

    shown = None if getattr(arguments, "no_inputs", False) else samples
    try:
        with written_file(_place(bundle)) as path:
            write_report(bundle, path, evaluation, shown)
            _say_where(path)
    except CompselError as error:
        TERMINAL.say(f"no report: {error}")


def _place(source: Path) -> Path | str:
    """Return where the page of a folder lies, of the mirror of an address beside that."""
    from compsel.evaluation.report.report import report_path

    address = address_behind(source)
    return f"{address}.report.html" if address else report_path(source)


def _say_where(path: Path) -> None:
    print(f"report: {path} ({size_words(path.stat().st_size / 1e6)}), open it in a browser")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="BUNDLE|PROFILE", help="a folder that compsel wrote")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.html", help="where the page goes (default: BUNDLE.report.html beside it)"
    )
    parser.add_argument("--evaluation", type=Path, metavar="FILE", help="what compsel evaluate --json wrote")
    add_samples(parser, required=False, use="; those of the evaluation, of which the page then shows some")
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.verbs.report import report

    samples = samples_to_open(arguments)
    with written_file(arguments.out or _place(arguments.source)) as path:
        report(arguments.source, path, evaluation=arguments.evaluation, samples=samples)
        _say_where(path)
        write_result(arguments.json, {"path": str(path), "bytes": path.stat().st_size})
    return 0


COMMAND = Command(
    "report",
    "write one self-contained HTML page about a bundle or a profile",
    "compsel report bundle/ --evaluation result.json",
    _arguments,
    _run,
)
