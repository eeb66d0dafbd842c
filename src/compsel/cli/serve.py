"""`compsel serve`: a bundle behind HTTP, with a page to try it."""

import argparse
from pathlib import Path

from compsel.cli.base import Command
from compsel.cli.code_options import add_confidence
from compsel.cli.options import add_labels
from compsel.errors import UsageError, require

__all__ = ["COMMAND"]

_MOST_PORT = 65535


def _say(text: str) -> None:
    print(text, flush=True)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that compsel build wrote")
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="0: a free one (default 8000)")
    parser.add_argument("--open", action="store_true", help="show the page in the browser")
    parser.add_argument(
        "--compare",
        type=Path,
        metavar="MODEL",
        help="uncompressed ONNX model to answer beside the bundle (default: the one in the bundle, if it holds one)",
    )
    add_labels(parser)
    parser.add_argument(
        "--max-bytes", type=int, default=20_000_000, metavar="N", help="of a request (default 20000000)"
    )
    parser.add_argument(
        "--rate", type=float, default=50.0, metavar="R", help="requests a second of one client; 0: any (default 50)"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="answers at once (default: one a core)")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name that this server may be called by (repeatable); addresses and localhost always may",
    )
    parser.add_argument(
        "--only-signed-by", type=Path, metavar="PUBLIC.pem", help="refuse a bundle that this key did not sign"
    )
    add_confidence(parser)


def _run(arguments: argparse.Namespace) -> int:
    import compsel

    for module in ("starlette", "uvicorn", "prometheus_client"):
        require(module, extra="serve")
    from compsel.cli.answer_rows import given_names
    from compsel.device.cgroup import usable_cores
    from compsel.serving.server import listen, serve
    from compsel.serving.settings import ServingSettings

    if not 0 <= arguments.port <= _MOST_PORT:
        raise UsageError(f"--port: got {arguments.port}, allowed is 0 to {_MOST_PORT}")
    settings = ServingSettings(
        max_bytes=arguments.max_bytes,
        rate_per_s=arguments.rate,
        workers=usable_cores() if arguments.workers is None else arguments.workers,
        hosts=(arguments.host, *arguments.allow_host),
    )
    class_names = given_names(arguments.labels)
    # before the bundle is loaded: a port in use is told at once
    listening = listen(arguments.host, arguments.port)
    options = {"confidence": arguments.confidence, "only_signed_by": arguments.only_signed_by}
    with listening, compsel.load(arguments.bundle, **options) as runtime:
        serve(
            runtime,
            listening,
            settings,
            compare=arguments.compare,
            class_names=class_names,
            open_browser=arguments.open,
            say=_say,
        )
    return 0


COMMAND = Command(
    "serve",
    "try a bundle in the browser, and answer requests over HTTP",
    "compsel serve bundle/ --open",
    _arguments,
    _run,
)
