"""Verify the signature of a bundle: who made it, and that it is one of exactly these bytes."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from compsel.bundle.file_names import SIGNATURE
from compsel.bundle.signing.contents import SignedContents, key_reason, library
from compsel.bundle.signing.signers import Signers
from compsel.bundle.verified_files import ListedFile, read_regular_file
from compsel.errors import IntegrityError, SignatureError
from compsel.storage.strict_json import parse_json

__all__ = ["verify_signature"]

_MAX_SIGNATURE_BYTES = 8_000_000  # of as many files as a manifest may list
# how a signature says whose it is: what of a policy can tell whether that is so
_TELLING = {
    "publicKey": ("keys",),
    "x509CertificateChain": ("certificates", "identity"),
    "certificate": ("identity",),
}


def verify_signature(folder: Path, manifest: bytes, files: Mapping[str, ListedFile], signers: Signers) -> None:
    """Check that one of the signers signed this manifest, and the files that it lists, no more and no less.

    Args:
        folder: of the bundle; nothing but the signature is read there.
        manifest: as it was read, once.
        files: that it lists: who opens them compares their hashes.
        signers: who may have signed.

    Raises:
        SignatureError: not signed; by somebody else; something else was signed; a signature or a key that is none.
        MissingDependencyError: the library is not installed.
    """
    path = folder / SIGNATURE
    if not os.path.lexists(path):
        raise SignatureError(f"{folder}: is not signed, as only_signed_by asks for: sign it with compsel sign")
    try:
        signature = read_regular_file(path, _MAX_SIGNATURE_BYTES)
    except IntegrityError as error:
        raise SignatureError(str(error)) from error
    material = _material(path, signature)
    verifying = library("verifying")
    reasons = []
    with tempfile.TemporaryDirectory(prefix="compsel-") as private:
        # the library takes a path: of what was read and looked at, where nobody else writes
        copy = Path(private) / SIGNATURE
        copy.write_bytes(signature)
        for who, config in _ways(verifying.Config, signers, material):
            try:
                config.set_hashing_config(SignedContents(manifest, files)).verify(folder, copy)
                return
            except Exception as error:  # whatever a signature that somebody made for it brings about
                reasons.append(f"{who}: {_reason(error)}")
    found = "; ".join(reasons) or f"it tells its signer by {material}, only_signed_by does not"
    raise SignatureError(f"{folder}: is not signed by whom it must be ({found}): do not trust it")


def _material(path: Path, signature: bytes) -> str:
    """Return how a signature says whose it is."""
    try:
        content = parse_json(signature)["verificationMaterial"]
        found = [kind for kind in _TELLING if content.get(kind)]
        if len(found) != 1:
            raise ValueError(f"it is by {' and '.join(found) or 'nobody'}")
        # the library would print a warning, and not compare
        if found == ["publicKey"] and not content["publicKey"].get("hint"):
            raise ValueError("it names no key: sign again")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SignatureError(f"{path}: is no signature ({error}): do not trust the bundle") from error
    return found[0]


def _ways(config: Callable[[], Any], signers: Signers, material: str) -> Iterator[tuple[str, Any]]:
    """Give whom to ask, and the library set up for it.

    Raises:
        SignatureError: a key or a certificate that cannot be used.
    """
    telling = _TELLING[material]
    if "keys" in telling:
        for key in signers.keys:
            with _usable(str(key)):
                way = config().use_elliptic_key_verifier(public_key=key)
            yield str(key), way
    if "certificates" in telling and signers.certificates:
        names = ", ".join(map(str, signers.certificates))
        with _usable(names):
            way = config().use_certificate_verifier(certificate_chain=list(signers.certificates))
        yield names, way
    if "identity" in telling and signers.identity:
        with _usable(signers.identity):
            way = config().use_sigstore_verifier(identity=signers.identity, oidc_issuer=signers.issuer)
        yield signers.identity, way


@contextlib.contextmanager
def _usable(who: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # what the library and those that it calls say to files that are no keys
        raise SignatureError(f"{who}: cannot be verified with ({key_reason(error)})") from error


def _reason(error: Exception) -> str:
    """Return in words why a signature does not hold."""
    if type(error).__name__ == "InvalidSignature":
        return "the signature is wrong"
    return key_reason(error)
