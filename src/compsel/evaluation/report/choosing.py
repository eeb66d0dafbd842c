"""How the bundle chooses, what was tried, and every variant that was measured."""

from collections.abc import Mapping
from typing import Any

from compsel.evaluation.report.content import ReportContent
from compsel.evaluation.report.elements import disclosure, paragraph, section, table
from compsel.evaluation.report.scale import number
from compsel.evaluation.report.words import SELECTORS
from compsel.evaluation.result_words import POLICIES, percent_words

__all__ = ["show_choosing", "show_policies", "show_variants"]


def show_policies(content: ReportContent) -> str:
    """The policies of an evaluation, as a table."""
    if content.evaluation is None:
        return ""
    policies = content.evaluation["policies"]
    lines = [
        [
            POLICIES.get(name, name),
            percent_words(policy["accuracy"]),
            *(number(policy["latency_ms"][key]) if key in policy["latency_ms"] else "" for key in _QUANTILES),
            "" if policy.get("energy_mj") is None else number(policy["energy_mj"]),
        ]
        for name, policy in policies.items()
    ]
    strong = [number_of for number_of, name in enumerate(policies) if name == "adaptive"]
    header = ("policy", "right", "mean ms", "p50", "p95", "p99", "energy mJ")
    return table("Every policy, measured in one run", header, lines, strong)


_QUANTILES = ("mean", "p50", "p95", "p99")


def show_choosing(content: ReportContent) -> str:
    """Every kind of selector that was tried, and the portfolio."""
    scores = content.summary.get("comparison", {})
    if not scores:
        return ""
    shipped = content.summary.get("shipped")
    lines = [
        [
            name,
            percent_words(score["quality"]),
            number(score["latency_ms"]),
            "" if score["gap_closed"] is None else f"{score['gap_closed']:.2f}",
            "" if score["gap_low"] is None else f"{score['gap_low']:.2f} to {score['gap_high']:.2f}",
            SELECTORS.get(name, ""),
        ]
        for name, score in scores.items()
    ]
    strong = [place for place, name in enumerate(scores) if name == shipped]
    text = (
        f"It aims for {content.objective}. Several ways of choosing were compared on inputs that they were not trained "
        "on (nested cross-validation); one ships only where it beats the best choice that never changes with 95 % "
        f"confidence. Shipped: {shipped}."
    )
    header = ("selector", "right", "mean ms", "gap closed", "95 %", "what it does")
    return section(
        "How it chooses",
        paragraph(text),
        _reason(content.summary),
        disclosure("What was tried", table("Ways of choosing, cross-validated", header, lines, strong)),
        _portfolio(content.summary),
    )


def _reason(summary: Mapping[str, Any]) -> str:
    reason = str(summary.get("reason", ""))
    return paragraph(f"{reason[:1].upper()}{reason[1:]}.", "note") if reason else ""


def _portfolio(summary: Mapping[str, Any]) -> str:
    additions = summary.get("portfolio", ())
    if not additions:
        return ""
    lines = [[one["variant"], percent_words(one["quality"]), number(one["latency_ms"])] for one in additions]
    header = ("variant that is added", "right with it", "mean ms with it")
    return disclosure("Its portfolio", table("Variants that complement each other, as they were added", header, lines))


def show_variants(content: ReportContent) -> str:
    """Every variant that was measured, and why some should not be chosen here."""
    if not content.candidates:
        return ""
    adaptive, files = set(content.adaptive), set(content.shipped)
    lines = [
        [
            one.variant,
            percent_words(one.quality),
            number(one.latency_ms),
            number(one.size_mb),
            number(content.memory_mb[one.variant]) if one.variant in content.memory_mb else "",
            one.processor,
            "answers" if one.variant in adaptive else "in the bundle" if one.variant in files else "",
            "" if one.domination is None else f"{one.domination}{f': {one.why}' if one.why else ''}",
        ]
        for one in content.candidates
    ]
    poor = sum(one.domination is not None for one in content.candidates)
    text = "Every variant that was measured, on its fastest processor of an idle device."
    if poor:
        text += (
            f" {poor} of {len(lines)} are dominated: another variant of the same network is faster for certain and no "
            "worse. They may still be smaller, or gain on another device."
        )
    strong = [place for place, one in enumerate(content.candidates) if one.variant in adaptive]
    header = ("variant", "right", "ms, idle", "MB on disk", "MB in memory", "fastest on", "shipped", "dominated")
    return section("Every variant", paragraph(text), table("Every variant that was measured", header, lines, strong))
