"""Sign a bundle: one file more in its folder."""

import os
from collections.abc import Sequence
from pathlib import Path

from compsel.bundle.file_names import SIGNATURE
from compsel.bundle.manifest import check_bundle
from compsel.bundle.signing.contents import SignedContents, key_reason, library
from compsel.errors import SignatureError, StorageError, UsageError
from compsel.storage.files import atomic_file

__all__ = ["sign"]


# many parameters: ways to sign, one of which is given
def sign(
    bundle: str | os.PathLike[str],
    key: str | os.PathLike[str] | None = None,
    *,
    password: str | None = None,
    certificate: str | os.PathLike[str] | None = None,
    chain: Sequence[str | os.PathLike[str]] = (),
    sigstore: bool = False,
    identity_token: str | None = None,
) -> Path:
    """Sign a bundle in the OpenSSF model-signing format: who loads it can ask for that (`only_signed_by=`).

    Every file is checked first. The signature is `model.sig` in the folder; one that is there is replaced.

    Args:
        bundle: its folder.
        key: file of a private key in PEM, on the curve P-256, P-384 or P-521.
        password: of the key.
        certificate: file of the key's certificate in PEM: who verifies needs an issuer's certificate then, not the key.
        chain: files of the certificates between that and the issuer's.
        sigstore: sign with Sigstore, without a key: an identity is asked for in the browser; needs the network, and the
            signature is listed in a public log.
        identity_token: of Sigstore, instead of the browser.

    Returns:
        Where the signature lies.

    Raises:
        SignatureError: a key or certificate that cannot be used.
        BundleError, IntegrityError: no bundle, or one that was changed.
        UsageError: neither a key nor sigstore, or both.
        StorageError: the folder, or the one that holds it, cannot be written.
        MissingDependencyError: the library is not installed.
    """
    if (key is None) != sigstore:
        raise UsageError("sign: give either a key, or sigstore")
    if key is None and (certificate is not None or password is not None or chain):
        raise UsageError("sign: password, certificate and chain are of a key")
    folder = Path(bundle)
    files = check_bundle(folder)
    files.wait()
    files.close()
    signer = library("signing").Config()
    try:
        if key is None:
            signer.use_sigstore_signer(identity_token=identity_token)
        elif certificate is not None:
            # the library cannot read a chain of none
            signer.use_certificate_signer(
                private_key=key, signing_certificate=certificate, certificate_chain=chain or [certificate]
            )
        else:
            signer.use_elliptic_key_signer(private_key=key, password=None if password is None else password.encode())
        signer.set_hashing_config(SignedContents(files.manifest, files))
        # not beside its place: whoever loads the bundle meanwhile would find a file that is not listed
        with atomic_file(folder / SIGNATURE, beside=folder.resolve()) as temporary:
            signer.sign(folder, temporary)
    except StorageError:
        raise
    except Exception as error:
        raise SignatureError(f"{folder}: cannot be signed with {key or 'Sigstore'}: {key_reason(error)}") from error
    return folder / SIGNATURE
