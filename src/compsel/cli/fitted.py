"""What the commands that fit a model to samples share: their last lines, and the result as JSON."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.cli.base import write_result
from compsel.cli.terminal import TERMINAL
from compsel.profiling.confidence_intervals import normal_mean

if TYPE_CHECKING:
    from compsel.inputs.samples import Samples
    from compsel.models.model import Model
    from compsel.techniques.heads.fitting import FittedModel
    from compsel.techniques.students.static_encoder import StaticEncoder

__all__ = ["add_teacher", "say_labels", "teacher_of", "write_fitted", "write_static"]


def add_teacher(parser: argparse.ArgumentParser) -> None:
    """Add `--teacher MODEL.onnx`."""
    parser.add_argument(
        "--teacher",
        type=Path,
        metavar="MODEL.onnx",
        help="classifier whose answers are learned where not all samples have labels",
    )


def teacher_of(arguments: argparse.Namespace) -> "Model | None":
    """Open the teacher that the arguments name, if any.

    Raises:
        ModelError: it cannot be read.
    """
    if arguments.teacher is None:
        return None
    from compsel.models.model import Model

    return Model.load(arguments.teacher)


def say_labels(samples: "Samples") -> None:
    """Say where the order of the classes is from."""
    if note := samples.label_note():
        TERMINAL.say(note)


def write_fitted(arguments: argparse.Namespace, fitted: "FittedModel", samples: "Samples") -> int:
    """Save the model, and say how good it is on samples that it did not see."""
    path = fitted.model.save(arguments.out)
    accuracy = normal_mean(fitted.right)
    size = path.stat().st_size
    print(
        f"{path}: {size / 1e6:.1f} MB, {accuracy:.1%} right out of fold "
        f"({len(samples)} samples, 5 folds; regularisation {fitted.l2:g})"
    )
    result: dict[str, Any] = {
        "path": str(path),
        "bytes": size,
        "n": len(samples),
        "accuracy": accuracy.value,
        "accuracy_95": [accuracy.low, accuracy.high],
        "l2": fitted.l2,
    }
    write_result(arguments.json, result)
    return 0


def write_static(arguments: argparse.Namespace, made: "StaticEncoder", encoder: "Model") -> int:
    """Save a static encoder, and say how like its encoder it is on texts that it did not see."""
    path = made.model.save(arguments.out)
    size = path.stat().st_size
    result: dict[str, Any] = {"path": str(path), "bytes": size, "n": len(made.similarity)}
    said = (
        f"made of the vocabulary of {encoder.name} alone; with --samples TEXTS, which need no labels, it learns its "
        "embeddings of these, and says how like they are"
    )
    if len(made.similarity):
        mean = normal_mean(made.similarity)
        result |= {"cosine": mean.value, "cosine_95": [mean.low, mean.high]}
        said = f"mean cosine to {encoder.name} {mean.value:.3f} out of fold ({len(made.similarity)} texts, 5 folds)"
    print(f"{path}: {size / 1e6:.1f} MB, {said}")
    write_result(arguments.json, result)
    return 0
