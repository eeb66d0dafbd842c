"""`compsel run`: answer images with a bundle."""

import argparse
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.options import add_confidence
from compsel.cli.tables import plain_table
from compsel.errors import ImageError, InputError
from compsel.inputs.imagenet_classes import imagenet_classes

__all__ = ["COMMAND", "names_of", "rows_of"]

_IMAGENET = 1000
_SHOWN = 4  # numbers of an answer without class scores


def names_of(path: Path | None, n_classes: int) -> tuple[str, ...]:
    """Return the names of the classes: one a line of `path`, ImageNet's for 1000 classes, else numbers.

    Raises:
        InputError: a file that cannot be read, or with another number of lines.
    """
    if path is None:
        return imagenet_classes() if n_classes == _IMAGENET else tuple(map(str, range(n_classes)))
    try:
        names = tuple(path.read_text(encoding="utf-8").split("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a list of class names: {error}") from error
    names = names[:-1] if names and not names[-1] else names
    if len(names) != n_classes:
        raise InputError(f"{path}: has {len(names)} lines, the model has {n_classes} classes: one line each")
    return names


def rows_of(answers: list[tuple[str, Any]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return one row an answer: image, label, choice, time; without `names`, the first numbers instead of a label."""
    return [
        {
            "image": image,
            "label": answer.label if names else None,
            "name": names[answer.label] if names else _numbers(answer.outputs),
            "choice": answer.choice,
            "latency_ms": answer.latency_ms,
            "decode_ms": answer.decode_ms,
            "features_ms": answer.features_ms,
            "selector_ms": answer.selector_ms,
            "stages_ms": [stage.latency_ms for stage in answer.stages],
            "constraints_met": answer.constraints_met,
            "note": answer.note,
            "abstained": answer.abstained,
        }
        for image, answer in answers
    ]


def _parts(row: dict[str, Any]) -> str:
    stages = " > ".join(f"{stage_ms:.2f}" for stage_ms in row["stages_ms"])
    named = ", ".join(f"{part} {row[f'{part}_ms']:.2f}" for part in ("decode", "features", "selector"))
    return f"{named}, stages {stages}"


def _numbers(outputs: list[np.ndarray]) -> str:
    values = list(islice((value for output in outputs for value in output.flat), _SHOWN + 1))
    texts = [f"{value:.4g}" if isinstance(value, (np.number, np.bool_)) else str(value) for value in values[:_SHOWN]]
    return " ".join(texts + ["..."] * (len(values) > _SHOWN))


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("images", nargs="+", metavar="IMAGE")
    parser.add_argument("--deadline", type=float, metavar="MS", help="the answer must be there by then")
    parser.add_argument(
        "--min-quality", type=float, metavar="F", help="least probability of a right answer, on average"
    )
    parser.add_argument("--labels", type=Path, metavar="FILE", help="names of the classes, one a line")
    parser.add_argument("--verbose", action="store_true", help="show what part of the time decoding and the rest took")
    add_confidence(parser)
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    import compsel

    failed = 0
    answers: list[tuple[str, Any]] = []
    with compsel.load(arguments.bundle, confidence=arguments.confidence) as runtime:
        has_classes = all(variant.output != "other" for variant in runtime.bundle.variants.values())
        for image in arguments.images:
            try:
                answer = runtime(image, deadline_ms=arguments.deadline, min_quality=arguments.min_quality)
            except ImageError as error:
                if len(arguments.images) == 1:
                    raise
                print(f"compsel: {error}", file=sys.stderr)
                failed += 1
                continue
            answers.append((image, answer))
    if answers:
        names = names_of(arguments.labels, answers[0][1].outputs[0].shape[-1]) if has_classes else ()
        rows = rows_of(answers, names)
        shown = [
            (
                r["image"],
                "abstained" if r["abstained"] else r["name"],
                f"{r['latency_ms']:.2f}",
                *([_parts(r)] if arguments.verbose else []),
                r["choice"],
                r["note"],
            )
            for r in rows
        ]
        parts = ["parts, ms"] if arguments.verbose else []
        # plain on a terminal too: loading `rich` would take longer than the answer
        print(plain_table(shown, ("image", "label", "ms", *parts, "choice", "")))
        write_result(arguments.json, {"answers": rows})
    return 2 if failed else 0


COMMAND = Command(
    "run",
    "answer images with a bundle",
    "compsel run bundle/ photo.jpg --deadline 20",
    _arguments,
    _run,
)
