"""Keys and certificates for tests; the library that makes them comes with the extra `signing`."""

import datetime
from pathlib import Path
from typing import Any

__all__ = ["KeyFiles", "issue", "write_key"]


class KeyFiles:
    """The files of a private key and of its public key."""

    def __init__(self, folder: Path, name: str) -> None:
        self.private, self.public = folder / f"{name}.pem", folder / f"{name}.pub.pem"


def write_key(
    folder: Path, name: str, curve: str = "SECP256R1", password: str | None = None, *, other: bool = False
) -> KeyFiles:
    """Make a key; `other`: of a kind that the format does not know."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    pem = serialization.Encoding.PEM
    made = rsa.generate_private_key(65537, 2048) if other else ec.generate_private_key(getattr(ec, curve)())
    secret: Any = serialization.NoEncryption()
    if password is not None:
        secret = serialization.BestAvailableEncryption(password.encode())
    files = KeyFiles(folder, name)
    files.private.write_bytes(made.private_bytes(pem, serialization.PrivateFormat.PKCS8, secret))
    files.public.write_bytes(made.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    return files


def issue(folder: Path, name: str, of: KeyFiles, by: KeyFiles, *, authority: bool) -> Path:
    """Write a certificate that the holder of one key issues for another one."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    issuer = serialization.load_pem_private_key(by.private.read_bytes(), None)
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(_name(of))
        .issuer_name(_name(by))
        .public_key(serialization.load_pem_public_key(of.public.read_bytes()))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2 if authority else 1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(_usage(authority=authority), critical=True)
    )
    path = folder / f"{name}.crt"
    path.write_bytes(built.sign(issuer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


def _name(key: KeyFiles) -> Any:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, key.private.stem)])


def _usage(*, authority: bool) -> Any:
    from cryptography import x509

    return x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False)
