"""`compsel build`: compress, measure, train and write a bundle."""

import argparse
from pathlib import Path

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.model_options import add_measured_models, model_options
from compsel.cli.options import (
    add_certify,
    add_measuring,
    add_objective,
    given_options,
    samples_to_open,
)
from compsel.cli.report import add_report, leave_report
from compsel.cli.terminal import TERMINAL
from compsel.cli.train import show, summary
from compsel.storage.files import folder_size_mb
from compsel.storage.sizes import size_words

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_measured_models(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="BUNDLE", help="where the bundle goes")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where measurements are kept (default: BUNDLE.work)")
    parser.add_argument("--replace", action="store_true", help="replace a bundle that is there already")
    add_measuring(parser)
    add_objective(parser)
    add_certify(parser)
    add_report(parser)
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.verbs.build import build
    from compsel.building.verbs.options import BuildOptions
    from compsel.evaluation.contenders import work_folder

    built = build(
        arguments.models,
        samples_to_open(arguments),
        arguments.out,
        **model_options(arguments),
        certify=arguments.certify,
        work=arguments.work,
        replace=arguments.replace,
        reporter=TERMINAL,
        **given_options(arguments, BuildOptions),
    )
    show(built, arguments.out)
    _say_what_is_kept(arguments.work or work_folder(arguments.out))
    write_result(arguments.json, summary(built))
    leave_report(arguments, arguments.out)
    return 0


def _say_what_is_kept(work: Path) -> None:
    print(
        f"measurements: {work} ({size_words(folder_size_mb(work))}): this command goes on from there, and evaluate and "
        "train read it; an app does not: delete it when you are done"
    )


COMMAND = Command(
    "build",
    "compress, measure, train and write a bundle",
    "compsel build lite0.onnx lite2.onnx --samples val/ --out bundle/",
    _arguments,
    _run,
)
