"""`compsel student`: make a cheap classifier from samples, or a cheap encoder from an encoder alone."""

import argparse
from pathlib import Path

from compsel.cli.base import Command, add_json
from compsel.cli.fitted import add_teacher, write_fitted, write_static
from compsel.cli.model_options import add_model_options, model_options
from compsel.cli.options import add_samples, samples_to_open
from compsel.cli.terminal import TERMINAL

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_samples(parser, required=False)
    parser.add_argument(
        "--encoder",
        type=Path,
        metavar="ENCODER.onnx",
        help="for texts: use its tokenizer, and static vectors of its vocabulary beside the n-grams; without labels a "
        "static encoder is made of it, which learns its embeddings of the texts, if there are any",
    )
    parser.add_argument(
        "--width",
        type=int,
        metavar="N",
        help="of a static encoder: principal components that its table keeps (default: all)",
    )
    add_model_options(parser)
    add_teacher(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL.onnx", help="where to write the student")
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.verbs.fit import student
    from compsel.techniques.students.static_encoder import StaticEncoder

    made = student(
        samples_to_open(arguments),
        arguments.out,
        encoder=arguments.encoder,
        **model_options(arguments),
        teacher=arguments.teacher,
        width=arguments.width,
        reporter=TERMINAL,
    )
    return write_static(arguments, made) if isinstance(made, StaticEncoder) else write_fitted(arguments, made)


COMMAND = Command(
    "student",
    "make a cheap classifier from samples (n-grams for texts, small features for images), or a static encoder",
    "compsel student --samples intents.csv --encoder encoder.onnx --out student.onnx",
    _arguments,
    _run,
)
