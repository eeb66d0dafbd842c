"""Running the application: a socket, a server, and an end without loose ends."""

import contextlib
import errno
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from compsel.errors import UsageError
from compsel.runtime import Runtime
from compsel.serving.answering import Answering, original_of
from compsel.serving.app import create_app
from compsel.serving.host_check import is_loopback
from compsel.serving.settings import ServingSettings

__all__ = ["listen", "serve", "url_of"]

_BACKLOG = 128
_MOST_CONNECTIONS = 256
_SHUTDOWN_S = 5


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: name or address; the first of its addresses is taken.
        port: 0: a free one.

    Raises:
        UsageError: in use, not allowed, or no address of this machine.

    >>> with listen("127.0.0.1", 0) as found:
    ...     found.getsockname()[1] > 0
    True
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError, OverflowError) as error:
        raise UsageError(f"--host: got {host!r}, which is no address: {error}") from None
    # with the protocol named, asyncio sends small responses at once; else each waits 40 ms for an acknowledgement
    found = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"--port: {port} of {host} is in use: give another one, or 0 for a free one") from None
        raise UsageError(f"--host, --port: cannot listen on port {port} of {host}: {error.strerror}") from None
    return found


def url_of(found: socket.socket) -> str:
    """Return the address of the page: by a name that works on this machine where the socket takes any address."""
    host, port = found.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "localhost"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def serve(
    runtime: Runtime,
    listening: socket.socket,
    settings: ServingSettings,
    *,
    compare: Path | None = None,
    class_names: Sequence[str] = (),
    open_browser: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Serve a bundle until Ctrl-C.

    Args:
        runtime: of the bundle.
        listening: see `listen`; it is closed at the end.
        settings: limits.
        compare: an uncompressed model to answer beside it; None: the bundle's, if it holds one.
        class_names: instead of the bundle's.
        open_browser: whether to show the page.
        say: is told where the page is.

    Raises:
        ModelError: nothing to compare with in that file.
    """
    with listening:
        answering = Answering(runtime, original_of(runtime, compare))
        name = runtime.bundle.folder.resolve().name or "bundle"
        app = create_app(answering, name, settings, class_names)
        url = url_of(listening)
        _warn_of_strangers(listening.getsockname()[0])
        original = answering.original
        beside = "nothing: the bundle holds no uncompressed model, name one with --compare MODEL.onnx"
        say(f"serving {name} ({runtime.modality.name}) at {url}")
        say(f"compared with {beside if original is None else original.name}; API: {url}openapi.json; Ctrl-C stops")
        if open_browser:
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(_config(app)).run(sockets=[listening])
        say("stopped")


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_SHUTDOWN_S,
    )


def _warn_of_strangers(host: str) -> None:
    if not is_loopback(host):
        print(
            f"compsel: warning: {host} can be reached by other machines; whoever reaches it can ask without a "
            "password, and nothing is encrypted: put a proxy before it that checks who asks",
            file=sys.stderr,
        )
