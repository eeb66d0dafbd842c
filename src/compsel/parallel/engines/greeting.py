"""What a server says before it is asked: whether it is the engine that an address was given for."""

import socket

__all__ = ["greeting"]


def greeting(host: str, port: int, patience_s: float) -> bytes:
    """Return the first bytes that a server sends to who says nothing; b"" where it waits to be asked.

    Schedulers of Dask and heads of Ray begin, servers of HTTP wait: asked in another one's words, they and the engines'
    clients wait for each other.

    Raises:
        OSError: nobody listens there.
    """
    with socket.create_connection((host.strip("[]"), port), patience_s) as connection:
        connection.settimeout(patience_s)
        try:
            return connection.recv(16)
        except (TimeoutError, ConnectionError):
            return b""
