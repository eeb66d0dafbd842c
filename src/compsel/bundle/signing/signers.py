"""Who may have signed a bundle that is loaded."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from compsel.errors import UsageError

__all__ = ["Signers"]

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class Signers:
    """A policy: a bundle is loaded only where one of these signed it (`only_signed_by=` of `compsel.load`).

    Attributes:
        keys: files of public keys in PEM, on the curves P-256, P-384 or P-521: of private keys that signers hold.
        certificates: files of certificates in PEM that issued those of signers. Those may have ended since: what counts
            is that all were valid when they began.
        identity: of the signer, with `issuer`: an e-mail address, or the address of a workflow, which Sigstore vouches
            for; its own keys are fetched from the network.
        issuer: who knew the identity, such as "https://accounts.google.com".

    Raises:
        UsageError: nobody; an identity without an issuer.

    >>> Signers(keys=("ours.pem", "ours-next.pem"))
    Signers(keys=('ours.pem', 'ours-next.pem'), certificates=(), identity='', issuer='')
    >>> Signers()
    Traceback (most recent call last):
    compsel.errors.UsageError: only_signed_by: got nobody, allowed are keys, certificates, or an identity and its issuer
    """

    keys: Sequence[Path] = ()
    certificates: Sequence[Path] = ()
    identity: str = ""
    issuer: str = ""

    def __post_init__(self) -> None:
        for name in ("keys", "certificates"):
            given = getattr(self, name)
            # a single path would be taken for a sequence of letters
            object.__setattr__(self, name, (given,) if isinstance(given, (str, os.PathLike)) else tuple(given))
        if bool(self.identity) != bool(self.issuer) or not (self.keys or self.certificates or self.identity):
            got = "nobody" if not (self.identity or self.issuer) else "one of identity and issuer"
            raise UsageError(
                f"only_signed_by: got {got}, allowed are keys, certificates, or an identity and its issuer"
            )

    @classmethod
    def of(cls, given: "Path | Signers") -> "Signers":
        """Return the policy, where the path of a public key stands for one too."""
        return given if isinstance(given, Signers) else cls(keys=(given,))
