"""What was measured, as charts: calibration, where time goes, load, sizes of input, more samples, energy."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from compsel.evaluation.report.charts import line_chart, reliability_chart
from compsel.evaluation.report.content import ReportContent, StateCost
from compsel.evaluation.report.elements import bar, disclosure, paragraph, section, table
from compsel.evaluation.report.scale import number
from compsel.evaluation.report.words import inputs_word, state_words
from compsel.evaluation.result_words import POLICIES, percent_words

__all__ = ["show_calibration", "show_energy", "show_learning", "show_load", "show_sizes", "show_time"]

_MOST_LINES = 6
_T_95 = 2.776  # of Student's t with 4 degrees of freedom: five folds
_WORTH = 0.02  # of the cost


def show_calibration(content: ReportContent) -> str:
    """How sure answers are, against how often they are right."""
    measured = (content.evaluation or {}).get("calibration")
    found = measured or (content.summary.get("curves") or {}).get("calibration")
    if not found:
        return ""
    n = sum(one["n"] for one in found["bins"])
    origin = "of the evaluation" if measured else "that it was not trained on (cross-validation)"
    text = (
        f"An answer says how likely it is right. Each dot is as many of the {n:,} answers {origin}; on the dashed line "
        f"what they say holds. Below it they are too sure. On average they are "
        f"off by {100 * found['error']:.1f} points."
    )
    chart = reliability_chart(found["bins"], "right answers against how sure they are")
    header = ("answers", "how sure, %", "right, %", "95 %")
    lines = [
        [
            f"{one['n']:,}",
            f"{100 * one['confidence']:.1f}",
            f"{100 * one['right']:.1f}",
            " to ".join(f"{100 * end:.1f}" for end in one["right_95"]),
        ]
        for one in found["bins"]
    ]
    details = disclosure("The figures", table("Right answers by how sure they are", header, lines))
    return section("How sure it is, and how right", paragraph(text), chart, details)


def show_time(content: ReportContent) -> str:
    """Where the milliseconds of an answer go."""
    split = (content.evaluation or {}).get("time_ms")
    if not split:
        return ""
    words = {
        "decode": "decoding",
        "preprocess": "preprocessing" if content.modality != "text" else "tokenizing",
        "features": "features",
        "selector": "deciding",
    }
    parts = [(words[name], float(split[name])) for name in words if split[name] > 0]
    parts += [(name, float(taken)) for name, taken in split["stages"].items()]
    total = sum(taken for _, taken in parts)
    if not total:
        return ""
    shown = bar([(taken / total, f"series{place % 6}") for place, (_, taken) in enumerate(parts)])
    items = "".join(
        f'<li><span class="swatch series{place % 6}"></span>{escape(name)}<strong>{number(taken)} ms</strong>'
        f"<span>{percent_words(taken / total)}</span></li>"
        for place, (name, taken) in enumerate(parts)
    )
    text = f"{number(total)} ms on average: a variant that runs for few inputs counts for little here."
    return section("Where the milliseconds go", paragraph(text), shown, f'<ul class="parts">{items}</ul>')


def show_load(content: ReportContent) -> str:
    """What each choice costs in each state of the device."""
    shown = set(content.adaptive) | {one.variant for one in content.candidates if one.domination is None}
    costs = [cost for cost in content.costs if cost.variant in shown]
    if not costs or len(content.states) < 2:
        return ""
    fastest = {
        name: [
            min(cost.latency_ms[place] for cost in costs if cost.variant == name)
            for place in range(len(content.states))
        ]
        for name in dict.fromkeys(cost.variant for cost in costs)
    }
    lines = {
        name: [(float(place), float(value)) for place, value in enumerate(values)]
        for name, values in _of_interest(content, fastest).items()
    }
    states = (content.summary.get("curves") or {}).get("states", {})
    if (content.summary.get("curves") or {}).get("shipped") and all(name in states for name in content.states):
        ours = [(float(place), states[name]["point"]["latency_ms"]) for place, name in enumerate(content.states)]
        lines = {POLICIES["adaptive"]: ours, **lines}
    names = {float(place): name for place, name in enumerate(content.states)}
    chart = line_chart(
        lines,
        "what else the device does",
        "mean latency, ms",
        "latency by state of the device",
        log=(False, True),
        x_names=names,
    )
    text = (
        "The same variant costs more beside busy neighbours, and another processor may then be the fastest. The "
        "runtime watches the device and uses these figures, interpolated. Each variant is drawn on the processor that "
        "is fastest in that state."
    )
    full = disclosure("Every choice in every state", _every_state(content, costs, fastest))
    return section("When the device is busy", paragraph(text), chart, full)


def _every_state(content: ReportContent, costs: Sequence[StateCost], fastest: Mapping[str, Sequence[float]]) -> str:
    rows = [
        [
            cost.variant,
            cost.processor,
            *(
                f"{number(value)}{' *' if value == fastest[cost.variant][place] else ''}"
                for place, value in enumerate(cost.latency_ms)
            ),
        ]
        for cost in costs
    ]
    header = ("variant", "processor", *(state_words(name) for name in content.states))
    return table("Mean latency in ms by state; * is the fastest processor of a variant", header, rows)


def _of_interest(content: ReportContent, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a few of the variants: those that the policy runs, the baselines, then the others."""
    comparison = content.summary.get("comparison", {})
    named = [next(iter(comparison.get(name, {}).get("ways", {})), "") for name in ("most accurate", "single best")]
    order = [name for name in dict.fromkeys([*content.adaptive, *named, *values]) if name in values]
    return {name: values[name] for name in order[: _MOST_LINES - 1]}


