"""`compsel student`: make a cheap classifier from samples."""

import argparse
from pathlib import Path

from compsel.cli.base import Command, add_json
from compsel.cli.fitted import add_teacher, say_labels, teacher_of, write_fitted
from compsel.cli.model_options import add_model_options, model_of
from compsel.cli.options import add_samples, samples_of

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_samples(parser)
    parser.add_argument(
        "--encoder",
        type=Path,
        metavar="ENCODER.onnx",
        help="for texts: use its tokenizer, and static vectors of its vocabulary beside the n-grams",
    )
    add_model_options(parser)
    add_teacher(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL.onnx", help="where to write the student")
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.errors import UsageError
    from compsel.techniques.students.making import make_student

    if arguments.tokenizer is not None and arguments.encoder is None:
        raise UsageError("--tokenizer: is that of an encoder: give --encoder too")
    encoder = None
    if arguments.encoder is not None:
        encoder = model_of(arguments, arguments.encoder)
    samples = samples_of(arguments)
    say_labels(samples)
    fitted = make_student(samples, encoder=encoder, teacher=teacher_of(arguments))
    return write_fitted(arguments, fitted, samples)


COMMAND = Command(
    "student",
    "make a cheap classifier from samples: n-grams for texts, small features for images, and a linear head",
    "compsel student --samples intents.csv --encoder encoder.onnx --out student.onnx",
    _arguments,
    _run,
)
