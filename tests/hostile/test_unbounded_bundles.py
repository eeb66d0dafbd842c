"""What would be read without end is refused by its kind, its size or its number before it is read."""

import json
import os
import sys
from pathlib import Path

import pytest

from compsel.bundle.bundle import Bundle
from compsel.bundle.manifest import MANIFEST
from compsel.errors import BundleError, IntegrityError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no FIFOs, links to devices or holes in files")


def listed(bundle: Path, name: str, size_bytes: int) -> None:
    """List a file in the manifest, without reading it."""
    manifest = json.loads((bundle / MANIFEST).read_text())
    manifest["files"][name] = {"size_bytes": size_bytes, "sha256": "0" * 64}
    (bundle / MANIFEST).write_text(json.dumps(manifest))


def hole(path: Path, size_bytes: int) -> None:
    """Make a file of so many zeros that takes no room."""
    with path.open("wb") as stream:
        stream.truncate(size_bytes)


def test_a_fifo_is_not_waited_for(copied: Path) -> None:
    os.mkfifo(copied / "variants" / "fifo")
    listed(copied, "variants/fifo", 0)
    with pytest.raises(IntegrityError, match="is a FIFO, allowed is a file: get the bundle again"):
        Bundle.load(copied)


@pytest.mark.parametrize("name", [MANIFEST, "bundle.json"])
def test_a_fifo_in_the_place_of_a_file_is_not_waited_for(copied: Path, name: str) -> None:
    (copied / name).unlink()
    os.mkfifo(copied / name)
    with pytest.raises(BundleError, match="is a FIFO"):
        Bundle.load(copied)


@pytest.mark.parametrize("target", ["/dev/zero", "/etc/hostname", "."])
def test_links_are_not_followed(copied: Path, target: str) -> None:
    (copied / "variants" / "link").symlink_to(target)
    listed(copied, "variants/link", 1)
    with pytest.raises(IntegrityError, match="is a link"):
        Bundle.load(copied)


def test_a_file_that_is_not_there_but_for_its_size_is_not_hashed(copied: Path) -> None:
    hole(copied / "variants" / "large", 10**12)
    listed(copied, "variants/large", 10**12)
    with pytest.raises(IntegrityError, match="next to none are there"):
        Bundle.load(copied)


def test_a_manifest_beyond_all_reason_is_not_read(copied: Path) -> None:
    hole(copied / MANIFEST, 500_000_000)
    with pytest.raises(IntegrityError, match=r"next to none are there|is over"):
        Bundle.load(copied)


def test_a_manifest_of_too_many_files(copied: Path) -> None:
    manifest = json.loads((copied / MANIFEST).read_text())
    entry = {"size_bytes": 0, "sha256": "0" * 64}
    manifest["files"] |= {f"variants/{number}": entry for number in range(10_001)}
    (copied / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(IntegrityError, match=r"lists|cannot be read"):
        Bundle.load(copied)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"format_version": 1e999}', '{"format_version": NaN}', '{"a": 1, "a": 1}', "1" * 5000, "\ud800"],
)
@pytest.mark.parametrize("name", [MANIFEST])
def test_json_that_is_more_than_json(copied: Path, name: str, text: str) -> None:
    (copied / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(IntegrityError, match="cannot be read"):
        Bundle.load(copied)


@pytest.mark.parametrize("version", [-1, 0, "2", 2.9, True, None, [3]])
def test_versions_that_are_none(copied: Path, version: object) -> None:
    manifest = json.loads((copied / MANIFEST).read_text())
    (copied / MANIFEST).write_text(json.dumps({**manifest, "format_version": version}))
    with pytest.raises(IntegrityError, match="format_version"):
        Bundle.load(copied)
