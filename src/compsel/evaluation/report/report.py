"""One self-contained HTML page about a bundle or a profile, for readers who have never seen either."""

import os
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from compsel.evaluation.report.answers import show_errors, show_ways
from compsel.evaluation.report.charts import trade_off_chart
from compsel.evaluation.report.choosing import show_choosing, show_policies, show_variants
from compsel.evaluation.report.content import ReportContent, read_content
from compsel.evaluation.report.data import as_json, page_data
from compsel.evaluation.report.elements import definitions, disclosure, paragraph, section, table
from compsel.evaluation.report.headline import headline, show_rivals
from compsel.evaluation.report.machine import show_machine
from compsel.evaluation.report.measured import (
    show_calibration,
    show_energy,
    show_learning,
    show_load,
    show_sizes,
    show_time,
)
from compsel.evaluation.report.previews import Preview, previews
from compsel.evaluation.report.scale import number
from compsel.evaluation.report.views import views
from compsel.evaluation.report.words import KINDS, MEANINGS, SHAPES
from compsel.inputs.samples import Samples
from compsel.storage.files import atomic_file

__all__ = ["render", "report_path", "write_report"]

_LEAD = (
    "A trained network can be compressed in many ways: fewer bits, smaller inputs, parts left out. Each way is a "
    "variant with a speed and an accuracy of its own. compsel measures them on the device itself, and learns "
    "which one to run for every single input."
)


def report_path(bundle: str | os.PathLike[str]) -> Path:
    """Return where the report of a bundle lies, unless it is told another place.

    >>> report_path("shipped/bundle").name
    'bundle.report.html'
    """
    path = Path(bundle)
    if path.name in ("", ".."):
        path = path.resolve()
    return path.with_name(f"{path.name}.report.html")


def write_report(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    evaluation: Mapping[str, Any] | None = None,
    samples: Samples | None = None,
) -> Path:
    """Write the page.

    Args:
        source: folder of a bundle, or of a profile.
        out: the HTML file.
        evaluation: JSON of `compsel evaluate` of this bundle; None leaves it out.
        samples: that were evaluated, of which some are shown: small pictures, or texts; None shows none.

    Raises:
        UsageError: a source that is neither.
        BundleError, ProfileError: a damaged one.
        StorageError: the file cannot be written.
    """
    rows = (evaluation or {}).get("inputs", ())
    shown = {} if samples is None else previews(samples, rows)
    page = render(read_content(Path(source), evaluation), shown)
    with atomic_file(out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return Path(out)


def render(content: ReportContent, shown: Mapping[int, Preview] | None = None) -> str:
    """Return the page as a text; `shown` are previews of inputs by their places in the evaluation."""
    found = views(content)
    charts = [show_calibration(content), show_time(content), show_load(content), show_sizes(content)]
    charts += [show_learning(content), show_energy(content)]
    parts = [
        f'<header class="top"><p class="brand">compsel report</p><h1>{escape(content.name)}</h1>'
        f"{headline(content)}</header>",
        _main_picture(content, found),
        show_rivals(content),
        show_ways(content, shown or {}),
        show_errors(content, shown or {}),
        f'<div class="pairs">{"".join(charts)}</div>' if any(charts) else "",
        show_choosing(content),
        show_variants(content),
        show_machine(content),
        _downloads(content),
        _words(),
    ]
    return _page(f"{content.name}: compsel report", "\n".join(parts), as_json(page_data(content, found)))


def _main_picture(content: ReportContent, found: list[dict[str, Any]]) -> str:
    if not found:
        return ""
    states = "".join(
        f'<label><input type="radio" name="view" value="{place}"{" checked" if not place else ""}>'
        f"<span>{escape(view['name'])}</span></label>"
        for place, view in enumerate(found)
    )
    chooser = (
        f'<fieldset class="states"><legend>State of the device</legend>{states}</fieldset>' if len(found) > 1 else ""
    )
    kinds = {point["kind"] for view in found for point in view["points"]}
    if any(view["curve"] for view in found):
        kinds.add("curve")
    legend = "".join(
        f'<li><svg class="mark kind-{kind}" viewBox="-10 -10 20 20" aria-hidden="true"><path d="{SHAPES[kind]}"/></svg>'
        f"{escape(words)}</li>"
        for kind, words in KINDS.items()
        if kind in kinds
    )
    view = found[0]
    return section(
        "Accuracy against latency",
        f'<div id="picture" class="picture">{chooser if len(found) > 1 else ""}<div class="filters" id="filters"></div>'
        '<div class="canvas"><svg id="trade-off" viewBox="0 0 720 420" role="group" '
        f'aria-label="accuracy against latency: every figure is in the table below">{trade_off_chart(view)}</svg>'
        '<div id="tip" class="tip" hidden></div></div>'
        f'<ul class="legend">{legend}</ul><p class="note" id="view-note">{escape(view["note"])}</p>'
        '<p class="note" id="outside"></p></div>',
        show_policies(content),
        disclosure("The picture as a table", _as_table(view)),
    )


def _as_table(view: Mapping[str, Any]) -> str:
    lines = [
        [
            point["label"],
            str(point.get("processor") or ""),
            f"{point['y']:.2f}",
            number(point["x"]),
            number(point["p95"]) if point.get("p95") else "",
            number(point["size"]) if point.get("size") else "",
        ]
        for point in sorted(view["points"], key=lambda point: float(point["x"]))
    ]
    header = ("what", "processor", "right, %", "mean ms", "p95", "MB")
    return table(f"Accuracy and latency, {view['name']}", header, lines)


def _downloads(content: ReportContent) -> str:
    text = "Comma-separated, as they were measured; the script of this page makes the files."
    more = len((content.evaluation or {}).get("inputs", ())) > 2000
    note = " Of the inputs 2,000 are here; compsel evaluate --json writes all." if more else ""
    return section("The figures as tables", paragraph(text + note), '<p class="downloads" id="downloads"></p>')


def _words() -> str:
    return section("Words", paragraph(_LEAD), disclosure("What the words mean", definitions(MEANINGS)))


def _page(title: str, body: str, data: str) -> str:
    folder = files("compsel.evaluation.report")
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" '
        f'content="light dark">\n<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n'
        f'{body}\n</main>\n<script type="application/json" id="data">{data}</script>\n<script>\n{script}</script>\n'
        "</body>\n</html>\n"
    )
