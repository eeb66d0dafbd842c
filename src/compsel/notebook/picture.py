"""A decision as a picture: inline SVG that takes its colours from the page, and reads well in light and in dark."""

from html import escape

from compsel.notebook.decision import Decision, Step

__all__ = ["picture_of"]

_BOX, _HEIGHT, _GAP, _TOP = 220, 96, 64, 8
_BAR, _BAR_HEIGHT = 40, 16
# mid tones that stand out from white and from black alike
_COLOURS = ("#8d99ae", "#c77dff", "#4895ef", "#f4a261", "#2a9d8f", "#e76f51")
_GOES_ON, _ANSWERS = "#f4a261", "#2a9d8f"
_SHOWN = 30  # characters of a name


def picture_of(decision: Decision) -> str:
    """Return the SVG: a box a stage, arrows with the reason, a bar of where the time went."""
    count = len(decision.steps) + 1
    width = count * _BOX + (count - 1) * _GAP + 2 * _TOP
    boxes = [_box(step, place, last=place == len(decision.steps) - 1) for place, step in enumerate(decision.steps)]
    arrows = [_arrow(place) for place in range(len(decision.steps))]
    bar = _time_bar(decision.parts_ms, width - 2 * _TOP)
    height = _TOP + _HEIGHT + _BAR + _BAR_HEIGHT + 22
    title = f"{decision.answer.choice}: {decision.answer.latency_ms:.2f} ms"
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' role='img' "
        f"style='max-width:100%;height:auto;font:12px sans-serif' fill='currentColor'>"
        f"<title>{escape(title)}</title>{''.join(boxes)}{''.join(arrows)}{_answer(decision)}{bar}</svg>"
    )


def _left(place: int) -> int:
    return _TOP + place * (_BOX + _GAP)


def _box(step: Step, place: int, *, last: bool) -> str:
    stage = step.stage
    lines = [
        (f"{place + 1}. {_cut(stage.variant)}", "font-weight='600'"),
        (f"on {_cut(stage.processor)}", ""),
        (f"{stage.latency_ms:.2f} ms ({stage.expected_ms:.2f} expected)", ""),
        *((line, "opacity='.75'") for line in _wrapped(step.why)),
    ]
    return _frame(place, _ANSWERS if last else _GOES_ON, lines)


def _answer(decision: Decision) -> str:
    answer, place = decision.answer, len(decision.steps)
    if answer.output == "other":
        said = [("answer", "font-weight='600'"), (f"{len(answer.outputs)} outputs", "")]
    else:
        top = [f"{_cut(str(name))} {share:.1%}".replace("%", " %") for name, share in answer.top(3)]
        said = [(top[0], "font-weight='600'"), *((line, "opacity='.75'") for line in top[1:])]
    said.append((f"after {answer.latency_ms:.2f} ms", ""))
    if answer.abstained:
        said.append(("withheld: too unsure", ""))
    return _frame(place, "currentColor", said)


def _frame(place: int, colour: str, lines: list[tuple[str, str]]) -> str:
    left = _left(place)
    text = "".join(
        f"<text x='{left + 10}' y='{_TOP + 20 + 17 * number}' {style}>{escape(line)}</text>"
        for number, (line, style) in enumerate(lines)
    )
    return (
        f"<rect x='{left}' y='{_TOP}' width='{_BOX}' height='{_HEIGHT}' rx='6' fill='{colour}' fill-opacity='.1' "
        f"stroke='{colour}' stroke-width='1.5'/>{text}"
    )


def _arrow(place: int) -> str:
    start, y = _left(place) + _BOX + 6, _TOP + _HEIGHT / 2
    end = _left(place + 1) - 6
    return (
        f"<path d='M{start} {y}H{end}M{end - 7} {y - 5}L{end} {y}L{end - 7} {y + 5}' fill='none' "
        "stroke='currentColor' stroke-width='1.5'/>"
    )


def _time_bar(parts_ms: dict[str, float], width: int) -> str:
    """Return the bar of where the time went, with a legend below it; parts of no time are left out."""
    total, y = sum(max(0.0, part) for part in parts_ms.values()), _TOP + _HEIGHT + _BAR - 12
    if total <= 0:
        return ""
    shown, x, legend_x = [f"<text x='{_TOP}' y='{y - 6}' opacity='.75'>where the time went</text>"], float(_TOP), _TOP
    shown_parts = {name: part for name, part in parts_ms.items() if part > 0}
    for number, (name, part) in enumerate(shown_parts.items()):
        long, colour = part / total * width, _COLOURS[number % len(_COLOURS)]
        shown.append(f"<rect x='{x:.1f}' y='{y}' width='{long:.1f}' height='{_BAR_HEIGHT}' fill='{colour}'/>")
        label = f"{name} {part:.2f} ms"
        legend_y = y + _BAR_HEIGHT + 16
        shown.append(f"<rect x='{legend_x}' y='{legend_y - 9}' width='10' height='10' fill='{colour}'/>")
        shown.append(f"<text x='{legend_x + 14}' y='{legend_y}'>{escape(label)}</text>")
        x += long
        legend_x += 26 + 7 * len(label)
    return "".join(shown)


def _cut(name: str) -> str:
    return name if len(name) <= _SHOWN else f"{name[: _SHOWN - 1]}…"


def _wrapped(text: str) -> list[str]:
    """Return a text on at most two lines."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > _SHOWN + 4 and len(lines) == 1:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
