"""Elements of HTML; every text is escaped, every part that is named HTML is taken as it is."""

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["bar", "definitions", "disclosure", "heading_id", "paragraph", "section", "table"]

_FEW = 4  # columns: they need not be as wide as the page
_LONG = 32  # letters of a cell that wants room
# what stands to the right: numbers, with units, signs and intervals
_NUMERIC = frozenset("0123456789.,+-\u2212x% ()to")


def heading_id(title: str) -> str:
    """Return the fragment of a section's address.

    >>> heading_id("Where it went wrong")
    'where-it-went-wrong'
    """
    return "-".join("".join(letter if letter.isalnum() else " " for letter in title.lower()).split())


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph; `kind` is a class of the style, or "".

    >>> paragraph("1 < 2")
    '<p>1 &lt; 2</p>'
    """
    attribute = f' class="{escape(kind)}"' if kind else ""
    return f"<p{attribute}>{escape(text)}</p>"


def section(title: str, *html: str) -> str:
    """Return a section under a heading."""
    name = heading_id(title)
    inner = "\n".join(html)
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(title)}</h2>\n{inner}\n</section>'


def table(caption: str, header: Sequence[str], lines: Iterable[Sequence[str]], strong: Iterable[int] = ()) -> str:
    """Return a table that scrolls in its own box; columns that are empty are left out.

    Args:
        caption: what it shows; no other table of the page has it.
        header: of the columns; the first one names the row.
        lines: one a row.
        strong: numbers of the lines that stand out.
    """
    rows, marked = [list(line) for line in lines], set(strong)
    kept = [place for place in range(len(header)) if any(row[place] for row in rows)]
    long = {place for place in kept if any(len(row[place]) > _LONG for row in rows)}
    numeric = {place for place in kept[1:] if all(_NUMERIC.issuperset(row[place]) for row in rows)}
    head = "".join(f'<th scope="col"{_class(place in numeric)}>{escape(header[place])}</th>' for place in kept)
    body = []
    for number, row in enumerate(rows):
        cells = "".join(
            f'<th scope="row">{_breakable(row[place])}</th>'
            if place == kept[0]
            else f"<td{_class(place in numeric, place in long)}>{escape(row[place])}</td>"
            for place in kept
        )
        body.append(f'<tr class="strong">{cells}</tr>' if number in marked else f"<tr>{cells}</tr>")
    few = ' class="few"' if len(kept) < _FEW else ""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}"><table{few}>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _class(numeric: bool, long: bool = False) -> str:
    kind = "number" if numeric else "long" if long else ""
    return f' class="{kind}"' if kind else ""


def _breakable(name: str) -> str:
    """Return a name, as "net/resolution:192+int8-static", that may go on in the next line after its signs."""
    return escape(name).replace("/", "/<wbr>").replace("+", "+<wbr>")


def disclosure(summary: str, *html: str) -> str:
    """Return what is shown when it is asked for."""
    inner = "\n".join(html)
    return f"<details><summary>{escape(summary)}</summary>\n{inner}\n</details>"


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Return words with what they mean."""
    return "<dl>" + "".join(f"<dt>{escape(word)}</dt><dd>{escape(text)}</dd>" for word, text in pairs) + "</dl>"


def bar(parts: Iterable[tuple[float, str]]) -> str:
    """Return a bar of parts, each a share of the whole (0 to 1) and a class; what it shows stands beside it as text."""
    inner = "".join(f'<span class="{escape(kind)}" style="width:{100 * share:.2f}%"></span>' for share, kind in parts)
    return f'<span class="bar" aria-hidden="true">{inner}</span>'
