"""A page of HTML that stands alone: no scripts, no links, pictures inside; every text is escaped."""

import base64
import re
from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["definitions", "paragraph", "picture", "section", "table", "whole_page"]

# what may stand in a cell of numbers: "0.18 to 0.46", "91.2 %", "5.54 ◀"
_NO_DIGITS = re.compile(r"\bto\b|[-+.%◀ ]")
_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, "Segoe UI", Roboto, sans-serif; color: #1c2733; background: #f4f6f8; margin: 0; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; margin: 0 0 .3rem; } h2 { font-size: 1.25rem; margin: 0 0 .6rem; }
section { background: #fff; border: 1px solid #dde3e9; border-radius: 8px; padding: 1.2rem 1.4rem; margin: 1.1rem 0; }
p { margin: .5rem 0; max-width: 52rem; } .lead { font-size: 1.05rem; } .note { color: #566573; font-size: .92rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .6rem 0; }
th, td { text-align: left; padding: .32rem .7rem; border-bottom: 1px solid #e6ebf0; vertical-align: top; }
th { background: #f4f6f8; font-weight: 600; }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tr.strong td { background: #fdf0f0; font-weight: 600; } img { max-width: 100%; height: auto; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.2rem; margin: .6rem 0; }
dt { font-weight: 600; } dd { margin: 0; }
@media print { body { background: #fff; } section { border: 0; padding: 0; break-inside: avoid; } }
"""


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph; `kind` is "lead", "note" or "".

    >>> paragraph("1 < 2")
    '<p>1 &lt; 2</p>'
    """
    attribute = f' class="{escape(kind)}"' if kind else ""
    return f"<p{attribute}>{escape(text)}</p>"


def section(title: str, *parts: str) -> str:
    """Return a section; the parts are HTML already."""
    return f"<section>\n<h2>{escape(title)}</h2>\n" + "\n".join(parts) + "\n</section>"


def table(header: Sequence[str], lines: Iterable[Sequence[str]], strong: Iterable[int] = ()) -> str:
    """Return a table of texts; those that look like numbers stand to the right.

    Args:
        header: of the columns.
        lines: one a row.
        strong: numbers of the lines that stand out.
    """
    marked = set(strong)
    rows = []
    for number, line in enumerate(lines):
        cells = "".join(
            f'<td class="number">{escape(cell)}</td>' if _is_number(cell) else f"<td>{escape(cell)}</td>"
            for cell in line
        )
        rows.append(f'<tr class="strong">{cells}</tr>' if number in marked else f"<tr>{cells}</tr>")
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def picture(data: bytes, description: str) -> str:
    """Return a PNG, inside the page, with a description for those who cannot see it."""
    encoded = base64.b64encode(data).decode("ascii")
    return f'<p><img alt="{escape(description)}" src="data:image/png;base64,{encoded}"></p>'


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Return words with what they mean."""
    return "<dl>" + "".join(f"<dt>{escape(word)}</dt><dd>{escape(text)}</dd>" for word, text in pairs) + "</dl>"


def whole_page(title: str, parts: Iterable[str]) -> str:
    """Return the page; the parts are HTML already."""
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        "</body>\n</html>\n"
    )


def _is_number(cell: str) -> bool:
    digits = _NO_DIGITS.sub("", cell)
    return bool(digits) and digits.isdecimal()
