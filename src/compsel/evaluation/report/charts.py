"""Charts as SVG that reads on a phone: drawn 360 wide, with text of 12. Colours are classes of the page's style."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from compsel.evaluation.report.scale import Scale, number
from compsel.evaluation.report.words import SHAPES

__all__ = ["axes", "line_chart", "reliability_chart", "trade_off_chart"]

_WIDTH, _HEIGHT = 360.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 12.0, 12.0, 42.0
_LETTER, _SPACE = 7.0, 5.0  # wide: a letter of a number, and what stays free between two
Line = Sequence[tuple[float, float]]


def axes(x: Scale, y: Scale, x_label: str, y_label: str, x_names: Mapping[float, str] | None = None) -> str:
    """Return grid, numbers and names of both axes.

    Args:
        x, y: scales; `y` runs upwards.
        x_label, y_label: what they are, with the unit.
        x_names: what is written at places of the lower axis; None: its round numbers.
    """
    parts = []
    for tick, name in y.ticks.items():
        at = f"{y(tick):.1f}"
        parts.append(f'<line class="grid" x1="{x.start:.1f}" x2="{x.end:.1f}" y1="{at}" y2="{at}"/>')
        parts.append(f'<text class="tick" x="{x.start - 6:.1f}" y="{y(tick) + 4:.1f}" text-anchor="end">{name}</text>')
    names = x.ticks if x_names is None else x_names
    written = _apart({x(tick): name for tick, name in names.items()})
    for tick, name in names.items():
        at = f"{x(tick):.1f}"
        parts.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{y.start:.1f}" y2="{y.end:.1f}"/>')
        if x(tick) not in written:
            continue
        parts.append(f'<text class="tick" x="{at}" y="{y.start + 16:.1f}" text-anchor="middle">{escape(name)}</text>')
    middle = (x.start + x.end) / 2
    parts.append(
        f'<text class="axis" x="{middle:.1f}" y="{y.start + 35:.1f}" text-anchor="middle">{escape(x_label)}</text>'
    )
    half = (y.start + y.end) / 2
    parts.append(
        f'<text class="axis" transform="translate({x.start - 36:.1f} {half:.1f}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_label)}</text>"
    )
    return "".join(parts)


def _apart(names: Mapping[float, str]) -> list[float]:
    """Return the places of names that can be written without one upon another; the first and the last always are."""
    places = sorted(names)

    def are_apart(left: float, right: float) -> bool:
        return right - left >= _LETTER * (len(names[left]) + len(names[right])) / 2 + _SPACE

    kept: list[float] = []
    for place in places:
        if not kept or are_apart(kept[-1], place):
            kept.append(place)
    while len(kept) > 1 and kept[-1] != places[-1] and not are_apart(kept[-1], places[-1]):
        kept.pop()
    return kept if not places or kept[-1] == places[-1] else [*kept, places[-1]]


def _svg(inner: str, label: str, width: float = _WIDTH, height: float = _HEIGHT) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">{inner}</svg>'
    )


def _path(line: Line, x: Scale, y: Scale) -> str:
    return "M" + "L".join(f"{x(left):.1f} {y(up):.1f}" for left, up in line)


def _frame() -> tuple[tuple[float, float], tuple[float, float]]:
    return (_LEFT, _WIDTH - _RIGHT), (_HEIGHT - _BOTTOM, _TOP)


# many parameters: two axes with their words, the lines, and what they are called
def line_chart(
    lines: Mapping[str, Line],
    x_label: str,
    y_label: str,
    description: str,
    *,
    log: tuple[bool, bool] = (False, False),
    x_names: Mapping[float, str] | None = None,
    bands: Mapping[str, Sequence[tuple[float, float, float]]] | None = None,
) -> str:
    """Return lines over one axis, with a legend below: at most six, each of another colour and dash.

    Args:
        lines: by name, points of x and y.
        x_label, y_label: of the axes.
        description: for those who cannot see it.
        log: whether x and y are logarithmic.
        x_names: see `axes`.
        bands: by the name of a line, x with the low and high end of y.
    """
    across, up = _frame()
    shown = dict(list(lines.items())[:6])
    bands = bands or {}
    values = [value for line in shown.values() for _, value in line]
    values += [end for band in bands.values() for _, low, high in band for end in (low, high)]
    x = Scale.around([place for line in shown.values() for place, _ in line], *across, log=log[0])
    y = Scale.around(values, *up, log=log[1])
    parts = [axes(x, y, x_label, y_label, x_names)]
    for place, (name, line) in enumerate(shown.items()):
        for left, low, high in bands.get(name, ()):
            at = f"{x(left):.1f}"
            parts.append(f'<line class="whisker" x1="{at}" x2="{at}" y1="{y(low):.1f}" y2="{y(high):.1f}"/>')
        parts.append(f'<path class="line series{place}" d="{_path(line, x, y)}"/>')
        for left, value in line:
            where = f'cx="{x(left):.1f}" cy="{y(value):.1f}"'
            told = escape(f"{name}: {number(value)} at {(x_names or {}).get(left, number(left))}")
            parts.append(f'<circle class="dot series{place}" {where} r="3.5"><title>{told}</title></circle>')
    legend = ""
    if len(shown) > 1:
        items = "".join(
            f'<li><svg class="key" viewBox="0 0 24 8" aria-hidden="true"><path class="line series{place}" d="M0 4H24"/>'
            f"</svg>{escape(name)}</li>"
            for place, name in enumerate(shown)
        )
        legend = f'<ul class="legend">{items}</ul>'
    return _svg("".join(parts), description) + legend


def reliability_chart(bins: Sequence[Mapping[str, Any]], description: str) -> str:
    """Return how many answers are right of those that are so sure, with intervals; honest ones lie on the diagonal."""
    across, up = _frame()
    lowest = min([one["right_95"][0] for one in bins] + [one["confidence"] for one in bins])
    low = max(0.0, 100 * lowest - 5)
    x, y = Scale(low, 101.0, *across), Scale(low, 101.0, *up)
    parts = [axes(x, y, "how sure the answer is, %", "right, %")]
    parts.append(f'<path class="diagonal" d="{_path([(low, low), (100, 100)], x, y)}"/>')
    for one in bins:
        sure, right, ends = 100 * one["confidence"], 100 * one["right"], [100 * end for end in one["right_95"]]
        at = f"{x(sure):.1f}"
        parts.append(f'<line class="whisker" x1="{at}" x2="{at}" y1="{y(ends[0]):.1f}" y2="{y(ends[1]):.1f}"/>')
        told = f"{one['n']} answers, {sure:.1f} % sure: {right:.1f} % right ({ends[0]:.1f} to {ends[1]:.1f})"
        where = f'cx="{at}" cy="{y(right):.1f}"'
        parts.append(f'<circle class="dot series0" {where} r="4.5"><title>{told}</title></circle>')
    return _svg("".join(parts), description)


def trade_off_chart(view: Mapping[str, Any], width: float = 720.0, height: float = 420.0) -> str:
    """Return the main picture of a view, as it stands without the script, which draws it again as wide as it can."""
    points, curve = view["points"], view["curve"]
    xs, ys = (
        [one["x"] for one in points] + [one[0] for one in curve],
        [one["y"] for one in points] + [one[1] for one in curve],
    )
    x = Scale.around(xs, 52.0, width - 16.0, log=max(xs) > 3 * min(xs))
    y = Scale.around(ys, height - 48.0, 16.0)
    parts = [axes(x, y, "mean latency of one answer, ms (left is faster)", "right answers, %")]
    if curve:
        parts.append(f'<path class="curve" d="{_path([(one[0], one[1]) for one in curve], x, y)}"/>')
    for one in sorted(points, key=lambda point: point["kind"] not in ("static", "dominated")):
        place = f"translate({x(one['x']):.1f} {y(one['y']):.1f})"
        shape = SHAPES[one["kind"]]
        parts.append(f'<g class="point kind-{one["kind"]}" transform="{place}"><path d="{shape}"/></g>')
        if one["kind"] not in ("static", "dominated", "other"):
            left = x(one["x"]) > width * 0.75
            place = f'x="{x(one["x"]) + (-12 if left else 12):.1f}" y="{y(one["y"]) + 4:.1f}"'
            anchor = "end" if left else "start"
            parts.append(f'<text class="name" {place} text-anchor="{anchor}">{escape(one["label"])}</text>')
    return "".join(parts)
