"""Pictures of a report, as PNG: accuracy against latency, the comparison of selectors, costs by state of the device."""

import io
from collections.abc import Sequence
from typing import Any

from compsel.errors import require
from compsel.evaluation.report.content import ReportContent
from compsel.profiling.candidates import Candidate

__all__ = ["draw_costs", "draw_selectors", "draw_trade_off"]

_DPI = 150
_ADAPTIVE, _ORACLE, _STATIC, _POOR = "#c1121f", "#2a9d8f", "#2a6f97", "#b8b8b8"
_NAMED = {
    "adaptive": ("adaptive", "*", _ADAPTIVE, 15),
    "oracle": ("oracle (hindsight)", "D", _ORACLE, 8),
    "most_accurate": ("most accurate network", "s", "#6a4c93", 7),
    "best_static": ("best static choice", "^", "#e07a1f", 8),
    "hindsight_static": ("hindsight static", ">", "#3d405b", 8),
    "premodel": ("premodel (LCTES 2018)", "v", "#8d6e63", 8),
    "random": ("random choices", "x", "#555555", 8),
    "fastest": ("fastest", "P", "#607d8b", 8),
}


def draw_trade_off(content: ReportContent) -> bytes:
    """Draw every static choice, and with an evaluation the policies too, as accuracy against latency."""
    policies = (content.evaluation or {}).get("policies", {})
    figure, axes = _figure(9.6, 5.0)
    free = [one for one in content.candidates if one.domination is None]
    beaten = [one for one in content.candidates if one.domination is not None]
    _points(axes, beaten, _POOR, "dominated variant")
    _points(axes, free, _STATIC, "variant, always the same one")
    for name, policy in policies.items():
        label, marker, colour, size = _NAMED.get(name, (name, "o", "black", 7))
        axes.plot(
            policy["latency_ms"]["mean"],
            100 * policy["accuracy"],
            marker,
            color=colour,
            markersize=size,
            markeredgecolor="white" if marker != "x" else colour,
            label=label,
            linestyle="none",
            zorder=4,
        )
    names = _number_front(axes, free)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(require("matplotlib.ticker", "report").FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(require("matplotlib.ticker", "report").FuncFormatter(_some_minor))
    axes.set_xlabel("mean latency of one answer, ms (logarithmic; left is faster)")
    axes.set_ylabel("right answers, %")
    axes.grid(alpha=0.25, which="both")
    handles, labels = axes.get_legend_handles_labels()
    blank = require("matplotlib.lines", "report").Line2D([], [], linestyle="none")
    figure.legend([*handles, *(blank for _ in names)], [*labels, *names], loc="outside right upper", fontsize=7.5)
    return _png(figure)


def _some_minor(value: float, _: int) -> str:
    digit = f"{value:e}"[0]
    return f"{value:g}" if digit in "235" else ""


def _points(axes: Any, found: Sequence[Candidate], colour: str, label: str) -> None:
    if found:
        x, y = [one.latency_ms for one in found], [100 * one.quality for one in found]
        axes.plot(x, y, "o", color=colour, markersize=6, label=label, linestyle="none", zorder=2)


def _number_front(axes: Any, found: Sequence[Candidate]) -> list[str]:
    """Write numbers beside the variants that no other one beats in both; return their names, with the numbers."""
    best = -1.0
    names: list[str] = []
    for one in sorted(found, key=lambda candidate: (candidate.latency_ms, -candidate.quality)):
        if one.quality > best:
            best = one.quality
            names.append(f"{len(names) + 1}  {one.variant}")
            place = (one.latency_ms, 100 * one.quality)
            axes.annotate(str(len(names)), place, (-4, 5), textcoords="offset points", ha="right", fontsize=8, zorder=5)
    return names


def draw_selectors(content: ReportContent) -> bytes:
    """Draw how much of the gap to the oracle each kind of selector closes, with its confidence interval."""
    scores = [
        score
        for name, score in content.summary.get("comparison", {}).items()
        if name not in ("oracle", "single best") and score.get("gap_closed") is not None
    ]
    scores.sort(key=lambda score: float(score["gap_closed"]))
    figure, axes = _figure(8.4, 0.36 * len(scores) + 1.1)
    shipped = content.summary.get("shipped")
    for place, score in enumerate(scores):
        value, low, high = (float(score[key]) for key in ("gap_closed", "gap_low", "gap_high"))
        colour = _ADAPTIVE if score["name"] == shipped else _STATIC
        axes.barh(place, value, color=colour, height=0.62)
        axes.plot([low, high], [place, place], color="black", linewidth=1.2)
    axes.axvline(0, color="black", linewidth=0.9)
    axes.axvline(1, color=_ORACLE, linewidth=1.2, linestyle="--")
    axes.set_yticks(range(len(scores)), [score["name"] for score in scores], fontsize=9)
    lowest = min([0.0, *(float(score["gap_low"]) for score in scores)])
    axes.set_xlim(max(-2.0, lowest) - 0.05, 1.08)
    axes.set_xlabel("gap closed: 0 is the best choice that never changes, 1 (dashed) is the oracle; black: 95 %")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    return _png(figure)


def draw_costs(content: ReportContent) -> bytes:
    """Draw what the variants cost in every state: the fastest processor of each."""
    names = list(content.shipped) or [one.variant for one in content.candidates if one.domination is None]
    names = sorted(names, key=lambda name: _cheapest(content, name)[0])[:8]
    figure, axes = _figure(9.6, 4.0)
    places = range(len(content.states))
    for name in names:
        axes.plot(places, _cheapest(content, name), "o-", markersize=4, linewidth=1.4, label=name)
    axes.set_yscale("log")
    ticks = require("matplotlib.ticker", "report")
    axes.yaxis.set_major_formatter(ticks.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(ticks.FuncFormatter(_some_minor))
    axes.set_xticks(places, content.states, fontsize=9)
    axes.set_ylabel("mean latency, ms")
    axes.set_xlabel("state of the device")
    axes.grid(alpha=0.25, which="both")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return _png(figure)


def _cheapest(content: ReportContent, variant: str) -> list[float]:
    rows = [cost.latency_ms for cost in content.costs if cost.variant == variant]
    return [min(values) for values in zip(*rows, strict=True)]


def _figure(width: float, height: float) -> tuple[Any, Any]:
    figure = require("matplotlib.figure", "report").Figure(figsize=(width, height), layout="constrained", dpi=_DPI)
    return figure, figure.subplots()


def _png(figure: Any) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
