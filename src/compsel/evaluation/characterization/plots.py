"""Pictures of a characterisation: heat maps of networks by techniques, averages beside the paper's, trade-offs."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import require
from compsel.evaluation.characterization.averages import average_changes
from compsel.evaluation.characterization.ispa2018 import PAPER, counterpart
from compsel.evaluation.characterization.rows import Row
from compsel.storage.file_names import slug
from compsel.storage.files import atomic_file

__all__ = ["draw_all"]

_OURS, _THEIRS = "#2a6f97", "#bc6c25"
_DPI = 110
# readable numbers on dark cells
_DARK = 0.55


def draw_all(rows: Sequence[Row], folder: Path) -> list[str]:
    """Draw every picture into `folder` and return their file names.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        StorageError: the folder cannot be written.
    """
    measured = [row for row in rows if not row.left_out]
    names = []
    for processor in dict.fromkeys(row.processor for row in measured):
        here = [row for row in measured if row.processor == processor]
        title = f"latency relative to the uncompressed network, {processor}"
        names.append(_heat(here, lambda row: row.ratio.value if row.ratio else None, title, folder, "time", processor))
    first = list({(row.model, row.technique): row for row in measured}.values())
    sizes = {row.model: row.size_mb for row in first if row.technique == "none"}
    names.append(
        _heat(
            first,
            lambda row: _part(row.size_mb, sizes.get(row.model)),
            "size on disk relative to the uncompressed network",
            folder,
            "size",
        )
    )
    names.append(
        _heat(
            first,
            lambda row: row.agreement.value if row.agreement else None,
            "share of samples with the uncompressed network's answer",
            folder,
            "agreement",
        )
    )
    names.append(_beside_the_paper(measured, folder))
    names.append(_trade_offs(measured, folder))
    return [name for name in names if name]


def _part(value: float | None, whole: float | None) -> float | None:
    return value / whole if value is not None and whole else None


def _heat(
    rows: Sequence[Row], figure: Callable[[Row], float | None], title: str, folder: Path, name: str, processor: str = ""
) -> str:
    """Draw one figure as coloured cells with its number; blue is a gain, red a loss."""
    techniques = [t for t in dict.fromkeys(row.technique for row in rows) if t != "none"]
    models = list(dict.fromkeys(row.model for row in rows))
    table = np.full((len(models), len(techniques)), np.nan)
    for row in rows:
        value = figure(row)
        if row.technique != "none" and value is not None:
            table[models.index(row.model), techniques.index(row.technique)] = value
    if np.isnan(table).all():
        return ""
    shares = name == "agreement"
    colours = table if shares else np.log2(np.maximum(table, 2**-6))
    limit = 1.0 if shares else 2.0
    picture, (axes,) = _grid(2.6 + 0.72 * len(techniques), 1.9 + 0.36 * len(models))
    low = 0.0 if shares else -limit
    axes.imshow(colours, cmap="Blues" if shares else "RdBu_r", vmin=low, vmax=limit, aspect="auto")
    for (line, column), value in np.ndenumerate(table):
        if not math.isnan(value):
            strong = colours[line, column] / limit if shares else abs(colours[line, column]) / limit
            colour = "white" if strong > _DARK else "black"
            text = f"{value:.0%}" if shares else f"{value:.2f}"
            axes.text(column, line, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(techniques)), techniques, rotation=35, ha="right", fontsize=8)
    axes.set_yticks(range(len(models)), models, fontsize=8)
    axes.set_title(title, fontsize=10, loc="left")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return _save(picture, folder, f"{name}-{slug(processor)}.png" if processor else f"{name}.png")


def _beside_the_paper(rows: Sequence[Row], folder: Path) -> str:
    """Draw our averages of each technique that the paper has too, beside the paper's."""
    averages = [average for average in average_changes(rows).values() if counterpart(average.technique)]
    if not averages:
        return ""
    processors = list(dict.fromkeys(name for average in averages for name in average.time))
    panels: list[tuple[str, Callable[[Any], float | None], Callable[[Any], float]]] = [
        ("size on disk", lambda one: one.size, lambda paper: paper.size),
        *((f"time, {p}", _time_of(p), lambda paper: paper.time) for p in processors),
        ("accuracy, points (trained networks)", lambda one: one.accuracy, lambda paper: paper.accuracy),
        ("peak memory", lambda one: one.memory, lambda paper: paper.memory),
    ]
    figure, axes = _grid(2.6 * len(panels) + 1.6, 0.34 * (len(averages) + len(PAPER)) + 1.5, len(panels))
    order = [average.name for average in PAPER]
    averages.sort(key=lambda one: order.index(_paper_name(one.technique)))
    labels: list[str] = []
    colours: list[str] = []
    values: list[list[float | None]] = [[] for _ in panels]
    for paper in PAPER:
        group = [one for one in averages if _paper_name(one.technique) == paper.name]
        if not group:
            continue
        labels += [*(one.technique for one in group), f"ISPA 2018: {paper.name}"]
        colours += [*(_OURS for _ in group), _THEIRS]
        for column, (_, mine, theirs) in zip(values, panels, strict=True):
            column += [*(mine(one) for one in group), theirs(paper)]
    for number, (panel, column) in enumerate(zip(panels, values, strict=True)):
        _bars(axes[number], panel[0], labels if number == 0 else None, column, colours)
    return _save(figure, folder, "beside-ispa-2018.png")


