"""What the script of the page reads: the views of the main picture, and the tables that can be downloaded."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from compsel.evaluation.report.content import ReportContent
from compsel.evaluation.report.words import KINDS, SHAPES

__all__ = ["as_json", "page_data"]

_MOST_INPUTS = 2000
_DIGITS = 5


def page_data(content: ReportContent, views: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the views, and the tables by name, each with `columns` and `rows`."""
    return {"views": list(views), "kinds": KINDS, "shapes": SHAPES, "tables": _tables(content)}


def _tables(content: ReportContent) -> dict[str, Any]:
    evaluation = content.evaluation or {}
    tables = {
        "variants": _table(
            ("variant", "size_mb", "quality", "processor", "latency_ms", "low_ms", "high_ms", "dominated_by", "why"),
            [
                (
                    *(one.variant, one.size_mb, one.quality, one.processor, one.latency_ms, one.low_ms, one.high_ms),
                    *("" if one.domination is None else one.domination.by, one.why),
                )
                for one in content.candidates
            ],
        ),
        "costs": _table(
            ("variant", "processor", "state", "latency_ms", "p95_ms"),
            [
                (cost.variant, cost.processor, state, cost.latency_ms[place], cost.p95_ms[place])
                for cost in content.costs
                for place, state in enumerate(content.states)
            ],
        ),
        "policies": _table(
            ("policy", "accuracy", "mean_ms", "p50_ms", "p95_ms", "p99_ms", "energy_mj"),
            [
                (
                    name,
                    policy["accuracy"],
                    *(policy["latency_ms"].get(key) for key in ("mean", "p50", "p95", "p99")),
                    policy.get("energy_mj"),
                )
                for name, policy in evaluation.get("policies", {}).items()
            ],
        ),
        "inputs": _inputs(evaluation.get("inputs", ())),
    }
    return {name: table for name, table in tables.items() if table["rows"]}


def _inputs(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the inputs, at most 2,000: all wrong answers that fit, then others, evenly spread."""
    columns = [
        name
        for name in ("name", "way", "right", "latency_ms", "confidence", "answered", "wanted")
        if rows and name in rows[0]
    ]
    kept = rows
    if len(rows) > _MOST_INPUTS:
        wrong = [index for index, row in enumerate(rows) if row["right"] < 1][:_MOST_INPUTS]
        others = [index for index in range(len(rows)) if rows[index]["right"] >= 1]
        count = _MOST_INPUTS - len(wrong)
        wanted = {*wrong, *(others[place] for place in np.linspace(0, len(others) - 1, count).astype(int))}
        kept = [rows[index] for index in sorted(wanted)]
    return _table(columns, [[row.get(name) for name in columns] for row in kept], len(rows))


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]], of: int = 0) -> dict[str, Any]:
    return {"columns": list(columns), "rows": [list(row) for row in rows], "of": of or len(rows)}


def as_json(content: Any) -> str:
    """Return JSON that may stand inside a page's script element, whatever its texts are.

    >>> as_json({"name": "</script>", "ms": 0.123456789})
    '{"name":"\\\\u003c/script>","ms":0.12346}'
    """
    text = json.dumps(_rounded(content), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _rounded(content: Any) -> Any:
    if isinstance(content, float):
        return float(f"{content:.{_DIGITS}g}") if np.isfinite(content) else None
    if isinstance(content, Mapping):
        return {name: _rounded(value) for name, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_rounded(value) for value in content]
    return content
