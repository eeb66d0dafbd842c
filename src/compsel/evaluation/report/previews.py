"""Small pictures of samples, and their texts, for the page: a bounded number, each of a few kilobytes."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from compsel.errors import CompselError
from compsel.inputs.images.decoding import decode
from compsel.inputs.samples import Samples

__all__ = ["Preview", "previews", "spread", "worst"]

_WORST, _WAYS, _EXAMPLES = 12, 6, 8
_SIDE, _QUALITY, _TEXT = 96, 60, 240
Row = Mapping[str, Any]


class Preview(NamedTuple):
    """What is shown of a sample: a picture as a data URI with its size, or a text."""

    image: str = ""
    text: str = ""
    width: int = 0
    height: int = 0


def worst(rows: Sequence[Row]) -> list[int]:
    """Return the places of the wrong answers that were surest, at most 12.

    >>> worst([{"right": 0.0, "confidence": 0.3}, {"right": 1.0, "confidence": 0.9}, {"right": 0.0, "confidence": 0.8}])
    [2, 0]
    """
    wrong = [index for index, row in enumerate(rows) if row["right"] < 1]
    return sorted(wrong, key=lambda index: -(rows[index].get("confidence") or 0.0))[:_WORST]


def previews(samples: Samples, rows: Sequence[Row]) -> dict[int, Preview]:
    """Return previews of the worst answers, and of some inputs of each frequent way, by their places in `rows`.

    Args:
        samples: that were evaluated.
        rows: "inputs" of the evaluation; a name that the samples do not have is left out, and so is what is neither
            an image nor a text.
    """
    places = {name: index for index, name in enumerate(samples.names)}
    by_way: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        by_way.setdefault(row["way"], []).append(index)
    frequent = sorted(by_way.values(), key=len, reverse=True)[:_WAYS]
    wanted = [*worst(rows), *(index for members in frequent for index in spread(members))]
    found = {}
    for index in dict.fromkeys(wanted):
        place = places.get(rows[index]["name"])
        shown = None if place is None else _preview(samples.source(place))
        if shown is not None:
            found[index] = shown
    return found


def spread(members: Sequence[int]) -> list[int]:
    """Return at most eight of the places of inputs that took one way, evenly spread: they show what it is like.

    >>> spread(range(80))
    [0, 10, 20, 30, 40, 50, 60, 70]
    """
    count = min(_EXAMPLES, len(members))
    return [members[place * len(members) // count] for place in range(count)]


def _preview(source: Any) -> Preview | None:
    if isinstance(source, str):
        text = " ".join(source.split())
        return Preview(text=text if len(text) <= _TEXT else f"{text[:_TEXT]}…")
    if isinstance(source, Mapping):
        return None
    try:
        pixels = decode(source)
    except CompselError:
        return None
    height, width = pixels.shape[:2]
    scale = _SIDE / min(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    top, left = (size[1] - _SIDE) // 2, (size[0] - _SIDE) // 2
    square = np.ascontiguousarray(small[top : top + _SIDE, left : left + _SIDE, ::-1])
    written, data = cv2.imencode(".jpg", square, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not written:
        return None
    encoded = base64.b64encode(data.tobytes()).decode("ascii")
    return Preview(image=f"data:image/jpeg;base64,{encoded}", width=square.shape[1], height=square.shape[0])
