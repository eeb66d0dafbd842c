"""A server that speaks S3, in a process of its own, and a connection to it that breaks when it is told to."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

__all__ = ["BreakingConnection", "s3_server"]

_CODE = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


@contextlib.contextmanager
def s3_server(**environment: str) -> Iterator[int]:
    """Run the server; give its port."""
    process = subprocess.Popen(
        [sys.executable, "-c", _CODE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
        text=True,
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


class BreakingConnection:
    """Passes bytes on to a port, so many from here to there; then every connection is cut.

    Attributes:
        port: to connect to.
        left: how many bytes may still go there; None: any.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self.left: int | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.create_connection(("127.0.0.1", self._target))
                for source, sink, counted in ((here, there, True), (there, here, False)):
                    threading.Thread(target=self._pass, args=(source, sink, counted), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError), source, sink:
            while data := source.recv(65536):
                if counted and self.left is not None:
                    self.left -= len(data)
                    if self.left < 0:
                        return
                sink.sendall(data)
