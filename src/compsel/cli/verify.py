"""`compsel verify`: check who signed a bundle, and that it is what was signed."""

import argparse
from pathlib import Path

from compsel.cli.base import Command, add_json, write_result

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that was signed")
    parser.add_argument(
        "--key",
        type=Path,
        action="append",
        default=[],
        metavar="PUBLIC.pem",
        help="public key of who may have signed (repeatable)",
    )
    parser.add_argument(
        "--certificate",
        type=Path,
        action="append",
        default=[],
        metavar="ISSUER.pem",
        help="certificate that issued, directly or not, those of who may have signed (repeatable)",
    )
    parser.add_argument(
        "--identity", default="", metavar="YOU", help="who may have signed with Sigstore; needs the network"
    )
    parser.add_argument("--issuer", default="", metavar="URL", help="who vouched for that identity")
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.bundle.manifest import check_bundle
    from compsel.bundle.signing.signers import Signers

    signers = Signers(arguments.key, arguments.certificate, arguments.identity, arguments.issuer)
    files = check_bundle(arguments.bundle, signers)
    files.wait()
    files.close()
    print(f"{arguments.bundle}: signed as asked for, {len(files)} files as they were signed.")
    write_result(arguments.json, {"bundle": str(arguments.bundle), "verified": True, "files": len(files)})
    return 0


COMMAND = Command(
    "verify",
    "check who signed a bundle, and that it is what was signed",
    "compsel verify bundle/ --key public.pem",
    _arguments,
    _run,
)
