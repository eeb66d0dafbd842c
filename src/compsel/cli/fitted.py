"""What the commands that fit a model to samples share: their last lines, and the result as JSON."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.cli.base import write_result
from compsel.profiling.confidence_intervals import normal_mean

if TYPE_CHECKING:
    from compsel.inputs.samples import Samples
    from compsel.models.model import Model
    from compsel.techniques.heads.fitting import FittedModel

__all__ = ["add_teacher", "teacher_of", "write_fitted"]


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
