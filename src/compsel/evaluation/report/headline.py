"""The head of the page: the verdict in a sentence, its figures large, and what it rests on."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from compsel.evaluation.report.content import ReportContent
from compsel.evaluation.report.elements import paragraph, table
from compsel.evaluation.report.scale import number
from compsel.evaluation.report.words import POLICIES, inputs_word

__all__ = ["basis", "headline", "points", "sentence"]

_SAME, _ALL = 0.005, 0.995  # shares of samples that the build knew
Interval = Sequence[float]  # value, low, high


def headline(content: ReportContent) -> str:
    """Return the verdict; for a profile, what it is."""
    if content.kind == "profile":
        text = f"{len(content.candidates)} variants, measured on {content.n_samples:,} {inputs_word(content.modality)}."
        return paragraph(text, "verdict") + paragraph("Nothing has been trained on it yet: compsel train does that.")
    speed, accuracy = _speed(content), _accuracy(content)
    html = paragraph(sentence(speed, accuracy), "verdict") if speed and accuracy else ""
    return html + _cards(content, speed, accuracy) + paragraph(basis(content), "basis") + _sceptic(content)


def sentence(speed: Interval, accuracy: Interval) -> str:
    """Return speed and accuracy against the uncompressed network in words; each is a value with its 95 % interval.

    >>> sentence((2.0, 1.8, 2.2), (0.001, -0.004, 0.006))
    '2.00 times as fast as the uncompressed network, and as accurate as far as these samples tell.'
    >>> sentence((1.0, 0.9, 1.1), (-0.02, -0.03, -0.01))
    'About as fast as the uncompressed network, but 2.0 points less accurate.'
    """
    if speed[1] > 1 or speed[2] < 1:
        fast = f"{number(speed[0])} times as fast as the uncompressed network"
    else:
        fast = "About as fast as the uncompressed network"
    gain = speed[1] > 1
    if accuracy[1] > 0:
        return f"{fast}, {'and' if gain else 'but'} {100 * accuracy[0]:.1f} points more accurate."
    if accuracy[2] < 0:
        return f"{fast}, {'but' if gain or speed[2] >= 1 else 'and'} {-100 * accuracy[0]:.1f} points less accurate."
    if accuracy[1] == accuracy[2] == 0:
        return f"{fast}, and exactly as accurate."
    return f"{fast}, and as accurate as far as these samples tell."


def basis(content: ReportContent) -> str:
    """Return what the figures were measured on, and whether the build knew these inputs."""
    things = inputs_word(content.modality)
    if content.evaluation is None:
        return (
            f"Expected of {content.n_samples:,} other {things} like those of the build, from cross-validation. Measure "
            "it on others with compsel evaluate."
        )
    evaluation = content.evaluation
    text, seen = f"Measured end to end in one run on {evaluation['n']:,} {things}", evaluation.get("seen")
    if seen is None:
        text += "; whether the build had seen them is not recorded."
    elif seen >= _ALL:
        text += " that the build itself used: on others it will be less accurate. Evaluate on samples it has not seen."
    elif seen > _SAME:
        text += f", {seen:.0%} of which the build itself used: on others it will be less accurate."
    else:
        text += " that the build had not seen."
    if not evaluation.get("labelled", True):
        text += " They have no labels: right is what the uncompressed network says."
    return text


def points(value: float) -> str:
    """Return a difference of accuracies.

    >>> points(-0.0123)
    '\u22121.2'
    """
    return f"{100 * value:+.1f}".replace("-", "\u2212")


def _speed(content: ReportContent) -> Interval | None:
    if content.evaluation is not None:
        return _interval(content.evaluation["summary"], "speedup_vs_most_accurate")
    found = content.summary.get("expectation")
    return None if found is None else found["speedup_vs_most_accurate"]


def _accuracy(content: ReportContent) -> Interval | None:
    if content.evaluation is not None:
        return _interval(content.evaluation["summary"], "accuracy_vs_most_accurate")
    found = content.summary.get("expectation")
    return None if found is None else found["accuracy_difference"]


def _interval(summary: Mapping[str, Any], key: str) -> Interval:
    value = summary[key]
    return [value, *(summary.get(f"{key}_95") or [value, value])]


def _levels(content: ReportContent) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return mean latency and accuracy of what ships, and of the uncompressed network."""
    if content.evaluation is not None:
        policies = content.evaluation["policies"]
        if not policies.keys() >= {"adaptive", "most_accurate"}:
            return None
        levels = [
            (policies[name]["latency_ms"]["mean"], policies[name]["accuracy"]) for name in ("adaptive", "most_accurate")
        ]
        return levels[0], levels[1]
    comparison = content.summary.get("comparison", {})
    ours, other = content.summary.get("shipped_score"), comparison.get("most accurate")
    if ours is None or other is None:
        return None
    return (ours["latency_ms"], ours["quality"]), (other["latency_ms"], other["quality"])


