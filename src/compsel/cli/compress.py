"""`compsel compress`: make smaller or faster variants of ONNX models, verify them, and write them."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.model_options import add_model_options, model_options
from compsel.cli.options import add_samples, add_technique, samples_to_open
from compsel.cli.running_options import add_running, running_of
from compsel.cli.tables import print_table
from compsel.cli.terminal import TERMINAL
from compsel.errors import NotApplicableError, TechniqueError, UsageError

if TYPE_CHECKING:
    from compsel.building.search import SearchPoint, SearchResult
    from compsel.inputs.samples import Samples
    from compsel.models.model import Model
    from compsel.selection.goals import Goal
    from compsel.techniques.layerwise.technique import LayerwiseTechnique
    from compsel.variants.compress import CompressionReport
    from compsel.variants.verification import Verification

__all__ = ["COMMAND"]

# the error of a channel is said from here on, where it is so many times the error of the whole
_SAID_CHANNEL_ERROR, _HIDDEN = 0.05, 10.0
_HEADER = ("model", "technique", "size", "p50 ms", "speed", "accuracy", "agrees", "file or reason")
_NOTHING_WRITTEN = 1
_POINT_HEADER = ("model", "technique", "work", "latency", "size", "quality", "expected", "file", "goal")
# what a goal is searched with when no technique is asked for
_SEARCHED = ("channel-prune", "low-rank")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.onnx", help="models to compress")
    add_technique(parser, "one to apply, repeatable (default: all that apply)")
    add_samples(
        parser,
        required=False,
        part=False,
        use="; to calibrate with and to verify on (default: verified on made-up inputs)",
    )
    add_model_options(parser)
    parser.add_argument("--calibration", type=int, default=100, metavar="N", help="samples to use (default 100)")
    parser.add_argument(
        "--goal",
        metavar="TEXT",
        help='search the settings of each layer: "at most 1 %% less accurate", "half the time" '
        f"(techniques: {', '.join(_SEARCHED)}; half of the samples judge)",
    )
    parser.add_argument("--processor", default="cpu:1", metavar="P", help="where latency is measured (default cpu:1)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=0.5,
        metavar="S",
        help="of timing, for each variant (default 0.5); 0: measure neither latency nor accuracy",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the variants go")
    add_running(parser, "models are compressed")
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.verbs.compress import compress

    if arguments.goal is not None:
        return _search(arguments)
    backend = running_of(arguments)
    reports = compress(
        arguments.models,
        arguments.technique,
        arguments.out,
        samples=samples_to_open(arguments),
        calibration=arguments.calibration,
        processor=arguments.processor,
        seconds=arguments.seconds,
        **model_options(arguments),
        reporter=TERMINAL,
        backend=backend,
    )
    print_table(map(_row, reports), header=_HEADER)
    print(_how_compared(reports, arguments.processor), end="")
    write_result(
        arguments.json,
        {
            "variants": [_plain(report) for report in reports],
            "originals": {one.model: one.original.to_dict() for one in reports if one.original},
            "processor": arguments.processor,
        },
    )
    return 0 if any(report.path for report in reports) else _NOTHING_WRITTEN


def _search(arguments: argparse.Namespace) -> int:
    from compsel.building.verbs.compress import opened_for
    from compsel.processors import parse_available
    from compsel.selection.goals import parse_goal
    from compsel.storage.files import write_json

    parse_available(arguments.processor)
    goal = parse_goal(arguments.goal)
    techniques = [_adjusted(spec) for spec in arguments.technique or _SEARCHED]
    if arguments.samples is None:
        raise UsageError("--goal: needs samples to measure on: give --samples DIR")
    found: list[dict[str, Any]] = []
    rows: list[tuple[str, ...]] = []
    for path in arguments.models:
        model, found_samples = opened_for(path, samples_to_open(arguments), TERMINAL, **model_options(arguments))
        assert found_samples is not None
        samples = found_samples.spread(arguments.calibration)
        for technique in techniques:
            result = _search_one(arguments, model, technique, samples, goal)
            found.append({"model": model.name, "technique": technique.name, **result})
            rows += [(model.name, *row) for row in result.pop("rows")]
    print_table(rows, header=_POINT_HEADER)
    content = {"format_version": 1, "goal": arguments.goal, "searches": found}
    write_json(arguments.out / "search.json", content)
    write_result(arguments.json, content)
    return 0 if any(entry["chosen"] for entry in found) else _NOTHING_WRITTEN


def _adjusted(spec: str) -> "LayerwiseTechnique":
    from compsel.techniques import parse
    from compsel.techniques.layerwise.technique import LayerwiseTechnique

    technique = parse(spec)
    if not isinstance(technique, LayerwiseTechnique):
        raise TechniqueError(f"--goal: got technique {spec!r}, allowed are {', '.join(_SEARCHED)}")
    return technique


def _search_one(
    arguments: argparse.Namespace, model: "Model", technique: "LayerwiseTechnique", samples: "Samples", goal: "Goal"
) -> dict[str, Any]:
    from compsel.building.search import search

    try:
        result: SearchResult = search(
            model, technique, samples, goal, arguments.out, processor=arguments.processor, reporter=TERMINAL
        )
    except NotApplicableError as error:
        return {
            "chosen": None,
            "reason": str(error),
            "front": [],
            "rows": [(technique.name, "", "", "", "", "", str(error), "")],
        }
    front = [
        {**asdict(point), "expected_quality": result.expected[point.technique], "file": _file(result, point)}
        for point in result.front
    ]
    rows = [_point_row(technique.name, point, result) for point in result.front]
    chosen = asdict(result.chosen) if result.chosen else None
    return {"chosen": chosen, "reason": result.reason, "front": front, "rows": rows}


def _file(result: "SearchResult", point: "SearchPoint") -> str | None:
    path = result.files.get(point.technique)
    return None if path is None else path.name


def _point_row(name: str, point: "SearchPoint", result: "SearchResult") -> tuple[str, ...]:
    ratios = (point.work_ratio, point.latency_ratio, point.size_ratio, point.quality, result.expected[point.technique])
    shares = (f"{value:.1%}" for value in ratios)
    label = "none" if point.technique == "none" else name
    return (label, *shares, _file(result, point) or "", "chosen" if point == result.chosen else "")


def _row(report: "CompressionReport") -> tuple[str, ...]:
    share = f"{report.size_bytes / report.original_bytes:.1%}" if report.size_bytes else ""
    agrees = _agrees(report.verification) if report.verification else ""
    latency = speed = accuracy = ""
    if report.figures is not None:
        latency, speed = f"{report.figures.latency_ms:.2f}", f"{report.figures.speedup[0]:.2f}x"
        accuracy = "" if report.figures.accuracy is None else f"{report.figures.accuracy:.1%}"
    return (report.model, report.technique, share, latency, speed, accuracy, agrees, str(report.path or report.reason))


def _agrees(verification: "Verification") -> str:
    error, channel = verification.relative_error, verification.channel_error
    if verification.agreement is not None:
        text = f"{verification.agreement:.1%}"
    else:
        text = "" if error is None else f"error {error:.2g}"
    # boxes in pixels beside scores below 1: the distance of all says nothing of the scores
    hidden = error is not None and channel is not None and channel > max(_SAID_CHANNEL_ERROR, _HIDDEN * error)
    return f"{text}, channel {channel:.2g}" if hidden else text


def _how_compared(reports: "list[CompressionReport]", processor: str) -> str:
    """Say what the figures are against, what stands under "agrees", and where inputs were made up."""
    compared = [report.verification for report in reports if report.verification and report.verification.samples]
    lines = ""
    for name, one in {report.model: report.original for report in reports if report.original}.items():
        right = "" if one.accuracy is None else f", {one.accuracy:.1%} right on {one.samples} samples with labels"
        lines += f"{name} itself on {processor}: {one.latency_ms:.2f} ms{right}; all were timed in turns\n"
    if any(_agrees(verification).startswith("error") for verification in compared):
        lines += 'agrees: "error" is the distance of the outputs from those of the model, over their norm\n'
    if any("channel" in _agrees(verification) for verification in compared):
        lines += 'agrees: "channel" is the error of the worst channel, over its own norm: small ones hide in a whole\n'
    if any(verification.synthetic for verification in compared):
        lines += "no samples were given: compared on made-up inputs, which say little about real ones (--samples DIR)\n"
    return lines


def _plain(report: "CompressionReport") -> dict[str, Any]:
    measured = {} if report.figures is None else report.figures.to_dict()
    plain = {key: value for key, value in asdict(report).items() if key not in ("figures", "original")}
    return {**plain, "path": None if report.path is None else str(report.path), **measured}


COMMAND = Command(
    name="compress",
    help="make smaller or faster variants of ONNX models, verified; size, latency, accuracy and agreement of each",
    example="compsel compress model.onnx --technique int8-static --samples photographs/ --out variants/",
    arguments=_arguments,
    run=_run,
)
