"""`compsel compress`: make smaller or faster variants of ONNX models, verify them, and write them."""

import argparse
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.cli.base import Command, add_json, progress, table, write_result
from compsel.errors import TechniqueError

if TYPE_CHECKING:
    from compsel.model import Model
    from compsel.samples import Samples
    from compsel.techniques import CompressionReport

__all__ = ["COMMAND"]

_CALIBRATION = 100
_NOTHING_WRITTEN = 1


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.onnx", help="models to compress")
    parser.add_argument(
        "--technique",
        action="append",
        metavar="T",
        help="for example int8-static, prune:0.3, resolution:192+int8-static; repeatable (default: all that apply)",
    )
    parser.add_argument("--samples", type=Path, metavar="DIR", help="images or .npz files, to calibrate with")
    parser.add_argument(
        "--calibration", type=int, default=_CALIBRATION, metavar="N", help=f"samples to use (default {_CALIBRATION})"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the variants go")
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.model import Model
    from compsel.techniques import applicable, compress, parse

    if arguments.calibration < 1:
        raise TechniqueError(f"--calibration: got {arguments.calibration}, allowed is 1 or more")
    techniques = [parse(spec) for spec in arguments.technique or ()]
    names = [path.stem for path in arguments.models]
    if len(set(names)) < len(names):
        raise TechniqueError(f"got models with the same file name ({', '.join(names)}): rename one of them")
    reports: list[CompressionReport] = []
    # one model at a time: they can be large
    for path in arguments.models:
        model = Model.load(path)
        samples = _samples(arguments.samples, model, arguments.calibration)
        chosen = techniques or [parse(spec) for spec in applicable(model)]
        reports += compress([model], chosen, samples, arguments.out, _shown(model.name))
    print(table(map(_row, reports), header=("model", "technique", "size", "agrees", "seconds", "file or reason")))
    write_result(arguments.json, {"variants": [_plain(report) for report in reports]})
    return 0 if any(report.path for report in reports) else _NOTHING_WRITTEN


def _samples(folder: Path | None, model: "Model", count: int) -> "Samples | None":
    from compsel.samples import ImageFolder, TensorFolder

    if folder is None:
        return None
    samples: Samples = TensorFolder(folder) if model.preprocessing is None else ImageFolder(folder)
    return samples.spread(count)


def _shown(name: str) -> Any:
    def show(jobs: Iterable[Any], label: str, total: int) -> Iterable[Any]:
        return progress(jobs, f"{label} {name}", total)

    return show


def _row(report: "CompressionReport") -> tuple[str, ...]:
    share = f"{report.size_bytes / report.original_bytes:.1%}" if report.size_bytes else ""
    agreement = report.verification.agreement if report.verification else None
    agrees = "" if agreement is None else f"{agreement:.1%}"
    return (report.model, report.technique, share, agrees, f"{report.seconds:.1f}", str(report.path or report.reason))


def _plain(report: "CompressionReport") -> dict[str, Any]:
    return {**asdict(report), "path": None if report.path is None else str(report.path)}


COMMAND = Command(
    name="compress",
    help="make smaller or faster variants of ONNX models, verify them, and write them",
    example="compsel compress model.onnx --technique int8-static --samples photographs/ --out variants/",
    arguments=_arguments,
    run=_run,
)
