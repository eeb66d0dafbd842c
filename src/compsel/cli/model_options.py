"""Options of the commands that take ONNX files: what is said of a model that its file does not say."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from compsel.cli.terminal import TERMINAL
from compsel.inputs.images.conventions import CONVENTIONS
from compsel.inputs.samples import Samples

if TYPE_CHECKING:
    from compsel.models.model import Model

__all__ = ["add_model_options", "is_plain", "model_of", "models_of"]


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add what is said of a model that its file, and those beside it, may not say: inputs and names of classes."""
    parser.add_argument(
        "--preprocess",
        metavar="P",
        default="auto",
        help="how pictures are prepared: auto (what the model or a file beside it says, else found out on labelled "
        f"samples), a name ({', '.join(CONVENTIONS)}), or values: resize=256,crop=224,mean=0.485/0.456/0.406,"
        "std=0.229/0.224/0.225,order=rgb,interpolation=bilinear",
    )
    parser.add_argument(
        "--classes",
        type=Path,
        metavar="FILE",
        help="names of the classes in the order of the model's outputs: one a line, or JSON (default: what the model, "
        "or labels.txt or config.json beside it, says)",
    )
    parser.add_argument(
        "--tokenizer",
        type=Path,
        metavar="FILE",
        help="tokenizer.json of models that take tokens (default: MODEL.tokenizer.json or tokenizer.json beside one)",
    )


def model_of(arguments: argparse.Namespace, path: Path) -> "Model":
    """Read one model, with what the arguments say of it.

    Raises:
        ModelError: it cannot be read, or takes no texts where a tokenizer is named.
        UsageError: a preprocessing or names of classes that do not fit it.
    """
    from compsel.models.model import Model  # onnx is heavy

    return Model.load(path, preprocess=arguments.preprocess, classes=arguments.classes, tokenizer=arguments.tokenizer)


def models_of(arguments: argparse.Namespace, samples: Samples | None = None) -> "list[Path | Model]":
    """Return the models that the arguments name: as paths, where nothing has to be said of them, for they may be large.

    Args:
        arguments: of `add_model_options`, and `models`.
        samples: find out, with them, how pictures are prepared where nothing says it; None: that is left to others.

    Raises:
        ModelError, UsageError: see `model_of`.
        ProfileError: no preprocessing fits the samples.
    """
    return [_lean(arguments, path, samples) for path in arguments.models]


def _lean(arguments: argparse.Namespace, path: Path, samples: Samples | None) -> "Path | Model":
    from compsel.building.preprocessing_search.resolve import complete

    model = model_of(arguments, path)
    if samples is not None:
        model = complete(model, samples, TERMINAL)
    return path if is_plain(arguments, model) else model


def is_plain(arguments: argparse.Namespace, model: "Model") -> bool:
    """Whether a model is as its file, read without the arguments, would be: nothing was said, and nothing found out."""
    said = (arguments.preprocess, arguments.classes, arguments.tokenizer) != ("auto", None, None)
    return not said and not model.searched
