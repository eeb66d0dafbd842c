"""`compsel build`: compress, measure, train and write a bundle."""

import argparse
from dataclasses import replace
from pathlib import Path

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.model_options import add_model_options, models_of
from compsel.cli.options import (
    add_certify,
    add_measuring,
    add_objective,
    add_samples,
    objective,
    reject_option,
    samples_of,
)
from compsel.cli.profile import measuring
from compsel.cli.report import add_report, leave_report
from compsel.cli.terminal import TERMINAL
from compsel.cli.train import show, summary

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.onnx")
    add_samples(parser)
    add_model_options(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="BUNDLE")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where measurements are kept (default: BUNDLE.work)")
    parser.add_argument("--replace", action="store_true", help="replace a bundle that is there already")
    add_measuring(parser)
    add_objective(parser)
    add_certify(parser)
    add_report(parser)
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.build import build

    wanted, rejecting = objective(arguments), reject_option(arguments)
    options = measuring(arguments)
    samples = samples_of(arguments)
    trained = build(
        models_of(arguments),
        samples,
        arguments.out,
        wanted,
        reject_option=rejecting,
        certify=arguments.certify,
        work=arguments.work,
        replace=arguments.replace,
        measuring=replace(options, origin=f"{len(samples)} samples"),
        reporter=TERMINAL,
    )
    show(trained, arguments.out)
    write_result(arguments.json, summary(trained))
    leave_report(arguments, arguments.out)
    return 0


COMMAND = Command(
    "build",
    "compress, measure, train and write a bundle",
    "compsel build lite0.onnx lite2.onnx --samples val/ --out bundle/",
    _arguments,
    _run,
)
