"""`compsel evaluate`: compare a bundle's policy with the baselines and the oracle, on the real runtime."""

import argparse
from pathlib import Path
from typing import Any

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.code_options import add_confidence, add_quality
from compsel.cli.options import add_meter, add_samples, samples_of
from compsel.cli.report import add_report, leave_report
from compsel.cli.tables import print_table
from compsel.cli.terminal import TERMINAL, is_verbose

__all__ = ["COMMAND", "show"]


def show(content: dict[str, Any]) -> None:
    """Print the result, and the policies; with `--verbose` the verdict on the policy and all comparisons."""
    print("\n".join(content["result"]["sentences"]))
    if content["certificate"] is not None:
        print(content["certificate"]["sentence"])
    print()
    _show_policies(content)
    if is_verbose():
        _show_comparisons(content)
    if content["lacking"]:
        print(content["lacking"])


def _show_comparisons(content: dict[str, Any]) -> None:
    from compsel.evaluation.json_form import COMPARED
    from compsel.evaluation.result_words import POLICIES

    verdict, summary, overhead = content["verdict"], content["summary"], content["overhead_ms"]
    print()
    print(verdict["sentence"])
    for reason in verdict["reasons"]:
        print(f"- {reason}")
    print()
    print_table(
        [
            (
                POLICIES[name],
                *_interval(summary, f"speedup_vs_{name}", "{:.2f}x"),
                *_points(summary, f"accuracy_vs_{name}"),
            )
            for name in COMPARED
            if summary[f"speedup_vs_{name}"] is not None
        ],
        ("this bundle against", "times as fast", "95 %", "points of accuracy", "95 %"),
    )
    if verdict["beats_hindsight_static"] is not None:
        print(_gap(summary))
    print(
        f"decoding: {overhead['decode']:.3f} ms; features and selector: {overhead['total']:.3f} ms, "
        f"{overhead['share_of_mean_latency']:.1%} of the mean "
        "latency; all policies but current are placed where they are cheapest now"
    )
    if content.get("sizes"):
        print(content["sizes"])


def _show_policies(content: dict[str, Any]) -> None:
    from compsel.evaluation.result_words import POLICIES, way_words

    energy, right_is = content["energy"], content["result"]["right_is"]
    figures = () if energy is None else ("estimated mJ" if energy["estimated"] else "mJ",)
    print_table(
        [
            (
                POLICIES[name],
                f"{100 * policy['accuracy']:.1f} %",
                *(f"{policy['latency_ms'][key]:.2f}" for key in ("mean", "p50", "p95", "p99")),
                *(() if energy is None else (f"{policy['energy_mj']:.1f}",)),
                way_words(next(iter(policy["choices"]))),
            )
            for name, policy in content["policies"].items()
        ],
        (
            "",
            right_is if right_is == "good enough" else "accuracy",
            "mean ms",
            "p50",
            "p95",
            "p99",
            *figures,
            "most frequent choice",
        ),
    )
    if energy is not None:
        print(f"energy of one answer, {'an estimate, not measured' if energy['estimated'] else energy['meter']}")


def _interval(summary: dict[str, Any], name: str, form: str, factor: float = 1.0) -> tuple[str, str]:
    low, high = (form.format(factor * end).rstrip("x") for end in summary[f"{name}_95"])
    return form.format(factor * summary[name]), f"{low} to {high}"


def _points(summary: dict[str, Any], name: str) -> tuple[str, str]:
    return _interval(summary, name, "{:+.2f}", 100)


def _gap(summary: dict[str, Any]) -> str:
    if summary["gap_closed"] is None or summary["gap_closed_95"][0] is None:
        return "there is no gap to close: the best static choice is as good as the oracle"
    low, high = summary["gap_closed_95"]
    return (
        f"gap to the oracle closed: {summary['gap_closed']:.2f} (95 %: {low:.2f} to {high:.2f}), "
        f"a wrong answer counted as {summary['penalty_ms']:.0f} ms"
    )


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that compsel build wrote")
    add_samples(parser)
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="of each sample and policy (default 3)")
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="DIR",
        help="what the build measured: a static choice may then be any of it (default: BUNDLE.work, where it is there)",
    )
    add_meter(parser)
    add_quality(parser, "of outputs and label, gives 0 to 1: for models without class scores that were built with one")
    add_confidence(parser)
    add_report(parser, inputs=True)
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.verbs.evaluate import evaluate
    from compsel.bundle.bundle import Bundle

    bundle = Bundle.load(arguments.bundle)
    samples = samples_of(arguments, bundle.modality)
    evaluation = evaluate(
        bundle,
        samples,
        repeats=arguments.repeats,
        profile=arguments.profile,
        meter=arguments.meter,
        quality=arguments.quality,
        confidence=arguments.confidence,
        reporter=TERMINAL,
    )
    content = evaluation.to_dict()
    show(content)
    write_result(arguments.json, content)
    leave_report(arguments, arguments.bundle, content, samples)
    return 0


COMMAND = Command(
    "evaluate",
    "compare a bundle's policy with the baselines and the oracle, on the real runtime",
    "compsel evaluate bundle/ --samples test/ --json result.json",
    _arguments,
    _run,
)
