"""`compsel evaluate`: compare a bundle's policy with the baselines and the oracle, on the real runtime."""

import argparse
from pathlib import Path
from typing import Any

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.options import add_confidence, add_meter, add_samples, meter_of, samples_of
from compsel.cli.tables import print_table
from compsel.cli.terminal import TERMINAL

__all__ = ["COMMAND", "show"]


def show(content: dict[str, Any]) -> None:
    """Print the comparison."""
    energy = content["energy"]
    figures = () if energy is None else ("estimated mJ" if energy["estimated"] else "mJ",)
    print_table(
        [
            (
                name,
                f"{policy['accuracy']:.2%}",
                *(f"{policy['latency_ms'][key]:.2f}" for key in ("mean", "p50", "p95", "p99")),
                *(() if energy is None else (f"{policy['energy_mj']:.1f}",)),
                next(iter(policy["choices"])),
            )
            for name, policy in content["policies"].items()
        ],
        ("policy", "accuracy", "mean ms", "p50", "p95", "p99", *figures, "most frequent choice"),
    )
    if energy is not None:
        print(f"energy of one answer, {'an estimate, not measured' if energy['estimated'] else energy['meter']}")
    summary, overhead = content["summary"], content["overhead_ms"]
    print(
        f"adaptive against the most accurate network: {summary['speedup_vs_most_accurate']:.2f}x as fast, "
        f"{summary['accuracy_vs_most_accurate']:+.2%} accuracy\n"
        f"adaptive against the best static choice:    {summary['speedup_vs_best_static']:.2f}x as fast, "
        f"{summary['accuracy_vs_best_static']:+.2%} accuracy\n"
        f"{_gap(summary)}\n"
        f"features and selector: {overhead['total']:.3f} ms, "
        f"{overhead['share_of_mean_latency']:.1%} of the mean latency"
    )


def _gap(summary: dict[str, Any]) -> str:
    if summary["gap_closed"] is None:
        return "there is no gap to close: the best static choice is as good as the oracle"
    low, high = summary["gap_closed_95"]
    return (
        f"gap to the oracle closed: {summary['gap_closed']:.2f} (95 %: {low:.2f} to {high:.2f}), "
        f"a wrong answer counted as {summary['penalty_ms']:.0f} ms"
    )


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    add_samples(parser)
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="of each sample and policy (default 3)")
    add_meter(parser)
    parser.add_argument(
        "--quality",
        metavar="MODULE:FUNCTION",
        help="of outputs and label, gives 0 to 1: for models without class scores that were built with one",
    )
    add_confidence(parser)
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    import compsel
    from compsel.evaluation.evaluate import evaluate

    samples = samples_of(arguments)
    with compsel.load(arguments.bundle, confidence=arguments.confidence) as runtime, meter_of(arguments) as meter:
        evaluation = evaluate(
            runtime,
            samples,
            repeats=arguments.repeats,
            reporter=TERMINAL,
            meter=meter,
            quality=arguments.quality,
        )
    content = evaluation.to_dict()
    show(content)
    write_result(arguments.json, content)
    return 0


COMMAND = Command(
    "evaluate",
    "compare a bundle's policy with the baselines and the oracle, on the real runtime",
    "compsel evaluate bundle/ --samples test/ --json result.json",
    _arguments,
    _run,
)
