"""Choices whose processor leaves a part of the graph to the CPU: what is measured there is of both together."""

import json
from collections.abc import Iterable
from pathlib import Path

from compsel.errors import ProfileError
from compsel.storage.parquet import read_table
from compsel.storage.strict_json import parse_json
from compsel.variants.engine import Engine

__all__ = ["placement_text", "read_partly_placed"]

_KEY = "partly_placed"


def placement_text(engines: Iterable[Engine]) -> dict[str, str]:
    """Return what a table of latencies notes of the engines that are partly placed: metadata, empty where none is.

    >>> placement_text([])
    {}
    """
    found = [
        [engine.variant.name, engine.processor.name, str(placement)]
        for engine in engines
        if (placement := getattr(engine.session, "placement", None)) is not None and not placement.whole
    ]
    return {_KEY: json.dumps(found)} if found else {}


def read_partly_placed(folder: Path) -> dict[tuple[str, str], str]:
    """Return the choices of a profile that were partly placed, with what was left to the CPU, in words.

    Raises:
        ProfileError: a damaged table.
    """
    noted: dict[tuple[str, str], str] = {}
    for path in sorted((folder / "latency").glob("*.parquet")):
        _, metadata = read_table(path)
        try:
            found = parse_json(metadata.get(_KEY, "[]"))
            noted |= {(str(variant), str(processor)): str(text) for variant, processor, text in found}
        except (ValueError, TypeError) as error:
            raise ProfileError(f"{path}: {_KEY} is damaged ({error}): measure again") from error
    return noted
