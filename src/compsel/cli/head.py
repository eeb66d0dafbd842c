"""`compsel head`: fit a linear classifier on what an encoder gives."""

import argparse
from pathlib import Path

from compsel.cli.base import Command, add_json
from compsel.cli.fitted import add_teacher, write_fitted
from compsel.cli.model_options import add_model_options, model_options
from compsel.cli.options import add_samples, samples_to_open
from compsel.cli.terminal import TERMINAL

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("encoder", type=Path, metavar="ENCODER.onnx", help="model whose first output is used")
    add_samples(parser)
    add_model_options(parser)
    add_teacher(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL.onnx", help="where to write the classifier")
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.verbs.fit import head

    fitted = head(
        arguments.encoder,
        samples_to_open(arguments),
        arguments.out,
        **model_options(arguments),
        teacher=arguments.teacher,
        reporter=TERMINAL,
    )
    return write_fitted(arguments, fitted)


COMMAND = Command(
    "head",
    "fit a linear classifier on what an encoder gives, by cross-validation",
    "compsel head encoder.onnx --samples intents.csv --out intents.onnx",
    _arguments,
    _run,
)
