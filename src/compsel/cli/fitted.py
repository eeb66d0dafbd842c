"""What the commands that fit a model to samples share: their last lines, and the result as JSON."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.cli.base import write_result
from compsel.profiling.confidence_intervals import normal_mean
from compsel.storage.sizes import size_words

if TYPE_CHECKING:
    from compsel.techniques.heads.fitting import FittedModel
    from compsel.techniques.students.static_encoder import StaticEncoder

__all__ = ["add_teacher", "write_fitted", "write_static"]


def add_teacher(parser: argparse.ArgumentParser) -> None:
    """Add `--teacher MODEL.onnx`."""
    parser.add_argument(
        "--teacher",
        type=Path,
        metavar="MODEL.onnx",
        help="classifier whose answers are learned where not all samples have labels",
    )


def write_fitted(arguments: argparse.Namespace, fitted: "FittedModel") -> int:
    """Say how good the model that was written is on samples that it did not see."""
    path: Path = arguments.out
    accuracy = normal_mean(fitted.right)
    size = path.stat().st_size
    print(
        f"{path}: {size_words(size / 1e6)}, {accuracy:.1%} right out of fold "
        f"({len(fitted.right)} samples, 5 folds; regularisation {fitted.l2:g})"
    )
    result: dict[str, Any] = {
        "path": str(path),
        "bytes": size,
        "n": len(fitted.right),
        "accuracy": accuracy.value,
        "accuracy_95": [accuracy.low, accuracy.high],
        "l2": fitted.l2,
    }
    write_result(arguments.json, result)
    return 0


def write_static(arguments: argparse.Namespace, made: "StaticEncoder") -> int:
    """Say how like its encoder the static one that was written is on texts that it did not see."""
    path: Path = arguments.out
    size = path.stat().st_size
    result: dict[str, Any] = {"path": str(path), "bytes": size, "n": len(made.similarity)}
    encoder = arguments.encoder.stem
    said = (
        f"made of the vocabulary of {encoder} alone; with --samples TEXTS, which need no labels, it learns its "
        "embeddings of these, and says how like they are"
    )
    if len(made.similarity):
        mean = normal_mean(made.similarity)
        result |= {"cosine": mean.value, "cosine_95": [mean.low, mean.high]}
        said = f"mean cosine to {encoder} {mean.value:.3f} out of fold ({len(made.similarity)} texts, 5 folds)"
    print(f"{path}: {size_words(size / 1e6)}, {said}")
    write_result(arguments.json, result)
    return 0
