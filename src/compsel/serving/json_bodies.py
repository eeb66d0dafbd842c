"""Reading JSON that strangers send: objects only, without NaN and without a stack overflow."""

import json
from typing import Any, NoReturn

from compsel.serving.request_error import RequestError

__all__ = ["number_of", "read_object"]


def read_object(data: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RequestError: 400, something else.

    >>> read_object(b'{"text": "hello"}')
    {'text': 'hello'}
    """
    try:
        content = json.loads(data.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
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


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON: numbers have to be finite")
