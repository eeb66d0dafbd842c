"""Feeds in one `.npz` file, for another process: tensors, texts, sequences and maps; nothing is pickled."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["read_feeds", "write_feeds_file"]

_STRUCTURE = "structure"


def write_feeds_file(path: Path, feeds: Mapping[str, Any]) -> None:
    """Write feeds of a model.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "feeds.npz"
    >>> write_feeds_file(path, {"s": [np.ones(2), np.ones(1)], "m": {"a": 1.0}})
    >>> read_feeds(path)
    {'s': [array([1., 1.]), array([1.])], 'm': {'a': 1.0}}
    """
    arrays: list[np.ndarray] = []

    def place(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {"keys": list(value), "values": [place(part) for part in value.values()]}
        if isinstance(value, (list, tuple)):
            return [place(part) for part in value]
        if isinstance(value, np.ndarray):
            # texts as fixed-length ones: objects would have to be pickled
            arrays.append(np.asarray(value, np.str_) if value.dtype.hasobject else value)
            return {"array": len(arrays) - 1}
        return {"plain": value.item() if isinstance(value, np.generic) else value}

    structure = json.dumps({name: place(value) for name, value in feeds.items()})
    named = {_STRUCTURE: np.array(structure), **{str(number): array for number, array in enumerate(arrays)}}
    np.savez(path, **named)  # type: ignore[arg-type]  # none of the names is that of an option


def read_feeds(path: Path) -> dict[str, Any]:
    """Read feeds that `write_feeds_file` wrote."""
    with np.load(path) as file:
        arrays = dict(file)

    def value(place: Any) -> Any:
        if isinstance(place, list):
            return [value(part) for part in place]
        if "keys" in place:
            return dict(zip(place["keys"], map(value, place["values"]), strict=True))
        return arrays[str(place["array"])] if "array" in place else place["plain"]

    return {name: value(place) for name, place in json.loads(str(arrays[_STRUCTURE])).items()}
