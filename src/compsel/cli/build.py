"""`compsel build`: compress, measure, train and write a bundle."""

import argparse
from pathlib import Path

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.model_options import add_measured_models, model_options
from compsel.cli.options import (
    TRAINING_MEMORY,
    add_bundle_out,
    add_certify,
    add_measuring,
    add_memory_limit,
    add_objective,
    given_options,
    samples_to_open,
)
from compsel.cli.report import add_report, leave_report
from compsel.cli.running_options import add_running, with_backend
from compsel.cli.terminal import TERMINAL
from compsel.cli.train import show, summary
from compsel.storage.files import folder_size_mb
from compsel.storage.sizes import size_words

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_measured_models(parser)
    add_bundle_out(parser)
    parser.add_argument("--work", type=Path, metavar="DIR", help="where measurements are kept (default: BUNDLE.work)")
    add_measuring(parser)
    add_objective(parser)
    add_certify(parser)
    add_memory_limit(parser, TRAINING_MEMORY)
    add_running(parser, "models are compressed and judged, and selectors trained")
    add_report(parser)
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.verbs.build import build
    from compsel.building.verbs.options import BuildOptions
    from compsel.evaluation.contenders import work_place

    options = with_backend(arguments, given_options(arguments, BuildOptions))
    built = build(
        arguments.models,
        samples_to_open(arguments),
        arguments.out,
        **model_options(arguments),
        certify=arguments.certify,
        work=arguments.work,
        replace=arguments.replace,
        memory_limit_mb=arguments.memory_limit_mb,
        reporter=TERMINAL,
        **options,
    )
    show(built, arguments.out)
    _say_what_is_kept(arguments.work or work_place(arguments.out))
    write_result(arguments.json, summary(built))
    leave_report(arguments, arguments.out)
    return 0


def _say_what_is_kept(work: Path | str) -> None:
    size = f" ({size_words(folder_size_mb(work))})" if isinstance(work, Path) else ""
    print(
        f"measurements: {work}{size}: this command goes on from there, and evaluate and "
        "train read it; an app does not: delete it when you are done"
    )


COMMAND = Command(
    "build",
    "compress, measure, train and write a bundle",
    "compsel build lite0.onnx lite2.onnx --samples val/ --out bundle/",
    _arguments,
    _run,
)
