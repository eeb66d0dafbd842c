"""A card: a title, facts and tables, as HTML that a notebook shows under a cell.

No colour of text or background is set, so that the page's own hold, in dark mode too; lines are a grey that both bear.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Table", "card"]

_LINE = "1px solid rgba(128,128,128,.35)"
_CELL = "padding:.15em .8em .15em 0;text-align:{side};vertical-align:top;white-space:nowrap;background:none"
_MOST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; the first column is of words, the others of numbers.

    Attributes:
        header: of the columns.
        rows: as many cells each.
        caption: what it shows.

    >>> Table(("variant", "ms"), [("a/none", "2.00")]).html().count("<td")
    2
    """

    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    caption: str = ""

    def html(self) -> str:
        """Return the table; of many rows the first ones, and how many there are."""
        head = "".join(_cell("th", name, place) for place, name in enumerate(self.header))
        shown = [
            f"<tr>{''.join(_cell('td', cell, place) for place, cell in enumerate(row))}</tr>"
            for row in self.rows[:_MOST_ROWS]
        ]
        left = len(self.rows) - len(shown)
        more = f"<tr><td colspan={len(self.header)}>… and {left} more</td></tr>" if left > 0 else ""
        caption = (
            f"<caption style='text-align:left;opacity:.7'>{escape(self.caption)}</caption>" if self.caption else ""
        )
        style = "border-collapse:collapse;margin:.4em 0;background:none"
        body = f"<thead style='border-bottom:{_LINE}'><tr>{head}</tr></thead><tbody>{''.join(shown)}{more}</tbody>"
        return f"<table style='{style}'>{caption}{body}</table>"


def card(title: str, facts: Iterable[tuple[str, object]] = (), tables: Iterable[Table] = (), inside: str = "") -> str:
    """Return a card.

    Args:
        title: one line.
        facts: pairs of a word and what it is; those of an empty text are left out.
        tables: below them; those without rows are left out.
        inside: HTML that stands between facts and tables.

    >>> card("Nap", [("length", "<1 h"), ("dreams", "")])
    "<div style='...'><div style='font-weight:600'>Nap</div>...<div>...length</span> &lt;1 h</div></div>"
    """
    lines = "".join(
        f"<div><span style='opacity:.7'>{escape(word)}</span> {escape(str(what))}</div>"
        for word, what in facts
        if str(what)
    )
    shown = "".join(table.html() for table in tables if table.rows)
    style = f"border:{_LINE};border-radius:6px;padding:.6em .9em;margin:.3em 0;max-width:60em;overflow-x:auto"
    return (
        f"<div style='{style};font-size:13px;line-height:1.5'>"
        f"<div style='font-weight:600'>{escape(title)}</div>{lines}{inside}{shown}</div>"
    )


def _cell(tag: str, content: object, place: int) -> str:
    style = _CELL.format(side="right" if place else "left")
    return f"<{tag} style='{style}'>{escape(str(content))}</{tag}>"
