"""Who may ask, and what a browser may do with what it gets.

A page of another site can make a browser send requests to a server on loopback: under that site's own name, which is
made to lead here (DNS rebinding), or across sites. The first are told by their `Host`, the second by their `Origin`.
"""

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HostCheck", "is_loopback"]

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Whether an address or a name is only for this machine.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "example.com")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class HostCheck:
    """Middleware that refuses requests under foreign names or from other sites, and adds headers for browsers.

    Args:
        app: what answers the others.
        hosts: names of this server, beside `localhost`, the machine's own, and every address as a number: a name is
            what a rebinding attack needs.

    >>> check = HostCheck(lambda *_: None, ["box.example"])
    >>> [check.knows(name) for name in ("localhost", "192.0.2.7", "box.example", "evil.example", "")]
    [True, True, True, False, False]
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._names = {"localhost", socket.gethostname().lower(), *(host.lower() for host in hosts)}

    def knows(self, name: str) -> bool:
        """Whether this server may be called so."""
        try:
            return bool(ipaddress.ip_address(name))
        except ValueError:
            return name in self._names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(Headers(scope=scope))
        app = self._app if refusal is None else refusal
        await app(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers) -> JSONResponse | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        name = _host_name(f"//{host}")
        if not self.knows(name):
            message = f"Host: got {host!r}, which is no name of this server: allow it with --allow-host NAME"
            return JSONResponse({"error": message}, 421)
        if origin is not None and _netloc(origin) != host.lower():
            return JSONResponse({"error": f"Origin: got {origin!r}, allowed is this server's own page"}, 403)
        return None


def _host_name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _netloc(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""
