"""Write a characterisation as Markdown, Parquet, JSON and pictures."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compsel.device.fingerprint import device_fingerprint
from compsel.errors import MissingDependencyError
from compsel.evaluation.characterization.averages import average_changes
from compsel.evaluation.characterization.ispa2018 import counterpart
from compsel.evaluation.characterization.markdown import to_markdown
from compsel.evaluation.characterization.plots import draw_all
from compsel.evaluation.characterization.row_domination import RowDomination, dominated_rows
from compsel.evaluation.characterization.rows import FORMAT_VERSION, Row, write_rows
from compsel.progress import SILENT, Reporter
from compsel.storage.files import atomic_file, without_nan, write_json

__all__ = ["write_characterization"]


def write_characterization(rows: Sequence[Row], folder: Path, reporter: Reporter = SILENT) -> dict[str, Any]:
    """Write `characterization.md`, `.parquet`, `.json` and the pictures into a folder; return the JSON form.

    Without matplotlib (extra `report`) there are no pictures, and a message to the reporter.

    Raises:
        StorageError: the folder cannot be written.
    """
    dominations, device = dominated_rows(rows), device_fingerprint()
    try:
        pictures = draw_all(rows, folder)
    except MissingDependencyError as error:
        reporter.say(f"no pictures: {error}")
        pictures = []
    text = to_markdown(rows, dominations, device, pictures)
    with atomic_file(folder / "characterization.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    marks = [dominations[row.label].mark if row.label in dominations else "" for row in rows]
    whys = [dominations[row.label].why if row.label in dominations else row.why for row in rows]
    write_rows(folder / "characterization.parquet", rows, {"dominated": marks, "why": whys}, {"device": str(device)})
    content: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "device": device,
        "rows": [{**asdict(row), **_plain(dominations.get(row.label))} for row in rows],
        "averages": {
            name: {**asdict(average), "paper": _paper(name)} for name, average in average_changes(rows).items()
        },
        "pictures": pictures,
    }
    content = dict(without_nan(content))
    write_json(folder / "characterization.json", content)
    return content


def _plain(found: RowDomination | None) -> dict[str, Any]:
    if found is None:
        return {"dominated": None}
    return {"dominated": asdict(found.domination) if found.domination else None, "why": found.why}


def _paper(technique: str) -> dict[str, Any] | None:
    paper = counterpart(technique)
    return asdict(paper) if paper else None
