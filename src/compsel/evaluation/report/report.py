"""One self-contained HTML page about a bundle or a profile, for readers who have never seen either."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compsel.evaluation.report.content import ReportContent, read_content
from compsel.evaluation.report.html_elements import definitions, paragraph, section, whole_page
from compsel.evaluation.report.sections import (
    show_costs,
    show_dominated,
    show_evaluation,
    show_portfolio,
    show_selectors,
    show_trade_off,
    show_variants,
)
from compsel.storage.files import atomic_file

__all__ = ["render", "write_report"]

_LEAD = (
    "One trained network can be compressed in many ways: stored in fewer bits, fed smaller images, with parts left "
    "out. Each way is a variant, with a speed and an accuracy of its own, and how fast it is depends on the processor "
    "that runs it and on what else the device is doing. compsel measures all of that on the device itself, and learns "
    "to choose for every single input."
)
_WORDS = (
    ("variant", 'what one way of compressing made of a network; "none" is the network itself'),
    ("processor", "where and how an inference runs: cpu:2 is two threads that wait busily, nospin lets them sleep"),
    ("choice", "a variant on a processor"),
    ("static choice", "the same choice for every input; the best one is what an app without compsel would ship"),
    (
        "hindsight static",
        "the fastest static choice that is as accurate as the policy, found on the very inputs that judge: what a "
        "sceptic would ship",
    ),
    ("adaptive", "the policy of this bundle: it chooses for every input, and may run a second variant to be sure"),
    ("oracle", "chooses with hindsight the cheapest variant that is right: nobody can do better by choosing one"),
    ("gap closed", "how much of the way from the best static choice (0) to the oracle (1) is reached"),
    ("dominated", "another variant of the same network is faster for certain, and at least as good"),
    ("state", "what else the device does: busy:N is N other processes that each keep a core busy"),
)


def write_report(
    source: str | os.PathLike[str], out: str | os.PathLike[str], evaluation: Mapping[str, Any] | None = None
) -> Path:
    """Write the page.

    Args:
        source: folder of a bundle, or of a profile.
        out: the HTML file.
        evaluation: JSON of `compsel evaluate` of this bundle; None leaves it out.

    Raises:
        UsageError: a source that is neither.
        BundleError, ProfileError: a damaged one.
        MissingDependencyError: matplotlib is not installed.
        StorageError: the file cannot be written.
    """
    page = render(read_content(Path(source), evaluation))
    with atomic_file(out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return Path(out)


def render(content: ReportContent) -> str:
    """Return the page as a text."""
    title = f"compsel: {content.kind} {content.name}"
    parts = [
        f"<header>{paragraph('compsel report', 'note')}<h1>{_escaped(content.name)}</h1>"
        f"{paragraph(_LEAD, 'lead')}</header>",
        _in_short(content),
        _measured(content),
        show_trade_off(content),
        show_evaluation(content),
        show_selectors(content),
        show_portfolio(content),
        show_costs(content),
        show_variants(content),
        show_dominated(content),
        section("Words", definitions(_WORDS)),
    ]
    return whole_page(title, [part for part in parts if part])


def _escaped(text: str) -> str:
    return paragraph(text).removeprefix("<p>").removesuffix("</p>")


def _in_short(content: ReportContent) -> str:
    lines = []
    verdict = (content.evaluation or content.summary).get("verdict")
    if verdict is not None:
        lines.append(f"{_capital(verdict['sentence'])}.")
        lines += [f"{_capital(reason)}." for reason in verdict["reasons"]]
    if content.kind == "profile":
        lines.append(
            f"This profile holds measurements of {len(content.candidates)} variants; nothing has been trained on it "
            "yet (compsel train does that)."
        )
    else:
        lines.append(f"This bundle aims for {content.objective}.")
        lines.append(f"What is shipped: {content.summary.get('shipped', 'unknown')}. {_sentence(content)}")
    expected = content.summary.get("expectation")
    if expected is not None:
        accuracy, speedup = expected["accuracy_difference"], expected["speedup_vs_most_accurate"]
        lines.append(
            f"On as many other inputs like these expect, with 95 % confidence: {100 * accuracy[0]:+.1f} points "
            f"({100 * accuracy[1]:+.1f} to {100 * accuracy[2]:+.1f}) against the most accurate network, "
            f"{speedup[0]:.2f} times as fast ({speedup[1]:.2f} to {speedup[2]:.2f})."
        )
    if content.evaluation is not None:
        found = content.evaluation["summary"]
        lines.append(
            f"Measured in one run on {content.evaluation['n']} other inputs: {found['speedup_vs_most_accurate']:.2f} "
            f"times as fast as the most accurate network, with {_points(found['accuracy_vs_most_accurate'])}; "
            f"{found['speedup_vs_best_static']:.2f} times as fast as the best static choice, with "
            f"{_points(found['accuracy_vs_best_static'])}."
        )
    poor = sum(one.domination is not None for one in content.candidates)
    if poor:
        lines.append(f"{poor} of {len(content.candidates)} variants are dominated: below is why.")
    return section("In short", *(paragraph(line) for line in lines))


def _sentence(content: ReportContent) -> str:
    reason = str(content.summary.get("reason", ""))
    return f"{_capital(reason)}." if reason else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _points(change: float) -> str:
    if abs(change) < 0.0005:
        return "the same accuracy"
    return f"{abs(100 * change):.1f} points {'more' if change > 0 else 'less'} accuracy"


def _measured(content: ReportContent) -> str:
    device = content.device
    right = {
        True: "right is what their labels say",
        False: "they had no labels: right is what the uncompressed network says",
        None: "",
    }[content.labelled]
    origin = f" ({content.origin})" if content.origin and content.origin != f"{content.n_samples} samples" else ""
    pairs = [
        (
            "device",
            f"{device.get('cpu', 'unknown')}, {device.get('usable_cores', '?')} cores, {device.get('system', '')}",
        ),
        ("instruction sets", ", ".join(device.get("instruction_sets", ())) or "unknown"),
        ("memory", f"{device.get('memory_gib', '?')} GiB"),
        ("runtime", str(device.get("onnxruntime", "unknown"))),
        ("inputs", f"{content.n_samples}{origin}" + (f"; {right}" if right else "")),
        ("states", ", ".join(content.states)),
        *([("sizes", content.sizes)] if content.sizes else []),
    ]
    note = (
        "Latencies run from the decoded input to the outputs, preprocessing included; decoding is the same for all. "
        "They hold for this device: on another one they have to be measured again, which takes a minute."
    )
    return section("What was measured, and where", definitions(pairs), paragraph(note, "note"))
