"""The sections of a report that hold figures: each takes the content and returns HTML, "" where there is nothing."""

from collections.abc import Mapping
from typing import Any

from compsel.evaluation.report.content import ReportContent
from compsel.evaluation.report.html_elements import paragraph, picture, section, table
from compsel.evaluation.report.plots import draw_costs, draw_selectors, draw_trade_off

__all__ = [
    "show_costs",
    "show_dominated",
    "show_evaluation",
    "show_portfolio",
    "show_selectors",
    "show_trade_off",
    "show_variants",
]

_KINDS = {
    "single best": "always the same choice, the best one",
    "most accurate": "always the most accurate uncompressed network",
    "cascade": "starts cheap, reads how sure the answer is, escalates where that pays, fuses the answers",
    # the name of the cascade in bundles of compsel 0.1
    "staged": "starts cheap, reads how sure the answer is, escalates where that pays, fuses the answers",
    "cost-sensitive": "learns from image statistics what each choice will cost",
    "classifier": "cost-weighted classification from image statistics",
    "pairwise": "votes of classifiers for each pair of choices (SATzilla)",
    "regression": "predicts each choice's cost, takes the least",
    "neighbours": "takes what was cheapest for the most similar images",
    "premodel": "the method of LCTES 2018: a chain of nearest-neighbour classifiers",
    "oracle": "knows the future",
}
_POLICIES = {
    "adaptive": "this bundle",
    "most_accurate": "most accurate network, uncompressed",
    "fastest": "fastest choice",
    "best_static": "best static choice",
    "hindsight_static": "hindsight static",
    "premodel": "premodel (LCTES 2018)",
    "random": "random choices",
    "oracle": "oracle",
}


def show_trade_off(content: ReportContent) -> str:
    """Every static choice, and the policies of an evaluation, as a picture."""
    text = (
        "Each dot is one variant on its fastest processor of an idle device, used for every input. The best place is "
        "the upper left corner: fast and right. Grey dots are dominated; those that no other one beats in both are "
        "numbered."
    )
    if content.evaluation is not None:
        text += " The large marks are policies, measured end to end in one run, on other inputs than the dots."
    shown = picture(draw_trade_off(content), "right answers against mean latency, of variants and policies")
    return section("Accuracy against latency", paragraph(text), shown)


def show_evaluation(content: ReportContent) -> str:
    """The policies, measured in one run."""
    if content.evaluation is None:
        return ""
    policies = content.evaluation["policies"]
    lines = [
        [
            _POLICIES.get(name, name),
            f"{100 * policy['accuracy']:.1f} %",
            *(f"{policy['latency_ms'].get(key, float('nan')):.2f}" for key in ("mean", "p50", "p95", "p99")),
            "" if policy.get("energy_mj") is None else f"{policy['energy_mj']:.1f}",
            _most_frequent(policy.get("choices", {})),
        ]
        for name, policy in policies.items()
    ]
    header = ("policy", "right", "mean ms", "p50", "p95", "p99", "energy mJ", "most frequent choice")
    strong = [number for number, name in enumerate(policies) if name == "adaptive"]
    found = content.evaluation["summary"]
    gap = found.get("gap_closed")
    closed = "" if gap is None else f"Gap closed: {gap:.2f}{_interval(found.get('gap_closed_95'))}. "
    overhead = content.evaluation.get("overhead_ms", {}).get("total")
    cost = "" if overhead is None else f"Features and selector take {overhead:.3f} ms of each answer."
    return section(
        "Compared on the device",
        table(header, lines, strong),
        _comparisons(found),
        paragraph(closed + cost),
        _hindsight(content.evaluation),
    )


def _comparisons(summary: Mapping[str, Any]) -> str:
    """The adaptive policy against the others, with intervals; "" for evaluations that have none."""
    lines = [
        [
            _POLICIES[name],
            f"{summary[f'speedup_vs_{name}']:.2f}{_interval(summary[f'speedup_vs_{name}_95'])}",
            f"{100 * summary[f'accuracy_vs_{name}']:+.1f}"
            f"{_interval([100 * end for end in summary[f'accuracy_vs_{name}_95']], '+.1f')}",
        ]
        for name in ("most_accurate", "best_static", "hindsight_static")
        if f"speedup_vs_{name}_95" in summary
    ]
    return table(("this bundle against", "times as fast", "points of accuracy"), lines) if lines else ""


def _hindsight(evaluation: Mapping[str, Any]) -> str:
    """Say what the static choice of hindsight was chosen from, and where the policies ran."""
    found = evaluation.get("hindsight_static")
    if found is None:
        return ""
    source = "that were worth measuring again" if found["all_measured"] else "in this bundle"
    return paragraph(
        f"Hindsight static is {found['variant']}, one of the {found['contenders']} variants {source}. All policies are "
        "placed on the processors that are cheapest at the moment.",
        "note",
    )


def _most_frequent(choices: Mapping[str, float]) -> str:
    if not choices:
        return ""
    name = max(choices, key=lambda choice: choices[choice])
    return f"{name} ({choices[name]:.0%})"


