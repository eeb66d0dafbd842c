"""`compsel sign`: sign a bundle, so that whoever loads it can ask for that."""

import argparse
import getpass
import os
import sys
from pathlib import Path

from compsel.cli.base import Command, add_json, write_result
from compsel.errors import UsageError
from compsel.storage.paths import is_file

__all__ = ["COMMAND"]

_PASSWORD = "COMPSEL_KEY_PASSWORD"


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that compsel build wrote")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--key",
        type=Path,
        metavar="KEY.pem",
        help="private key on the curve P-256, P-384 or P-521; its password, where it has one, is asked for, or "
        f"taken from the environment ({_PASSWORD})",
    )
    how.add_argument(
        "--sigstore",
        action="store_true",
        help="without a key: an identity that Sigstore vouches for; needs the network",
    )
    parser.add_argument("--certificate", type=Path, metavar="CERT.pem", help="of the key")
    parser.add_argument(
        "--chain",
        type=Path,
        action="append",
        default=[],
        metavar="CERT.pem",
        help="a certificate between that and its issuer's (repeatable)",
    )
    parser.add_argument("--identity-token", metavar="TOKEN", help="of Sigstore, instead of the browser")
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    import compsel

    signature = compsel.sign(
        arguments.bundle,
        arguments.key,
        password=_password(arguments.key),
        certificate=arguments.certificate,
        chain=arguments.chain,
        sigstore=arguments.sigstore,
        identity_token=arguments.identity_token,
    )
    print(f"Signed: {signature}. A bundle that is built or ported anew is to be signed anew.")
    asked = "--key PUBLIC.pem" if arguments.certificate is None else "--certificate ISSUER.pem"
    asked = "--identity YOU --issuer URL" if arguments.sigstore else asked
    print(f"Next: compsel verify {arguments.bundle} {asked}, and in the app compsel.load(..., only_signed_by=...).")
    write_result(arguments.json, {"bundle": str(arguments.bundle), "signature": str(signature)})
    return 0


def _password(key: Path | None) -> str | None:
    """Return the password of a key that has one: from the environment, or from whoever sits at the terminal."""
    if key is None or not is_file(key) or b"ENCRYPTED" not in key.read_bytes()[:1000]:
        return None
    if _PASSWORD in os.environ:
        return os.environ[_PASSWORD]
    if not sys.stdin.isatty():
        raise UsageError(f"{key}: has a password: set {_PASSWORD}, or run this on a terminal")
    return getpass.getpass(f"password of {key}: ")


COMMAND = Command(
    "sign",
    "sign a bundle",
    "compsel sign bundle/ --key key.pem",
    _arguments,
    _run,
)
