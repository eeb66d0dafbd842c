"""Options of the commands that take ONNX files: what is said of a model that its file does not say."""

import argparse
from pathlib import Path
from typing import Any

from compsel.cli.options import add_samples
from compsel.inputs.images.conventions import CONVENTIONS

__all__ = ["add_measured_models", "add_model_options", "model_options"]


def add_measured_models(parser: argparse.ArgumentParser) -> None:
    """Add models that are candidates for the same inputs, the samples to measure on, and what is said of models."""
    parser.add_argument(
        "models",
        nargs="+",
        type=Path,
        metavar="MODEL.onnx",
        help="one or several models for the same inputs and answers",
    )
    add_samples(parser)
    add_model_options(parser)


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


def model_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what the arguments say of models, as the verbs take it."""
    return {name: getattr(arguments, name) for name in ("preprocess", "classes", "tokenizer")}
