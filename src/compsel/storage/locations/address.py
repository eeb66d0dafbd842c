"""Addresses of places beyond this machine, such as s3://bucket/folder, and the file systems behind them."""

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from compsel.errors import (
    CompselError,
    LocationError,
    MissingDependencyError,
    UsageError,
    did_you_mean,
    one_line,
    require,
)

__all__ = ["address_of", "as_local", "driver_of", "location_errors", "server_of"]

# one letter is a drive of Windows; pathlib makes one slash of two
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,2}(.*)", re.DOTALL)
_WITHOUT_SLASHES = re.compile(r"(s3a?|gs|gcs|memory):([^/].*)?", re.DOTALL | re.IGNORECASE)
_KNOWN = ("s3", "gs", "file", "memory")
_NO_CREDENTIALS = frozenset(("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"))
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
# each try of the driver is so many of the library that it is built on: two minutes where a server says nothing
_CONNECT_S, _READ_S, _TRIES, _DRIVERS_TRIES = 10.0, 20.0, 3, 2


def address_of(place: str | os.PathLike[str]) -> str:
    """Return a place as an address; "" where it is a path of this machine.

    Raises:
        UsageError: an address without its slashes, or that names nothing.

    >>> address_of("s3://bucket/profile"), address_of(Path("s3://bucket/profile")), address_of("profile")
    ('s3://bucket/profile', 's3://bucket/profile', '')
    """
    found = _ADDRESS.fullmatch(os.fspath(place)) if isinstance(place, (str, os.PathLike)) else None
    if found is None:
        _refuse_unfinished(place)
        return ""
    protocol, rest = found[1].lower(), found[2].lstrip("/")
    return "" if protocol == "file" else f"{protocol}://{rest}"


def _refuse_unfinished(place: object) -> None:
    """Raise UsageError for what is meant as an address, and is none."""
    found = _WITHOUT_SLASHES.fullmatch(os.fspath(place)) if isinstance(place, (str, os.PathLike)) else None
    if found is not None and not os.path.lexists(found[0]):
        protocol = found[1].lower()
        raise UsageError(f"{found[0]}: is no address: write {protocol}://{found[2] or 'bucket/folder'}")


def as_local(place: str | os.PathLike[str]) -> Path:
    """Return the path of a place of this machine, which may be written as file://.

    >>> as_local("file:///data/profile").as_posix()
    '/data/profile'
    """
    found = _ADDRESS.fullmatch(os.fspath(place))
    return Path(f"/{found[2].lstrip('/')}") if found is not None and found[1].lower() == "file" else Path(place)


def driver_of(address: str) -> tuple[Any, str]:
    """Return the file system (fsspec) of an address, and the path in it.

    Settings come from where the driver looks for them: the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, ...), and
    fsspec's files of settings (~/.config/fsspec).

    Raises:
        UsageError: no such kind of address, or of server.
        MissingDependencyError: its driver is not installed.
    """
    fsspec = require("fsspec", "train")
    protocol = address.partition("://")[0]
    try:
        filesystem, path = fsspec.url_to_fs(address, **_patience(protocol, fsspec.config.conf))
    except ImportError as error:
        extra = _EXTRAS.get(protocol)
        advice = f"pip install 'compsel[{extra}]'" if extra else f"install what fsspec asks for ({error})"
        raise MissingDependencyError(f"{address}: the driver of {protocol}:// is not installed: {advice}") from error
    except ValueError as error:
        known, meant = ", ".join(f"{name}://" for name in _KNOWN), did_you_mean(protocol, _KNOWN)
        raise UsageError(f"{address}: got {protocol}://, allowed are {known} and what fsspec knows{meant}") from error
    if _EXTRAS.get(protocol) == "s3":
        server = server_of(filesystem)
        if server and not server.startswith(("http://", "https://")):
            raise UsageError(
                f"the endpoint of S3: got {server!r}, allowed is http://... or https://...: mend it "
                "(AWS_ENDPOINT_URL, or ~/.config/fsspec)"
            )
        filesystem.retries = _DRIVERS_TRIES
    return filesystem, path


def server_of(files: Any) -> str:
    """Return the server that a file system was told to use; "" where it is the usual one."""
    told = (os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
    return files.storage_options.get("endpoint_url") or next((url for url in told if url), "")


def _patience(protocol: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return how long a driver waits: without it s3fs tries for minutes where nobody answers.

    Args:
        protocol: of the address.
        settings: fsspec's, by protocol; they come first.
    """
    if _EXTRAS.get(protocol) != "s3":
        return {}
    tries = {"max_attempts": _TRIES, "mode": "standard"}
    ours = {"connect_timeout": _CONNECT_S, "read_timeout": _READ_S, "retries": tries}
    return {"config_kwargs": {**ours, **settings.get("s3", {}).get("config_kwargs", {})}}


@contextlib.contextmanager
def location_errors(address: str, doing: str) -> Iterator[None]:
    """Turn what drivers raise into `LocationError`, which says what to look at.

    Args:
        address: that is worked with.
        doing: what is done with it, such as "read".
    """
    try:
        yield
    except CompselError:
        raise
    except FileNotFoundError as error:
        raise LocationError(
            f"cannot {doing} {address}: there is no such bucket or folder: check the address"
        ) from error
    except PermissionError as error:
        said = f"permission denied ({one_line(error)})"
        raise LocationError(f"cannot {doing} {address}: {said}: check the credentials, and what they allow") from error
    except Exception as error:
        if not _is_of_driver(error) or getattr(error, "errno", None) == errno.ENOSPC:
            raise
        kind = type(error).__name__
        if kind == "ParamValidationError":
            raise LocationError(f"cannot {doing} {address}: {one_line(error)}: check the address") from error
        if kind in _NO_CREDENTIALS:
            advice = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            raise LocationError(f"cannot {doing} {address}: {one_line(error)}: {advice}") from error
        raise LocationError(
            f"cannot {doing} {address}: {one_line(error)}: check the network, the endpoint and the credentials, then "
            "run the same again: what is there stays" + (", what was made here is kept" if doing == "write" else "")
        ) from error


def _is_of_driver(error: Exception) -> bool:
    modules = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return isinstance(error, (OSError, TimeoutError)) or bool(
        modules & {"botocore", "aiobotocore", "aiohttp", "gcsfs", "google", "fsspec", "asyncio"}
    )
