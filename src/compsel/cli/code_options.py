"""Options that name a function of the user: code that runs."""

import argparse
import sys
from pathlib import Path
from typing import Any

__all__ = ["add_confidence", "add_quality", "is_code"]


def function_word(text: str) -> str:
    """Return the word as it is; modules in the working directory are found from then on, after those installed."""
    here = str(Path.cwd())
    if ":" in text and here not in sys.path:
        sys.path.append(here)
    return text


def is_code(action: argparse.Action, value: Any) -> bool:
    """Whether a value of an option names code, not one of the words that the option also takes."""
    return action.type is function_word and ":" in str(value)


def add_quality(parser: argparse.ArgumentParser, text: str) -> None:
    """Add `--quality`, with its help."""
    parser.add_argument("--quality", type=function_word, metavar="MODULE:FUNCTION", help=text)


def add_confidence(parser: argparse.ArgumentParser) -> None:
    """Add `--confidence`."""
    parser.add_argument(
        "--confidence",
        type=function_word,
        metavar="MODULE:FUNCTION",
        help="for models without class scores: of the outputs, gives a few numbers that tell how good they may be "
        "(default: their statistics)",
    )
