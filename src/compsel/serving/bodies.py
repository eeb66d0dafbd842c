"""Reading the body of a request: no more bytes than allowed, for no longer than allowed, and never to a disk."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from compsel.serving.request_error import RequestError
from compsel.serving.settings import ServingSettings

__all__ = ["BodyReader"]

# bodies in memory, in multiples of the largest one
_MOST_BODIES = 16


class BodyReader:
    """Reads bodies, and counts those in memory: many large ones at once are refused too.

    Args:
        settings: what is allowed.

    >>> BodyReader(ServingSettings(max_bytes=10)).held_bytes
    0
    """

    def __init__(self, settings: ServingSettings) -> None:
        self._settings = settings
        self.held_bytes = 0

    async def read(self, request: Request) -> bytes:
        """Return the body; `release` its length when it is no longer needed.

        Raises:
            RequestError: 408 too slow, 413 too large, 415 compressed, 503 too many at once; 400 broken off.
        """
        encoding = request.headers.get("content-encoding", "identity").lower()
        if encoding != "identity":
            raise RequestError(415, f"Content-Encoding: got {encoding}, allowed is identity: send it uncompressed")
        self._check(_declared(request))
        try:
            return await asyncio.wait_for(self._read(request), self._settings.body_timeout_s)
        except TimeoutError:
            raise RequestError(408, f"body: was not there within {self._settings.body_timeout_s:g} s") from None
        except ClientDisconnect:
            raise RequestError(400, "body: the client went away before all of it was there") from None

    def release(self, n_bytes: int) -> None:
        """Count a body no longer."""
        self.held_bytes -= n_bytes

    async def _read(self, request: Request) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            async for chunk in request.stream():
                size += len(chunk)
                self.held_bytes += len(chunk)
                self._check(size)
                if self.held_bytes > _MOST_BODIES * self._settings.max_bytes:
                    raise RequestError(503, "too many bodies are being read: try again", retry_after_s=1)
                chunks.append(chunk)
        except BaseException:
            self.held_bytes -= size
            raise
        return b"".join(chunks)

    def _check(self, n_bytes: int) -> None:
        if n_bytes > self._settings.max_bytes:
            raise RequestError(413, f"body: got {n_bytes} bytes or more, allowed are {self._settings.max_bytes}")


def _declared(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isdecimal() and len(text) < 20 else 0