def _paper_name(technique: str) -> str:
    paper = counterpart(technique)
    return paper.name if paper else ""


def _time_of(processor: str) -> Callable[[Any], float | None]:
    return lambda one: one.time[processor].value if processor in one.time else None


def _bars(
    axes: Any, title: str, labels: Sequence[str] | None, values: Sequence[float | None], colours: Sequence[str]
) -> None:
    places = np.arange(len(values))[::-1]
    known = [0.0 if value is None else 100 * value for value in values]
    axes.barh(places, known, color=colours, height=0.7)
    axes.axvline(0, color="black", linewidth=0.8)
    reach = max(max(map(abs, known)), 1.0)
    axes.set_xlim(min(0.0, *known) - 0.45 * reach, max(0.0, *known) + 0.45 * reach)
    for place, value, shown in zip(places, values, known, strict=True):
        text = "n/a" if value is None else f"{shown:+.0f} %" if reach >= 10 else f"{shown:+.1f} %"
        side = -1 if shown < 0 else 1
        axes.annotate(
            text,
            (shown, place),
            (3 * side, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            ha="right" if shown < 0 else "left",
        )
    axes.set_yticks(places, labels if labels is not None else [""] * len(values), fontsize=8)
    axes.set_title(title, fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7)
    for side_name in ("top", "right", "left"):
        axes.spines[side_name].set_visible(False)


def _trade_offs(rows: Sequence[Row], folder: Path) -> str:
    """Draw, for every network, how its variants answer against what they cost relative to it."""
    models = list(dict.fromkeys(row.model for row in rows))
    columns = min(4, len(models))
    lines = -(-len(models) // columns)
    techniques = list(dict.fromkeys(row.technique for row in rows))
    width = max(7.0, 3.5 * columns)
    legend_columns = int(width / 2.3)
    legend_height = 0.2 * -(-len(techniques) // legend_columns)
    picture, grid = _grid(width, 2.9 * lines + legend_height, columns, lines)
    handles: dict[str, Any] = {}
    for axes, model in zip(grid, models, strict=False):
        _trade_off(axes, [row for row in rows if row.model == model], techniques)
        handles |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    for axes in grid[len(models) :]:
        axes.set_visible(False)
    picture.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=legend_columns, fontsize=8)
    return _save(picture, folder, "trade-offs.png")


def _trade_off(axes: Any, rows: Sequence[Row], techniques: Sequence[str]) -> None:
    """Draw one network, on the processor that the uncompressed network is fastest on."""
    palette = require("matplotlib", "report").colormaps["tab20"]
    plain = [row for row in rows if row.technique == "none" and row.p50_ms is not None]
    processor = min(plain, key=lambda row: row.p50_ms or 0.0).processor if plain else rows[0].processor
    for row in rows:
        if row.processor == processor and row.ratio is not None and row.score is not None:
            original = row.technique == "none"
            axes.plot(
                row.ratio.value,
                100 * row.score,
                "*" if original else "o",
                color="black" if original else palette(techniques.index(row.technique) % 20),
                markersize=11 if original else 6,
                label=row.technique,
                linestyle="none",
            )
    axes.axvline(1, color="black", linewidth=0.6, linestyle=":")
    accuracy = any(row.accuracy is not None for row in rows)
    axes.set_title(rows[0].model, fontsize=9)
    axes.set_ylabel("accuracy, %" if accuracy else "agreement, %", fontsize=8)
    axes.set_xlabel(f"latency relative to none, {processor}", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)


def _grid(width: float, height: float, columns: int = 1, lines: int = 1) -> tuple[Any, list[Any]]:
    """Return a figure and its axes, line by line; drawn without a display."""
    figure = require("matplotlib.figure", "report").Figure(figsize=(width, height), layout="constrained", dpi=_DPI)
    return figure, figure.subplots(lines, columns, squeeze=False).ravel().tolist()


def _save(figure: Any, folder: Path, name: str) -> str:
    with atomic_file(folder / name) as temporary:
        figure.savefig(temporary, format="png")
    return name
