"""`compsel run`: answer images or texts with a bundle."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compsel.cli.answer_rows import given_names, output_lines, rows_of, top_words
from compsel.cli.base import Command, add_json, write_result
from compsel.cli.code_options import add_confidence
from compsel.cli.options import add_labels
from compsel.cli.run_inputs import given_inputs
from compsel.cli.tables import plain_table
from compsel.errors import InputError, UsageError
from compsel.inputs.image import IMAGE
from compsel.inputs.samples.classes import MOST_CLASSES
from compsel.inputs.text import TEXT

__all__ = ["COMMAND"]

_SHOWN_CHARACTERS = 80  # of an input
_TOP_OF_TENSORS = 3  # classes: their numbers alone say little


def _parts(row: dict[str, Any]) -> str:
    stages = " > ".join(f"{stage_ms:.2f}" for stage_ms in row["stages_ms"])
    named = ", ".join(f"{part} {row[f'{part}_ms']:.2f}" for part in ("decode", "features", "selector"))
    return f"{named}, stages {stages}"


def _shown(text: str) -> str:
    """Return an input on one line, a long one cut."""
    text = " ".join(text.split()) if "\n" in text else text
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that compsel build wrote")
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="images, .npz files, folders of them, or texts; -: standard input (an image, an .npz, or lines of text)",
    )
    parser.add_argument("--file", type=Path, metavar="FILE", help="texts, one a line; empty lines are left out")
    parser.add_argument(
        "--top", type=int, metavar="K", help="show the K most probable classes (default 1; of tensors 3)"
    )
    parser.add_argument("--deadline", type=float, metavar="MS", help="the answer must be there by then")
    parser.add_argument(
        "--min-quality", type=float, metavar="F", help="least probability of a right answer, on average"
    )
    add_labels(parser)
    add_confidence(parser)
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    import compsel

    if arguments.top is not None and arguments.top < 1:
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
    said: set[str] = set()
    for name, source in inputs:
        try:
            answer = runtime(source, deadline_ms=arguments.deadline, min_quality=arguments.min_quality)
        except InputError as error:
            if len(inputs) == 1:
                raise
            if str(error) not in said:  # of many alike, one is enough
                print(f"compsel: {error}", file=sys.stderr)
            said.add(str(error))
            continue
        answers.append((name, answer))
    failed = len(inputs) - len(answers)
    if failed > len(said):
        print(f"compsel: {failed:,} of {len(inputs):,} inputs have no answer, for what is said above", file=sys.stderr)
    return answers, failed


def _rows(runtime: Any, answers: list[tuple[str, Any]], arguments: argparse.Namespace) -> list[dict[str, Any]]:
    classes = all(variant.output != "other" for variant in runtime.bundle.variants.values())
    names = given_names(arguments.labels, len(answers[0][1].ranked(MOST_CLASSES)) if classes else None)
    key = {TEXT.name: "text", IMAGE.name: "image"}.get(runtime.modality.name, "input")
    outputs = [spec.name for spec in runtime.get_outputs()]
    return rows_of(answers, names, key, arguments.top or 1, outputs, runtime.bundle.task)


def _print(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> None:
    key = next(iter(rows[0]))
    verbose = arguments.verbosity == "verbose"
    shown: list[tuple[str, ...]] = []
    for row in rows:
        said, *more = _said(row, _TOP_OF_TENSORS if arguments.top is None and key == "input" else arguments.top or 1)
        source = _shown(row[key]) if key == "text" else row[key]
        times = (f"{row['latency_ms']:.2f}", *([_parts(row)] if verbose else []))
        shown.append((source, said, *times, row["choice"], row["note"]))
        shown += [("", line, *("" for _ in times), "", "") for line in more]
    # plain on a terminal too: loading `rich` would take longer than the answer
    said = "answer" if "decided" in rows[0] else "outputs" if rows[0]["label"] is None else "label"
    print(plain_table(shown, (key, said, "ms", *(["parts, ms"] if verbose else []), "choice", "")))


def _said(row: dict[str, Any], top: int) -> list[str]:
    """Return what an answer says, in lines."""
    if "decided" in row:
        return [str(row["decided"])]
    return output_lines(row) if row["label"] is None and not row["abstained"] else [top_words(row, top)]


COMMAND = Command(
    "run",
    "answer images, texts or tensors with a bundle",
    "compsel run bundle/ photo.jpg --deadline 20",
    _arguments,
    _run,
)
