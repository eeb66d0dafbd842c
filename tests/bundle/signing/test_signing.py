"""A bundle that was signed is loaded by who asks for that signer, and by who does not ask."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.bundle.bundle import Bundle
from compsel.bundle.file_names import SIGNATURE
from compsel.bundle.manifest import check_bundle
from compsel.errors import IntegrityError, MissingDependencyError, SignatureError, UsageError
from tests.bundle.signing.keys import KeyFiles, issue, write_key

IMAGE = np.zeros((80, 64, 3), np.uint8)


def test_who_asks_for_the_signer_gets_the_bundle_and_who_does_not_ask_too(
    signed: Path, keys: dict[str, KeyFiles]
) -> None:
    for given in (keys["ours"].public, str(keys["ours"].public), compsel.Signers(keys=keys["ours"].public), None):
        with compsel.load(signed, only_signed_by=given, warm_up=False) as runtime:
            assert runtime(IMAGE).outputs[0].shape == (1, 1000)
    assert (signed / SIGNATURE).is_file()


def test_any_of_several_keys(signed: Path, keys: dict[str, KeyFiles]) -> None:
    both = compsel.Signers(keys=[keys["theirs"].public, keys["ours"].public])
    assert Bundle.load(signed, only_signed_by=both).variants
    with pytest.raises(SignatureError, match=r"theirs.pub.pem: Key mismatch"):
        Bundle.load(signed, only_signed_by=keys["theirs"].public)


@pytest.mark.parametrize("curve", ["SECP384R1", "SECP521R1"])
def test_larger_curves(copied: Path, tmp_path: Path, keys: dict[str, KeyFiles], curve: str) -> None:
    key = write_key(tmp_path, "large", curve)
    compsel.sign(copied, key.private)
    check_bundle(copied, key.public)


def test_a_key_with_a_password(copied: Path, tmp_path: Path, keys: dict[str, KeyFiles]) -> None:
    key = write_key(tmp_path, "locked", password="a word")
    for password, said in ((None, "[Pp]assword"), ("another", "password")):
        with pytest.raises(SignatureError, match=said):
            compsel.sign(copied, key.private, password=password)
    assert not (copied / SIGNATURE).exists()
    compsel.sign(copied, key.private, password="a word")
    check_bundle(copied, key.public)


def test_a_certificate_stands_for_every_key_that_it_vouches_for(
    copied: Path, tmp_path: Path, keys: dict[str, KeyFiles]
) -> None:
    root, between, key = (write_key(tmp_path, name) for name in ("root", "between", "key"))
    root_crt = issue(tmp_path, "root", root, root, authority=True)
    between_crt = issue(tmp_path, "between", between, root, authority=True)
    key_crt = issue(tmp_path, "key", key, between, authority=False)
    compsel.sign(copied, key.private, certificate=key_crt, chain=[between_crt])
    check_bundle(copied, compsel.Signers(certificates=root_crt))
    other = write_key(tmp_path, "other")
    with pytest.raises(SignatureError, match="certificate"):
        check_bundle(copied, compsel.Signers(certificates=issue(tmp_path, "other", other, other, authority=True)))
    with pytest.raises(SignatureError, match="tells its signer by x509CertificateChain"):
        check_bundle(copied, key.public)


def test_a_certificate_of_another_key_does_not_sign(copied: Path, tmp_path: Path, keys: dict[str, KeyFiles]) -> None:
    root = write_key(tmp_path, "root")
    certificate = issue(tmp_path, "key", keys["theirs"], root, authority=False)
    with pytest.raises(SignatureError, match="does not match"):
        compsel.sign(copied, keys["ours"].private, certificate=certificate)


def test_the_library_of_the_format_verifies_ours_and_we_verify_its(copied: Path, keys: dict[str, KeyFiles]) -> None:
    compsel.sign(copied, keys["ours"].private)
    signature = str(copied / SIGNATURE)
    verify = ["verify", "key", "--public_key", keys["ours"].public]
    for words in (verify, ["sign", "key", "--private_key", keys["theirs"].private]):
        command = [sys.executable, "-m", "model_signing", *words, "--signature", signature, copied]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    check_bundle(copied, keys["theirs"].public)


def test_signing_again_replaces_the_signature(signed: Path, keys: dict[str, KeyFiles]) -> None:
    compsel.sign(signed, keys["theirs"].private)
    check_bundle(signed, keys["theirs"].public)
    with pytest.raises(SignatureError):
        check_bundle(signed, keys["ours"].public)


def test_whoever_loads_a_bundle_while_it_is_signed_sees_nothing_of_it(
    copied: Path, keys: dict[str, KeyFiles], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    replace = Path.replace

    def looked_at(self: Path, target: Path) -> Path:
        seen.append(len(check_bundle(copied)))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", looked_at)
    monkeypatch.chdir(copied)
    compsel.sign(".", keys["ours"].private)
    assert len(seen) == 1


def test_what_cannot_be_signed(copied: Path, tmp_path: Path, keys: dict[str, KeyFiles]) -> None:
    wrong = write_key(tmp_path, "wrong", other=True)
    with pytest.raises(SignatureError, match="P-256, P-384 and P-521"):
        compsel.sign(copied, wrong.private)
    for path in (tmp_path / "nothing", keys["ours"].public, copied):
        with pytest.raises(SignatureError, match="cannot be signed with"):
            compsel.sign(copied, path)
    for options in ({}, {"key": keys["ours"].private, "sigstore": True}, {"sigstore": True, "password": "a"}):
        with pytest.raises(UsageError, match="sign: "):
            compsel.sign(copied, **options)
    (copied / "costs.json").write_text("{}")
    with pytest.raises(IntegrityError, match="changed"):
        compsel.sign(copied, keys["ours"].private)
    assert not (copied / SIGNATURE).exists()


def test_policies_that_are_none(tmp_path: Path, signed: Path, keys: dict[str, KeyFiles]) -> None:
    for options in ({}, {"identity": "me@example.org"}, {"issuer": "https://example.org"}):
        with pytest.raises(UsageError, match="only_signed_by: got"):
            compsel.Signers(**options)
    wrong = write_key(tmp_path, "wrong", other=True)
    for path in (tmp_path / "nothing", keys["ours"].private, wrong.public, signed):
        with pytest.raises(SignatureError, match="cannot be verified with"):
            check_bundle(signed, path)


def test_without_the_library_there_is_no_verifying(
    signed: Path, keys: dict[str, KeyFiles], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "model_signing"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "model_signing", None)
    with pytest.raises(MissingDependencyError, match=r"compsel\[signing\]"):
        compsel.load(signed, only_signed_by=keys["ours"].public)
    with pytest.raises(MissingDependencyError, match=r"compsel\[signing\]"):
        compsel.sign(signed, keys["ours"].private)
    compsel.load(signed, warm_up=False).close()
