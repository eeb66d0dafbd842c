"""`compsel student`: make a cheap classifier from samples, or a cheap encoder from an encoder alone."""

import argparse
from pathlib import Path

from compsel.cli.base import Command, add_json
from compsel.cli.fitted import add_teacher, say_labels, teacher_of, write_fitted, write_static
from compsel.cli.model_options import add_model_options, model_of
from compsel.cli.options import add_samples, samples_of
from compsel.inputs.samples import Samples

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
    from compsel.errors import UsageError
    from compsel.techniques.students.making import make_student
    from compsel.techniques.students.static_encoder import make_static_encoder

    if arguments.width is not None and arguments.width < 1:
        raise UsageError(f"--width: got {arguments.width}, allowed is 1 or more")
    if arguments.tokenizer is not None and arguments.encoder is None:
        raise UsageError("--tokenizer: is that of an encoder: give --encoder too")
    encoder = None
    if arguments.encoder is not None:
        encoder = model_of(arguments, arguments.encoder)
    samples = None if arguments.samples is None else samples_of(arguments)
    teacher = teacher_of(arguments)
    if encoder is not None and teacher is None and (samples is None or not _labelled(samples)):
        return write_static(arguments, make_static_encoder(encoder, samples, width=arguments.width), encoder)
    if samples is None:
        raise UsageError("--samples: is needed without --encoder, and with --teacher")
    if arguments.width is not None:
        raise UsageError("--width: is that of a static encoder, which is made without labels and --teacher")
    say_labels(samples)
    fitted = make_student(samples, encoder=encoder, teacher=teacher)
    return write_fitted(arguments, fitted, samples)


def _labelled(samples: Samples) -> bool:
    return any(label is not None for label in samples.labels)


COMMAND = Command(
    "student",
    "make a cheap classifier from samples (n-grams for texts, small features for images), or a static encoder",
    "compsel student --samples intents.csv --encoder encoder.onnx --out student.onnx",
    _arguments,
    _run,
)
