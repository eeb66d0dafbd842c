"""Which inputs took which way, and where answers went wrong."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from compsel.evaluation.report.content import ReportContent
from compsel.evaluation.report.elements import bar, paragraph, section, table
from compsel.evaluation.report.previews import Preview, spread, worst
from compsel.evaluation.report.scale import number
from compsel.evaluation.report.words import inputs_word
from compsel.evaluation.result_words import percent_words

__all__ = ["show_errors", "show_ways"]

_PAIRS, _WAYS = 10, 6
Row = Mapping[str, Any]
Previews = Mapping[int, Preview]


def show_ways(content: ReportContent, previews: Previews) -> str:
    """Every way with its share, its accuracy and its time, and inputs that took it."""
    things, rows = inputs_word(content.modality), (content.evaluation or {}).get("inputs")
    title = f"Which {things} took which way"
    if not rows:
        ways = content.summary.get("shipped_score", {}).get("ways", {})
        if not ways:
            return ""
        lines = "".join(_way(way, share, place, "") for place, (way, share) in enumerate(list(ways.items())[:_WAYS]))
        note = f"Expected shares. compsel evaluate shows single {things}."
        return section(title, paragraph(note, "note"), f'<ul class="ways">{lines}</ul>')
    found = Counter(row["way"] for row in rows)
    parts = []
    for place, (way, count) in enumerate(found.most_common(_WAYS)):
        members = [index for index, row in enumerate(rows) if row["way"] == way]
        right = sum(rows[index]["right"] for index in members) / count
        taken = sum(rows[index]["latency_ms"] for index in members) / count
        figures = f"{count:,} {things if count > 1 else things[:-1]}, {percent_words(right)} right, {number(taken)} ms"
        shown = [_example(rows[index], previews[index]) for index in spread(members) if index in previews]
        examples = f'<ul class="examples {previews_kind(previews)}">{"".join(shown)}</ul>' if shown else ""
        parts.append(_way(way, count / len(rows), place, figures, examples))
    if len(found) > _WAYS:
        parts.append(f"<li>{len(found) - _WAYS} further ways, {_share_of_others(found, len(rows))} of all</li>")
    return section(title, f'<ul class="ways">{"".join(parts)}</ul>')


def previews_kind(previews: Previews) -> str:
    """Return the class of a list of previews."""
    return "images" if any(one.image for one in previews.values()) else "texts"


def _share_of_others(found: Counter[str], n: int) -> str:
    return percent_words(sum(count for _, count in found.most_common()[_WAYS:]) / n)


def _way(way: str, share: float, place: int, figures: str, examples: str = "") -> str:
    steps = " <span class='then'>then</span> ".join(f"<code>{escape(name)}</code>" for name in way.split(" > "))
    filled = bar([(share, f"series{place % 6}")])
    text = f'<span class="small">{escape(figures)}</span>' if figures else ""
    large = f"<strong>{escape(percent_words(share))}</strong>"
    return f'<li><div class="way"><span>{steps}</span>{large}</div>{filled}{text}{examples}</li>'


def _example(row: Row, preview: Preview) -> str:
    mark = "" if row["right"] >= 1 else '<span class="wrong">wrong</span>'
    said = ", ".join(text for text in (str(row.get("answered", "")), _sure(row)) if text)
    caption = f'<span class="small">{escape(said)} {mark}</span>'
    return f"<li>{_picture(row, preview)}{caption}</li>"


def _picture(row: Row, preview: Preview) -> str:
    if preview.image:
        size = f'width="{preview.width}" height="{preview.height}"'
        return f'<img src="{preview.image}" {size} alt="{escape(row["name"])}">'
    return f"<q>{escape(preview.text)}</q>"


def _sure(row: Row) -> str:
    return "" if row.get("confidence") is None else f"{percent_words(row['confidence'])} sure"


def show_errors(content: ReportContent, previews: Previews) -> str:
    """The wrong answers that were surest, and which classes are taken for which."""
    rows = (content.evaluation or {}).get("inputs")
    if not rows:
        return ""
    things, wrong = inputs_word(content.modality), [row for row in rows if row["right"] < 1]
    if not wrong:
        return section("Where it went wrong", paragraph(f"Nowhere: all {len(rows):,} answers are right."))
    late = sum(" > " in row["way"] for row in wrong)
    text = f"{len(wrong):,} of {len(rows):,} answers are wrong"
    if late and late < len(wrong):
        text += (
            f": {late:,} of them although it made sure with another variant, {len(wrong) - late:,} stopped at the first"
        )
    return section(
        "Where it went wrong",
        paragraph(f"{text}. First those of which it was surest."),
        _worst(rows, previews, things),
        _confusions(wrong),
    )


def _worst(rows: Sequence[Row], previews: Previews, things: str) -> str:
    lines, pictures = [], []
    for index in worst(rows):
        row, preview = rows[index], previews.get(index)
        if preview is not None and preview.image:
            said = f"{row.get('answered', '')}, not {row.get('wanted', '')}: " if "answered" in row else ""
            caption = f'<span class="small">{escape(said)}{_sure(row)}</span>'
            pictures.append(f"<li>{_picture(row, preview)}{caption}</li>")
        sure = "" if row.get("confidence") is None else percent_words(row["confidence"])
        shown = preview.text if preview is not None and preview.text else ""
        cells = [row["name"], shown, str(row.get("answered", "")), str(row.get("wanted", "")), sure, row["way"]]
        lines.append(cells)
    header = (things.removesuffix("s"), "what it says", "answered", "right is", "how sure", "way")
    html = f'<ul class="examples images">{"".join(pictures)}</ul>' if pictures else ""
    return html + table("Wrong answers, the surest first", header, lines)


def _confusions(wrong: Sequence[Row]) -> str:
    pairs = Counter((row["wanted"], row["answered"]) for row in wrong if "answered" in row)
    repeated = [(pair, count) for pair, count in pairs.most_common(_PAIRS) if count > 1]
    if not repeated:
        return ""
    lines = [[str(wanted), str(answered), str(count)] for (wanted, answered), count in repeated]
    return table("Classes that are taken for others", ("right is", "answered", "times"), lines)
