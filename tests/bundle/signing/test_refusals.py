"""What was not signed by whom it must be, as it is, is refused before anything but its manifest is opened."""

import base64
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.bundle.file_names import MANIFEST, SIGNATURE
from compsel.bundle.manifest import check_bundle, write_manifest
from compsel.errors import IntegrityError, SignatureError
from tests.bundle.signing.keys import KeyFiles
from tests.hostile.mutations import mutate

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no FIFOs")


def relisted(change: Callable[[Path], object]) -> Callable[[Path], None]:
    """A change by somebody who lists the files anew, as an attacker does."""

    def changed(bundle: Path) -> None:
        change(bundle)
        write_manifest(bundle, "0")

    return changed


def in_signature(change: Callable[[dict], object]) -> Callable[[Path], None]:
    """A change of what stands in the signature."""

    def changed(bundle: Path) -> None:
        content = json.loads((bundle / SIGNATURE).read_text())
        change(content)
        (bundle / SIGNATURE).write_text(json.dumps(content))

    return changed


def of_bytes(data: bytes) -> Callable[[Path], object]:
    return lambda bundle: (bundle / SIGNATURE).write_bytes(data)


def link(bundle: Path) -> None:
    (bundle / SIGNATURE).rename(bundle.parent / "elsewhere")
    (bundle / SIGNATURE).symlink_to(bundle.parent / "elsewhere")


def fifo(bundle: Path) -> None:
    (bundle / SIGNATURE).unlink()
    os.mkfifo(bundle / SIGNATURE)


def hole(bundle: Path) -> None:
    with (bundle / SIGNATURE).open("wb") as stream:
        stream.truncate(10**12)


