"""The head of the page: the verdict in a sentence, its figures large, and what it rests on."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from compsel.evaluation.report.content import ReportContent
from compsel.evaluation.report.elements import paragraph, section, table
from compsel.evaluation.report.scale import number
from compsel.evaluation.report.words import inputs_word
from compsel.evaluation.result_words import POLICIES, percent_words
from compsel.storage.sizes import size_words

__all__ = ["basis", "headline", "points", "ratio", "sentence", "show_rivals"]

_SAME, _ALL = 0.005, 0.995  # shares of samples that the build knew
_NOTED = 0.003  # a difference of accuracy that is worth a word
_UNKNOWN = 0.01  # half an interval of the accuracy: wider ones are said
_RIVALS = {"current": "your model as it runs today", "most_accurate": "the uncompressed network"}
Interval = Sequence[float]  # value, low, high
Card = tuple[str, str, str, str]  # what it is, the figure, what it says, and more


def headline(content: ReportContent) -> str:
    """Return the verdict; for a profile, what it is."""
    if content.kind == "profile":
        text = f"{len(content.candidates)} variants, measured on {content.n_samples:,} {inputs_word(content.modality)}."
        return paragraph(text, "verdict") + paragraph("Nothing has been trained on it yet: compsel train does that.")
    speed = _compared(content, "speedup", "speedup_vs_most_accurate")
    accuracy = _compared(content, "accuracy", "accuracy_difference")
    rival = "your model runs today" if _rival(content)[0] == "current" else "the uncompressed network"
    html = paragraph(sentence(speed, accuracy, rival), "verdict") if speed and accuracy else ""
    return html + _cards(content, speed, accuracy) + paragraph(basis(content), "basis")


def sentence(speed: Interval, accuracy: Interval, rival: str = "the uncompressed network") -> str:
    """Return speed and accuracy against a rival in words; each is a value with its 95 % interval.

    >>> sentence((2.0, 1.8, 2.2), (0.001, -0.004, 0.006))
    '2.00 times as fast as the uncompressed network, and as accurate as far as these samples tell.'
    >>> sentence((1.0, 0.9, 1.1), (-0.02, -0.03, -0.01))
    'About as fast as the uncompressed network, but 2.0 points less accurate.'
    >>> sentence((2.0, 1.8, 2.2), (0.0, -0.06, 0.06))
    '2.00 times as fast as the uncompressed network; no difference of accuracy seen, but so few samples leave 6.0 \
points open.'
    """
    if speed[1] > 1 or speed[2] < 1:
        fast = f"{ratio(speed[0])} times as fast as {rival}"
    else:
        fast = f"About as fast as {rival}"
    gain = speed[1] > 1
    if accuracy[1] > 0:
        return f"{fast}, {'and' if gain else 'but'} {100 * accuracy[0]:.1f} points more accurate."
    if accuracy[2] < 0:
        return f"{fast}, {'but' if gain or speed[2] >= 1 else 'and'} {-100 * accuracy[0]:.1f} points less accurate."
    if accuracy[1] == accuracy[2] == 0:
        return f"{fast}, and right on exactly as many samples."
    if abs(accuracy[0]) >= _NOTED:
        ends = f"{points(accuracy[1])} to {points(accuracy[2])}"
        return f"{fast}; too few samples to tell their accuracy apart ({points(accuracy[0])} points, 95 %: {ends})."
    half = 100 * (accuracy[2] - accuracy[1]) / 2
    if half > 100 * _UNKNOWN:
        return f"{fast}; no difference of accuracy seen, but so few samples leave {half:.1f} points open."
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
        text += f", {percent_words(seen)} of which the build itself used: on others it will be less accurate."
    else:
        text += " that the build had not seen."
    if not evaluation.get("labelled", True):
        text += " They have no labels: right is what the uncompressed network says."
    return text


def ratio(value: float) -> str:
    """Return how many times: two decimals below ten.

    >>> ratio(0.9482), ratio(23.714)
    ('0.95', '23.7')
    """
    return f"{value:.2f}" if value < 10 else number(value)


def points(value: float) -> str:
    """Return a difference of accuracies.

    >>> points(-0.0123)
    '\u22121.2'
    """
    text = f"{100 * value:+.1f}".replace("-", "\u2212")
    return text if text[1:] != "0.0" else "0.0"


def _rival(content: ReportContent) -> tuple[str, Mapping[str, Any]]:
    """Return what is compared with, and where the comparison stands: today's model, where it is known."""
    found = (content.evaluation or {}).get("summary") or content.summary.get("result") or {}
    rivals = [name for name in ("current", "most_accurate") if found.get(f"speedup_vs_{name}") is not None]
    return (rivals[0] if rivals else ""), found


def _compared(content: ReportContent, figure: str, expected: str) -> Interval | None:
    rival, found = _rival(content)
    key = f"{figure}_vs_{rival}"
    if rival:
        return [found[key], *(found.get(f"{key}_95") or [found[key], found[key]])]
    expectation: Mapping[str, Any] = content.summary.get("expectation") or {}
    interval: Interval | None = None if content.evaluation is not None else expectation.get(expected)
    return interval