def _interval(bounds: Any, form: str = ".2f") -> str:
    if not bounds or None in bounds:
        return ""
    return f" (95 %: {bounds[0]:{form}} to {bounds[1]:{form}})"


def show_selectors(content: ReportContent) -> str:
    """Every kind of selector that was tried."""
    scores = content.summary.get("comparison", {})
    if not scores:
        return ""
    lines = [
        [
            name,
            f"{100 * score['quality']:.1f} %",
            f"{score['latency_ms']:.2f}",
            "" if score["gap_closed"] is None else f"{score['gap_closed']:.2f}",
            "" if score["gap_low"] is None else f"{score['gap_low']:.2f} to {score['gap_high']:.2f}",
            _KINDS.get(name, ""),
        ]
        for name, score in scores.items()
    ]
    header = ("selector", "right", "mean ms", "gap closed", "95 %", "what it does")
    strong = [number for number, name in enumerate(scores) if name == content.summary.get("shipped")]
    text = (
        "Several ways of choosing were trained and compared on inputs that they were not trained on (nested "
        "cross-validation). One is shipped only when it beats the best choice that never changes with 95 % confidence."
    )
    shown = picture(draw_selectors(content), "gap closed by each kind of selector")
    return section("How it chooses, and what was tried", paragraph(text), table(header, lines, strong), shown)


def show_portfolio(content: ReportContent) -> str:
    """What each variant of the portfolio adds."""
    additions = content.summary.get("portfolio", ())
    if not additions:
        return ""
    lines = []
    before: Mapping[str, Any] | None = None
    for number, addition in enumerate(additions, start=1):
        change = ""
        if before is not None:
            more = 100 * (addition["quality"] - before["quality"])
            change = f"{more:+.1f} points, {addition['latency_ms'] - before['latency_ms']:+.2f} ms"
        quality = f"{100 * addition['quality']:.1f} %"
        lines.append([str(number), addition["variant"], quality, f"{addition['latency_ms']:.2f}", change])
        before = addition
    text = "Variants that complement each other, in the order in which they were added, and what each one adds."
    header = ("step", "variant", "right with it", "mean ms with it", "it adds")
    return section("The portfolio", paragraph(text), table(header, lines))


def show_costs(content: ReportContent) -> str:
    """What each choice costs in each state of the device."""
    shown = set(content.shipped) or {one.variant for one in content.candidates if one.domination is None}
    costs = [cost for cost in content.costs if cost.variant in shown]
    if not costs:
        return ""
    fastest = {
        name: [
            min(cost.latency_ms[place] for cost in costs if cost.variant == name)
            for place in range(len(content.states))
        ]
        for name in dict.fromkeys(cost.variant for cost in costs)
    }
    lines = [
        [
            cost.variant,
            cost.processor,
            *(
                f"{value:.2f}" + (" ◀" if value == fastest[cost.variant][place] else "")
                for place, value in enumerate(cost.latency_ms)
            ),
        ]
        for cost in costs
    ]
    text = (
        "The same variant costs more beside busy neighbours, and another processor may then be the fastest: two "
        "threads that wait busily are fastest alone and slow in company. Mean latency in ms; ◀ marks the fastest "
        "processor of a variant in a state. The runtime watches the device and uses this table, interpolated."
    )
    drawn = picture(draw_costs(content), "latency of the variants in every state of the device")
    header = ("variant", "processor", *content.states)
    return section("Costs by state of the device", paragraph(text), drawn, table(header, lines))


def show_variants(content: ReportContent) -> str:
    """Every variant that was measured."""
    shipped = set(content.shipped)
    lines = [
        [
            one.variant,
            f"{one.size_mb:.1f}",
            f"{100 * one.quality:.1f} %",
            f"{one.latency_ms:.2f}",
            one.processor,
            "in the bundle" if one.variant in shipped else "",
            f"dominated by {one.domination.by}" if one.domination is not None else "",
        ]
        for one in content.candidates
    ]
    header = ("variant", "MB", "right", "ms, idle", "fastest on", "shipped", "verdict")
    text = "Every variant that was measured, on its fastest processor of an idle device."
    strong = [number for number, one in enumerate(content.candidates) if one.variant in shipped]
    return section("The variants", paragraph(text), table(header, lines, strong))


def show_dominated(content: ReportContent) -> str:
    """What nobody should choose here, and why."""
    poor = [one for one in content.candidates if one.domination is not None]
    if not poor:
        return section("Dominated variants", paragraph("None: each variant is the best one at something."))
    text = (
        "Compression is not always a gain. Nobody should choose these on this device: another variant of the same "
        "network is faster for certain, and no worse. They may still be smaller on disk, or gain on another processor."
    )
    lines = [[one.variant, str(one.domination), one.why] for one in poor]
    header = ("variant", "how", "why, where it is no faster than the uncompressed network")
    return section("Dominated variants, and why", paragraph(text), table(header, lines))