def show_sizes(content: ReportContent) -> str:
    """What inputs of each size cost."""
    found = content.size_costs
    if found is None or len(found.sizes) < 2:
        return ""
    lines = {
        name: list(zip(found.sizes, values, strict=True))
        for name, values in _of_interest(content, found.latency_ms).items()
    }
    label = f"size of the input, {found.unit}"
    names = {size: f"{size:.0f}" for size in found.sizes}
    chart = line_chart(lines, label, "mean latency, ms", "latency by size of input", log=(True, True), x_names=names)
    rows = [[name, *(number(value) for value in values)] for name, values in found.latency_ms.items()]
    header = ("variant", *(f"{size:.0f} {found.unit}" for size in found.sizes))
    full = disclosure("The figures", table("Mean latency in ms by size of input", header, rows))
    return section(f"Small and large {inputs_word(content.modality)}", chart, full)


def show_learning(content: ReportContent) -> str:
    """What training on more samples brings."""
    learning = (content.summary.get("curves") or {}).get("learning", ())
    if len(learning) < 2:
        return ""
    line = [(float(one["n"]), one["cost_ms"]) for one in learning]
    band = [(float(one["n"]), min(one["cost_ms_folds"]), max(one["cost_ms_folds"])) for one in learning]
    text = (
        "The mean cost of an answer, latency and wrong answers together, on samples that were not trained on, against "
        f"how many the choice was trained on; the whiskers are the range over five folds. {_advice(learning)}"
    )
    chart = line_chart(
        {"cost": line},
        "samples trained on",
        "mean cost, ms",
        "cost of an answer against training samples",
        log=(True, False),
        x_names={x: f"{x:.0f}" for x, _ in line},
        bands={"cost": band},
    )
    header = ("samples", "right", "mean ms", "mean cost, ms")
    rows = [
        [f"{one['n']:,}", percent_words(one["accuracy"]), number(one["latency_ms"]), number(one["cost_ms"])]
        for one in learning
    ]
    details = disclosure("The figures", table("What more training samples bring", header, rows))
    return section("Would more samples help?", paragraph(text), chart, details)


def _advice(learning: Sequence[Mapping[str, Any]]) -> str:
    """Say whether the last doubling of samples made answers cheaper for certain, fold by fold (a paired t-test)."""
    before, last = (np.array(one["cost_ms_folds"]) for one in learning[-2:])
    gain = before - last
    error = float(gain.std(ddof=1)) / len(gain) ** 0.5
    share = float(gain.mean() / before.mean())
    if gain.mean() > _T_95 * error and share > _WORTH:
        return f"The last doubling made an answer {100 * share:.1f} % cheaper: more samples will help."
    if share + _T_95 * error / before.mean() < _WORTH:
        return "The last doubling hardly changed it: more samples will not help much."
    return "What the last doubling did is within the noise."


def show_energy(content: ReportContent) -> str:
    """What an answer of each policy takes."""
    evaluation = content.evaluation or {}
    energy = evaluation.get("energy")
    if not energy:
        return ""
    rows = [
        [POLICIES.get(name, name), number(policy["energy_mj"])]
        for name, policy in evaluation["policies"].items()
        if policy.get("energy_mj") is not None
    ]
    origin = "an estimate, not measured" if energy.get("estimated") else energy.get("meter", "")
    text = f"Above what the device takes without it ({origin})."
    return section("Energy", paragraph(text), table("Energy of one answer", ("policy", "mJ"), rows)) if rows else ""