def _levels(content: ReportContent) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return mean latency and accuracy of what ships, and of what it is compared with."""
    if content.evaluation is not None:
        policies, rival = content.evaluation["policies"], _rival(content)[0]
        if rival not in policies:
            return None
        levels = [(policies[name]["latency_ms"]["mean"], policies[name]["accuracy"]) for name in ("adaptive", rival)]
        return levels[0], levels[1]
    result = content.summary.get("result") or {}
    if result.get("bundle") and result.get("current"):
        both = [(one["latency_ms"], one["accuracy"]) for one in (result["bundle"], result["current"])]
        return both[0], both[1]
    ours, other = (
        content.summary.get("shipped_score"),
        content.summary.get("comparison", {}).get("most accurate"),
    )
    if ours is None or other is None:
        return None
    return (ours["latency_ms"], ours["quality"]), (other["latency_ms"], other["quality"])


def _cards(content: ReportContent, speed: Interval | None, accuracy: Interval | None) -> str:
    levels, cards = _levels(content), list[Card]()
    if speed is not None:
        times = "" if levels is None else f"{number(levels[0][0])} ms instead of {number(levels[1][0])} ms"
        cards.append(("Speed", f"{ratio(speed[0])}x", f"95 %: {ratio(speed[1])} to {ratio(speed[2])}", times))
    if accuracy is not None:
        large = f"{points(accuracy[0])} points" if levels is None else percent_words(levels[0][1])
        ends = f"{points(accuracy[0])} points, 95 %: {points(accuracy[1])} to {points(accuracy[2])}"
        cards.append(("Right answers", large, ends, ""))
    cards += [card for card in (_size(content), _memory(content)) if card]
    cards += _energy(content)
    inner = "".join(_card(*card) for card in cards)
    return f'<ul class="cards" aria-label="the result in figures">{inner}</ul>' if cards else ""


def _card(name: str, large: str, note: str, more: str) -> str:
    small = "".join(f'<span class="small">{escape(text)}</span>' for text in (note, more) if text)
    return f'<li><span class="label">{escape(name)}</span><strong>{escape(large)}</strong>{small}</li>'


def _energy(content: ReportContent) -> list[Card]:
    """Return what an answer takes, against the same rival as speed and accuracy, where that was measured."""
    if content.evaluation is None or not content.evaluation.get("energy"):
        return []
    policies = content.evaluation["policies"]
    rivals = [name for name in dict.fromkeys((_rival(content)[0], "current", "most_accurate")) if name in policies]
    measured = [name for name in rivals if policies[name].get("energy_mj")]
    ours = policies["adaptive"].get("energy_mj")
    if not ours or not measured:
        return []
    other = policies[measured[0]]["energy_mj"]
    estimated = "estimated, not measured" if content.evaluation["energy"].get("estimated") else ""
    note = f"instead of {number(other)} mJ an answer of {_RIVALS[measured[0]]}"
    return [("Energy", f"{number(ours)} mJ", note, estimated)]


def _size(content: ReportContent) -> Card | None:
    now, sizes = _uncompressed(content), {one.variant: one.size_mb for one in content.candidates}
    ours, other = _result(content, "size_mb")
    ours = ours or sum(content.files_mb.get(name, 0.0) for name in content.adaptive)
    other = other or sizes.get(now)
    if not ours:
        return None
    answering = f"{len(content.adaptive)} variant{'s' if len(content.adaptive) > 1 else ''} that answer"
    return "Size", size_words(ours), f"instead of {size_words(other)}" if other else "", answering


def _memory(content: ReportContent) -> Card | None:
    ours, other = _result(content, "memory_mb")
    if ours and other:
        return "Memory", size_words(ours), f"instead of {size_words(other)}", ""
    other = content.memory_mb.get(_uncompressed(content))
    measured = [content.memory_mb[name] for name in content.adaptive if name in content.memory_mb]
    if not measured or not other:
        return None
    note = "of a process with its largest variant" if len(measured) > 1 else ""
    return "Memory", size_words(max(measured)), f"instead of {size_words(other)}", note


def _result(content: ReportContent, figure: str) -> tuple[float | None, float | None]:
    """Return a figure of the bundle and of the model today, as builds or evaluations say them; None: not said."""
    results = [one.get("result") or {} for one in (content.evaluation or {}, content.summary)]
    both = [[(result.get(name) or {}).get(figure) for result in results] for name in ("bundle", "current")]
    ours, other = (next((value for value in values if value is not None), None) for values in both)
    return ours, other


def _uncompressed(content: ReportContent) -> str:
    """Return the name of the most accurate uncompressed network; "" where it is not known."""
    ways = list(content.summary.get("comparison", {}).get("most accurate", {}).get("ways", {}))
    return ways[0] if ways else ""


def show_rivals(content: ReportContent) -> str:
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
            f"{ratio(summary[f'speedup_vs_{name}'])}x",
            " to ".join(ratio(end) for end in summary[f"speedup_vs_{name}_95"]),
            points(summary[f"accuracy_vs_{name}"]),
            " to ".join(points(end) for end in summary[f"accuracy_vs_{name}_95"]),
        ]
        for name in ("current", "most_accurate", "best_static", "hindsight_static")
        if summary.get(f"speedup_vs_{name}") is not None
    ]
    header = ("this bundle against", "times as fast", "95 %", "points of accuracy", "95 %")
    html += table("This bundle against what never changes", header, lines) if lines else ""
    lacking = (content.evaluation or {}).get("lacking")
    html += paragraph(lacking, "note") if lacking else ""
    html += _further(content, summary)
    return section("Against one choice for all inputs", html) if html else ""


def _further(content: ReportContent, summary: Mapping[str, Any]) -> str:
    """Return the certificate, and how much of what is possible was reached."""
    certificate = (content.evaluation or {}).get("certificate")
    html = paragraph(certificate["sentence"], "note") if certificate and certificate.get("sentence") else ""
    gap, ends = summary.get("gap_closed"), summary.get("gap_closed_95")
    if gap is None:
        return html
    interval = f" (95 %: {ends[0]:.2f} to {ends[1]:.2f})" if ends and None not in ends else ""
    text = f"Of the way from the best static choice to an oracle that knows the future it goes {gap:.2f}{interval}."
    return html + paragraph(text, "note")