def say_less(content: dict) -> None:
    """Take a file out of what was signed."""
    statement = json.loads(base64.b64decode(content["dsseEnvelope"]["payload"]))
    statement["predicate"]["resources"].pop()
    content["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()


def renamed(bundle: Path) -> None:
    file = next((bundle / "variants").iterdir())
    file.rename(file.with_name("other.onnx"))


REFUSED: dict[str, Callable[[Path], object]] = {
    "unsigned": lambda bundle: (bundle / SIGNATURE).unlink(),
    "a file more": relisted(lambda bundle: (bundle / "variants" / "more").write_text("")),
    "a file less": relisted(lambda bundle: next((bundle / "variants").iterdir()).unlink()),
    "a file changed": relisted(lambda bundle: (bundle / "costs.json").write_text("{}")),
    "a file renamed": relisted(renamed),
    "another manifest": lambda bundle: (bundle / MANIFEST).write_text((bundle / MANIFEST).read_text() + " "),
    "a link": link,
    "a FIFO": fifo,
    "a folder": lambda bundle: ((bundle / SIGNATURE).unlink(), (bundle / SIGNATURE).mkdir()),
    "a hole": hole,
    "too large": of_bytes(b" " * 8_000_001),
    "empty": of_bytes(b""),
    "nested": of_bytes(b"[" * 100_000),
    "nested in a text": of_bytes(b'{"verificationMaterial": ' + b'{"a":' * 60 + b"1" + b"}" * 61),
    "no object": of_bytes(b"[]"),
    "a key twice": of_bytes(b'{"verificationMaterial": 1, "verificationMaterial": 2}'),
    "no text": of_bytes(b"\xff\xfe"),
    "a zip": of_bytes(b"PK\x03\x04" + b"\0" * 1000),
    "nobody's": in_signature(lambda content: content["verificationMaterial"].pop("publicKey")),
    "no key named": in_signature(lambda content: content["verificationMaterial"]["publicKey"].pop("hint")),
    "no signatures": in_signature(lambda content: content["dsseEnvelope"].update(signatures=[])),
    "no envelope": in_signature(lambda content: content.pop("dsseEnvelope")),
    "a wrong signature": in_signature(lambda content: content["dsseEnvelope"]["signatures"][0].update(sig="MAA=")),
    "another payload": in_signature(say_less),
    "another type": in_signature(lambda content: content["dsseEnvelope"].update(payloadType="text/plain")),
    "two signers": in_signature(
        lambda content: content["verificationMaterial"].update(
            x509CertificateChain={"certificates": [{"rawBytes": ""}]}
        )
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_before_anything_is_opened(
    signed: Path, keys: dict[str, KeyFiles], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    REFUSED[what](signed)
    opened = set()
    open_ = os.open

    def noted(path: os.PathLike[str], *options: int, **more: int) -> int:
        if str(path).startswith(str(signed)):
            opened.add(Path(path).relative_to(signed).as_posix())
        return open_(path, *options, **more)

    monkeypatch.setattr(os, "open", noted)
    with pytest.raises(SignatureError):
        compsel.load(signed, only_signed_by=keys["ours"].public)
    assert opened <= {MANIFEST, SIGNATURE}


def test_what_was_changed_and_not_listed_anew(signed: Path, keys: dict[str, KeyFiles]) -> None:
    (signed / "variants" / "more").write_text("")
    with pytest.raises(IntegrityError, match="not in the manifest"):
        compsel.load(signed, only_signed_by=keys["ours"].public)
    (signed / "variants" / "more").unlink()
    (signed / "costs.json").write_text("{}")
    with pytest.raises(IntegrityError, match="was changed"):
        compsel.load(signed, only_signed_by=keys["ours"].public)


def test_the_signature_of_another_bundle(
    signed: Path, bundle_folder: Path, tmp_path: Path, keys: dict[str, KeyFiles]
) -> None:
    other = Path(shutil.copytree(bundle_folder, tmp_path / "other"))
    compsel.sign(other, keys["ours"].private)
    shutil.copyfile(other / SIGNATURE, signed / SIGNATURE)
    with pytest.raises(SignatureError, match="Signature mismatch"):
        check_bundle(signed, keys["ours"].public)


def test_the_name_of_our_key_under_the_signature_of_another_one(signed: Path, keys: dict[str, KeyFiles]) -> None:
    ours = json.loads((signed / SIGNATURE).read_text())["verificationMaterial"]
    compsel.sign(signed, keys["theirs"].private)
    in_signature(lambda content: content.update(verificationMaterial=ours))(signed)
    with pytest.raises(SignatureError, match="the signature is wrong"):
        check_bundle(signed, keys["ours"].public)


def test_a_manifest_that_is_replaced_after_it_was_read_plays_no_role(
    signed: Path, keys: dict[str, KeyFiles], monkeypatch: pytest.MonkeyPatch
) -> None:
    from compsel.bundle import manifest

    read = manifest.read_regular_file

    def then_replaced(path: Path, most_bytes: int) -> bytes:
        content = read(path, most_bytes)
        path.write_text("{}")
        return content

    monkeypatch.setattr(manifest, "read_regular_file", then_replaced)
    assert len(check_bundle(signed, keys["ours"].public)) > 3


def test_a_signature_that_a_manifest_lists_is_none(signed: Path) -> None:
    content = json.loads((signed / MANIFEST).read_text())
    content["files"][SIGNATURE] = content["files"]["costs.json"]
    (signed / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(IntegrityError, match=r"model.sig is missing"):
        check_bundle(signed)


@pytest.mark.parametrize("seed", range(40))
def test_no_mutation_passes(signed: Path, keys: dict[str, KeyFiles], seed: int) -> None:
    source = np.random.default_rng(seed)
    if seed % 2:
        mutate(signed, source)
    else:
        content = bytearray((signed / SIGNATURE).read_bytes())
        content[int(source.integers(len(content)))] ^= 1 << int(source.integers(8))
        (signed / SIGNATURE).write_bytes(content)
    with pytest.raises(IntegrityError):
        check_bundle(signed, keys["ours"].public)
