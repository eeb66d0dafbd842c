"""`compsel characterize`: the tables and pictures of the source papers for any models, techniques and processors."""

import argparse
import math
from collections import Counter
from pathlib import Path
from typing import Any

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.model_options import add_model_options, model_options
from compsel.cli.options import add_meter, add_samples, samples_to_open
from compsel.cli.running_options import add_running, running_of
from compsel.cli.tables import print_table
from compsel.cli.terminal import TERMINAL
from compsel.errors import UsageError

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.onnx", help="models to measure")
    add_samples(parser)
    add_model_options(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where tables, pictures and rows go")
    parser.add_argument("--technique", action="append", metavar="T", help="repeatable (default: all that apply)")
    parser.add_argument("--processor", action="append", metavar="P", help="repeatable (default: all that work here)")
    parser.add_argument("--calibration", type=int, default=50, metavar="N", help="calibration samples (default 50)")
    parser.add_argument("--budget", type=float, default=5.0, metavar="S", help="seconds of latency per row (default 5)")
    add_meter(parser)
    add_running(parser, "models are compressed")
    parser.add_argument("--keep", action="store_true", help="keep the variants on disk")
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.verbs.given import lean_models
    from compsel.device.energy import meter_or_none
    from compsel.evaluation.characterization.characterize import characterize
    from compsel.evaluation.characterization.files import write_characterization
    from compsel.evaluation.characterization.settings import CharacterizationSettings

    if not 0 < arguments.budget < math.inf:
        raise UsageError(f"budget: got {arguments.budget:g}, allowed is a number of seconds above 0")
    if arguments.calibration < 1:
        raise UsageError(f"calibration: got {arguments.calibration}, allowed is 1 or more")
    processors, backend = _processors(arguments.processor), running_of(arguments)
    models, samples = lean_models(arguments.models, samples_to_open(arguments), TERMINAL, **model_options(arguments))
    assert samples is not None
    with meter_or_none(arguments.meter) as meter:
        how = (arguments.technique, processors, arguments.calibration, arguments.budget, arguments.keep, meter, backend)
        settings = CharacterizationSettings(samples, *how)
        rows = characterize(models, settings, arguments.out, TERMINAL)
    content = write_characterization(rows, arguments.out, TERMINAL)
    _print(content)
    print(f"written: {arguments.out / 'characterization.md'}, .parquet, .json, {len(content['pictures'])} pictures")
    write_result(arguments.json, content)
    return 0


def _print(content: dict[str, Any]) -> None:
    counts = Counter(row["technique"] for row in content["rows"] if row["dominated"])
    print_table(
        [
            (
                name,
                average["networks"],
                "" if average["size"] is None else f"{average['size']:+.1%}",
                ", ".join(f"{time['value']:+.0%} {processor}" for processor, time in average["time"].items()),
                counts[name],
            )
            for name, average in content["averages"].items()
        ],
        ("technique", "networks", "size", "time", "dominated rows"),
    )


def _processors(words: list[str] | None) -> list[str]:
    """Return the processors that were asked for, checked; or all that work here and do not only wait otherwise."""
    from compsel.processors import discover, parse_available

    for word in words or ():
        parse_available(word)
    return words or [one.name for one, found in discover() if found.available and not one.name.endswith(":nospin")]


COMMAND = Command(
    "characterize",
    "measure models under every technique and processor: tables and pictures as in the source papers",
    "compsel characterize lite0.onnx vgg16.onnx --samples val/ --out characterized/ --budget 2",
    _arguments,
    _run,
)