def _cards(content: ReportContent, speed: Interval | None, accuracy: Interval | None) -> str:
    levels, cards = _levels(content), []
    if speed is not None:
        times = "" if levels is None else f"{number(levels[0][0])} ms instead of {number(levels[1][0])} ms"
        cards.append(("Speed", f"{number(speed[0])}x", f"95 %: {number(speed[1])} to {number(speed[2])}", times))
    if accuracy is not None:
        large = f"{points(accuracy[0])} points" if levels is None else f"{100 * levels[0][1]:.1f} %"
        ends = f"{points(accuracy[0])} points, 95 %: {points(accuracy[1])} to {points(accuracy[2])}"
        cards.append(("Right answers", large, ends, ""))
    other = _uncompressed(content)
    ours_mb = sum(content.files_mb.get(name, 0.0) for name in content.adaptive)
    sizes = {one.variant: one.size_mb for one in content.candidates}
    if ours_mb and other in sizes:
        number_of = f"{len(content.adaptive)} variant{'s' if len(content.adaptive) > 1 else ''} that answer"
        cards.append(("Size", f"{number(ours_mb)} MB", f"instead of {number(sizes[other])} MB", number_of))
    memory = [content.memory_mb[name] for name in content.adaptive if name in content.memory_mb]
    if memory and other in content.memory_mb:
        instead = f"instead of {number(content.memory_mb[other])} MB"
        cards.append(("Memory", f"{number(max(memory))} MB", instead, "of a process with its largest variant"))
    cards += _energy(content)
    inner = "".join(_card(*card) for card in cards)
    return f'<ul class="cards" aria-label="the result in figures">{inner}</ul>' if cards else ""


def _card(name: str, large: str, note: str, more: str) -> str:
    small = "".join(f'<span class="small">{escape(text)}</span>' for text in (note, more) if text)
    return f'<li><span class="label">{escape(name)}</span><strong>{escape(large)}</strong>{small}</li>'


def _energy(content: ReportContent) -> list[tuple[str, str, str, str]]:
    if content.evaluation is None or not content.evaluation.get("energy"):
        return []
    ours, other = (
        content.evaluation["policies"].get(name, {}).get("energy_mj") for name in ("adaptive", "most_accurate")
    )
    if not ours or not other:
        return []
    estimated = "estimated, not measured" if content.evaluation["energy"].get("estimated") else ""
    return [("Energy", f"{number(ours)} mJ", f"instead of {number(other)} mJ an answer", estimated)]


def _uncompressed(content: ReportContent) -> str:
    """Return the name of the most accurate uncompressed network; "" where it is not known."""
    ways = list(content.summary.get("comparison", {}).get("most accurate", {}).get("ways", {}))
    return ways[0] if ways else ""


def _sceptic(content: ReportContent) -> str:
    """Return the comparison with what a sceptic would ship, and with the other baselines."""
    verdict = (content.evaluation or content.summary).get("verdict")
    html = ""
    if verdict is not None:
        beats = verdict["beats_hindsight_static"]
        text = f"{verdict['sentence'][:1].upper()}{verdict['sentence'][1:]}."
        html = f'<p class="sceptic {"good" if beats else "plain"}">{escape(text)}</p>'
        html += "".join(paragraph(f"{reason[:1].upper()}{reason[1:]}.", "note") for reason in verdict["reasons"])
    summary = (content.evaluation or {}).get("summary", {})
    lines = [
        [
            POLICIES[name],
            f"{number(summary[f'speedup_vs_{name}'])}x",
            " to ".join(number(end) for end in summary[f"speedup_vs_{name}_95"]),
            points(summary[f"accuracy_vs_{name}"]),
            " to ".join(points(end) for end in summary[f"accuracy_vs_{name}_95"]),
        ]
        for name in ("most_accurate", "best_static", "hindsight_static")
        if f"speedup_vs_{name}_95" in summary
    ]
    header = ("this bundle against", "times as fast", "95 %", "points of accuracy", "95 %")
    return html + (table("This bundle against what is fixed", header, lines) if lines else "")
