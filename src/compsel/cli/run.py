"""`compsel run`: answer images or texts with a bundle."""

import argparse
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.code_options import add_confidence
from compsel.cli.run_inputs import given_inputs
from compsel.cli.tables import plain_table
from compsel.errors import ImageError, InputError, UsageError
from compsel.features.fusion import softmax
from compsel.inputs.image import IMAGE
from compsel.inputs.text import TEXT

__all__ = ["COMMAND", "names_of", "rows_of", "top_classes"]

_SHOWN_CHARACTERS = 80  # of an input
_TOP = 5  # classes of an answer in the JSON
_SHOWN = 4  # numbers of an answer without class scores


def names_of(path: Path | None, n_classes: int, known: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the names of the classes: one a line of `path`, those `known`, else numbers.

    Raises:
        InputError: a file that cannot be read, or with another number of lines.
    """
    if path is None:
        return known if len(known) == n_classes else tuple(map(str, range(n_classes)))
    try:
        names = tuple(path.read_text(encoding="utf-8-sig").split("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a list of class names: {error}") from error
    names = names[:-1] if names and not names[-1] else names
    if len(names) != n_classes:
        raise InputError(f"{path}: has {len(names)} lines, the model has {n_classes} classes: one line each")
    return names


def rows_of(answers: list[tuple[str, Any]], names: tuple[str, ...], key: str = "image") -> list[dict[str, Any]]:
    """Return one row an answer: input (as `key`), label, choice, time; without `names`, numbers instead of a label."""
    return [
        {
            key: source,
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
        for source, answer in answers
    ]


def _parts(row: dict[str, Any]) -> str:
    stages = " > ".join(f"{stage_ms:.2f}" for stage_ms in row["stages_ms"])
    named = ", ".join(f"{part} {row[f'{part}_ms']:.2f}" for part in ("decode", "features", "selector"))
    return f"{named}, stages {stages}"


def _numbers(outputs: list[np.ndarray]) -> str:
    values = list(islice((value for output in outputs for value in output.flat), _SHOWN + 1))
    texts = [f"{value:.4g}" if isinstance(value, (np.number, np.bool_)) else str(value) for value in values[:_SHOWN]]
    return " ".join(texts + ["..."] * (len(values) > _SHOWN))


def _shown(text: str) -> str:
    """Return an input on one line, a long one cut."""
    text = " ".join(text.split()) if "\n" in text else text
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def _answered(row: dict[str, Any]) -> str:
    return "abstained" if row["abstained"] else str(row["name"])


def top_classes(answer: Any, names: Sequence[str], count: int, kind: str) -> list[dict[str, Any]]:
    """Return the most probable classes of an answer, the best first.

    Args:
        answer: of a model with class scores.
        names: of the classes.
        count: how many.
        kind: of the model's output: "logits" or "probabilities".
    """
    scores = np.asarray(answer.outputs[0][0], np.float32)
    probabilities = scores if kind == "probabilities" else softmax(scores)
    best = np.argsort(-probabilities, kind="stable")[:count]
    return [{"label": int(k), "name": names[k], "probability": float(probabilities[k])} for k in best]


def _top(row: dict[str, Any], shown: int) -> str:
    if row["abstained"] or shown < 2 or not row["top"]:
        return _answered(row)
    return ", ".join(f"{one['name']} {one['probability']:.1%}" for one in row["top"][:shown])


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that compsel build wrote")
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="images, .npz files, folders of them, or texts; -: standard input (an image, an .npz, or lines of text)",
    )
    parser.add_argument("--file", type=Path, metavar="FILE", help="texts, one a line; empty lines are left out")
    parser.add_argument("--top", type=int, default=1, metavar="K", help="show the K most probable classes (default 1)")
    parser.add_argument("--deadline", type=float, metavar="MS", help="the answer must be there by then")
    parser.add_argument(
        "--min-quality", type=float, metavar="F", help="least probability of a right answer, on average"
    )
    parser.add_argument("--labels", type=Path, metavar="FILE", help="names of the classes, one a line")
    add_confidence(parser)
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    import compsel

    if arguments.top < 1:
        raise UsageError(f"--top: got {arguments.top}, allowed is 1 or more")
    if not arguments.inputs and arguments.file is None:
        raise UsageError("got no inputs: give paths of images or .npz files, folders, texts, - or --file FILE")
    with compsel.load(arguments.bundle, confidence=arguments.confidence) as runtime:
        inputs = given_inputs(
            arguments.inputs, runtime.modality, arguments.file, {spec.name for spec in runtime.get_inputs()}
        )
        answers, failed = _answers(runtime, inputs, arguments)
    if answers:
        rows = _rows(runtime, answers, arguments)
        _print(rows, arguments)
        write_result(arguments.json, {"answers": rows})
    return 2 if failed or not answers else 0


def _answers(
    runtime: Any, inputs: Sequence[tuple[str, Any]], arguments: argparse.Namespace
) -> tuple[list[tuple[str, Any]], int]:
    """Return the answers by the names of their inputs, and how many inputs have none, which is said at once."""
    answers: list[tuple[str, Any]] = []
    for name, source in inputs:
        try:
            answer = runtime(source, deadline_ms=arguments.deadline, min_quality=arguments.min_quality)
        except (ImageError, InputError) as error:
            if len(inputs) == 1:
                raise
            print(f"compsel: {error}", file=sys.stderr)
            continue
        answers.append((name, answer))
    return answers, len(inputs) - len(answers)


def _rows(runtime: Any, answers: list[tuple[str, Any]], arguments: argparse.Namespace) -> list[dict[str, Any]]:
    names: tuple[str, ...] = ()
    if all(variant.output != "other" for variant in runtime.bundle.variants.values()):
        n_classes = answers[0][1].outputs[0].shape[-1]
        known = runtime.bundle.labels or (() if runtime.modality is IMAGE else tuple(map(str, range(n_classes))))
        names = names_of(arguments.labels, n_classes, known)
    keys = {TEXT.name: "text", IMAGE.name: "image"}
    rows = rows_of(answers, names, keys.get(runtime.modality.name, "input"))
    count = max(arguments.top, _TOP)
    for row, (_, answer) in zip(rows, answers, strict=True):
        last = runtime.bundle.variants[answer.stages[-1].variant]
        row["top"] = top_classes(answer, names, count, last.output) if names else []
    return rows


def _print(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> None:
    key = next(iter(rows[0]))
    verbose = arguments.verbosity == "verbose"
    shown = [
        (
            _shown(r[key]) if key == "text" else r[key],
            _top(r, arguments.top),
            f"{r['latency_ms']:.2f}",
            *([_parts(r)] if verbose else []),
            r["choice"],
            r["note"],
        )
        for r in rows
    ]
    # plain on a terminal too: loading `rich` would take longer than the answer
    said = "outputs" if rows[0]["label"] is None else "label"
    print(plain_table(shown, (key, said, "ms", *(["parts, ms"] if verbose else []), "choice", "")))


COMMAND = Command(
    "run",
    "answer images, texts or tensors with a bundle",
    "compsel run bundle/ photo.jpg --deadline 20",
    _arguments,
    _run,
)
