"""Reading JSON that strangers send: objects only, read strictly."""

from typing import Any

from compsel.serving.request_error import RequestError
from compsel.storage.strict_json import parse_json

__all__ = ["number_of", "read_object"]

_MOST_VALUES = 16_000_000  # numbers of a tensor are values; how many bytes a body has is bounded by the server


def read_object(data: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RequestError: 400, something else.

    >>> read_object(b'{"text": "hello"}')
    {'text': 'hello'}
    """
    try:
        content = parse_json(data, _MOST_VALUES)
    except ValueError as error:
        raise RequestError(400, f"body: cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise RequestError(400, f"body: got {type(content).__name__}, allowed is a JSON object")
    return content


def number_of(content: Any, name: str) -> float | None:
    """Return a finite number, from JSON or from a query; None where there is none.

    Raises:
        RequestError: 400, something else.

    >>> number_of("20", "deadline_ms"), number_of(None, "deadline_ms")
    (20.0, None)
    """
    if content is None:
        return None
    try:
        number = float("nan") if isinstance(content, bool) else float(content)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not abs(number) < float("inf"):
        raise RequestError(400, f"{name}: got {str(content)[:80]!r}, allowed is a number")
    return number
