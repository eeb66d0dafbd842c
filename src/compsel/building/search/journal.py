"""The measurements of a search, in a file: an interrupted search resumes where it stopped."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from compsel.building.search.points import SearchPoint
from compsel.errors import VersionError
from compsel.storage.files import without_nan, write_json
from compsel.storage.strict_json import read_json

__all__ = ["FORMAT_VERSION", "Journal"]

# raised when a reader of the version before would misread the file
FORMAT_VERSION = 1


class Journal:
    """Sensitivities and points of one search, written whenever one is added.

    Args:
        path: of the file; one of another search is replaced.
        key: what the measurements depend on.

    Raises:
        VersionError: the file was written by a newer compsel.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "search.json"
    >>> Journal(path, {"model": "m"}).note_sensitivity("conv1", 2, 0.5)
    >>> Journal(path, {"model": "m"}).sensitivity("conv1", 2), Journal(path, {"model": "n"}).sensitivity("conv1", 2)
    (0.5, None)
    """

    def __init__(self, path: Path, key: dict[str, str]) -> None:
        self.path, self.key = path, key
        self.points: dict[str, SearchPoint] = {}
        self._sensitivities: dict[str, dict[str, float]] = {}
        content = _read(path)
        if content.get("format_version", FORMAT_VERSION) > FORMAT_VERSION:
            raise VersionError(f"{path}: was written by a newer compsel: update it, or choose another folder")
        if content.get("key") == key:
            self._sensitivities = content["sensitivity"]
            self.points = {row["technique"]: SearchPoint(**row) for row in content["points"]}

    def sensitivity(self, layer: str, level: int) -> float | None:
        """Return what was measured for a layer at a level; None when nothing was."""
        return self._sensitivities.get(layer, {}).get(str(level))

    def note_sensitivity(self, layer: str, level: int, divergence: float) -> None:
        """Keep the divergence of the network's output with one layer at a level."""
        self._sensitivities.setdefault(layer, {})[str(level)] = divergence
        self.write({})

    def note_point(self, point: SearchPoint) -> None:
        """Write a point."""
        self.points[point.technique] = point
        self.write({})

    def write(self, outcome: dict[str, Any]) -> None:
        """Write everything, with the outcome of the search when it is done."""
        content = {
            "format_version": FORMAT_VERSION,
            "key": self.key,
            "sensitivity": self._sensitivities,
            "points": [asdict(point) for point in self.points.values()],
            **outcome,
        }
        write_json(self.path, without_nan(content))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
