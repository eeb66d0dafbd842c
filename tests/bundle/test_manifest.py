"""A bundle is exactly what its manifest lists, or it is refused before anything in it is opened."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compsel.bundle.manifest import FORMAT_VERSION, MANIFEST, check_bundle, write_manifest
from compsel.errors import BundleError, IntegrityError, StorageError, VersionError
from compsel.runtime import Bundle

FILES = {"bundle.json": b'{"a": 1}', "variants/net.onnx": bytes(range(256)), "variants/empty.weights": b""}


def small_bundle(folder: Path) -> Path:
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    write_manifest(folder, "0")
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return small_bundle(tmp_path / "bundle")


def rewrite(bundle: Path, **changes: object) -> None:
    content = json.loads((bundle / MANIFEST).read_text())
    (bundle / MANIFEST).write_text(json.dumps(content | changes))


def test_untouched_bundle_passes_and_lists_every_file(bundle: Path) -> None:
    check_bundle(bundle)
    content = json.loads((bundle / MANIFEST).read_text())
    assert content["files"].keys() == FILES.keys()
    assert content["format_version"] == FORMAT_VERSION


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_changed_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    bundle = small_bundle(tmp_path_factory.mktemp("any"))
    name = data.draw(st.sampled_from([name for name, content in FILES.items() if content]))
    content = bytearray(FILES[name])
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    (bundle / name).write_bytes(content)
    with pytest.raises(IntegrityError, match="was changed"):
        check_bundle(bundle)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", [b"more", None])
def test_grown_and_missing_files_are_noticed(bundle: Path, name: str, change: bytes | None) -> None:
    if change is None:
        (bundle / name).unlink()
    else:
        (bundle / name).write_bytes(FILES[name] + change)
    with pytest.raises(IntegrityError, match=name):
        check_bundle(bundle)


@pytest.mark.parametrize("name", ["foreign.txt", "variants/more.onnx", "variants/manifest.json", ".hidden"])
def test_foreign_files_are_noticed(bundle: Path, name: str) -> None:
    (bundle / name).write_bytes(b"x")
    with pytest.raises(IntegrityError, match="not in the manifest"):
        check_bundle(bundle)


def test_link_to_equal_bytes_is_refused(bundle: Path, tmp_path: Path) -> None:
    (bundle / "variants/net.onnx").rename(tmp_path / "outside.onnx")
    (bundle / "variants/net.onnx").symlink_to(tmp_path / "outside.onnx")
    with pytest.raises(IntegrityError, match="link"):
        check_bundle(bundle)


def test_folder_that_is_a_link_is_refused(bundle: Path, tmp_path: Path) -> None:
    (bundle / "variants").rename(tmp_path / "elsewhere")
    (bundle / "variants").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError):
        check_bundle(bundle)


def test_manifest_that_is_a_link_is_refused(bundle: Path, tmp_path: Path) -> None:
    (bundle / MANIFEST).rename(tmp_path / "elsewhere.json")
    (bundle / MANIFEST).symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(IntegrityError, match="link"):
        check_bundle(bundle)


def only(bundle: Path, name: str) -> None:
    """Make the manifest list one file, and let nothing else be there."""
    rewrite(bundle, files={name: {"size_bytes": 0, "sha256": "0" * 64}})
    for entry in FILES:
        (bundle / entry).unlink()


@pytest.mark.parametrize(
    "name", ["../outside.txt", "/etc/passwd", "variants/../../x", "variants/../x", "..\\outside", "C:/x", "", "."]
)
def test_paths_that_lead_out_are_refused_for_that(bundle: Path, name: str) -> None:
    only(bundle, name)
    with pytest.raises(IntegrityError, match="a path out of the bundle: do not trust it"):
        check_bundle(bundle)


@pytest.mark.parametrize("name", ["variants/./net.onnx", "variants//net.onnx", "./bundle.json"])
def test_paths_in_another_spelling_are_refused(bundle: Path, name: str) -> None:
    rewrite(bundle, files={name: {"size_bytes": 0, "sha256": "0" * 64}})
    with pytest.raises(IntegrityError):
        check_bundle(bundle)


def test_newer_format_is_refused_with_what_to_do(bundle: Path) -> None:
    rewrite(bundle, format_version=FORMAT_VERSION + 1)
    with pytest.raises(VersionError, match="install a newer compsel"):
        check_bundle(bundle)


def test_newer_format_wins_over_content_that_this_version_cannot_read(bundle: Path) -> None:
    (bundle / MANIFEST).write_text(json.dumps({"format_version": FORMAT_VERSION + 1, "entries": []}))
    with pytest.raises(VersionError):
        check_bundle(bundle)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"17",
        b'"files"',
        b"\xff\xfe\x00",
        b"{}",
        b'{"format_version": 1}',
        b'{"format_version": "one", "files": {}}',
        b'{"format_version": 0, "files": {}}',
        b'{"format_version": -3, "files": {}}',
        b'{"format_version": 1, "files": []}',
        b'{"format_version": 1, "files": {"a": 1}}',
        b'{"format_version": 1, "files": {"a": {"size_bytes": null, "sha256": ""}}}',
        b'{"format_version": 1e999, "files": {}}',
        b"[" * 100_000,
    ],
)
def test_garbage_for_a_manifest_is_one_clear_error(bundle: Path, text: bytes) -> None:
    (bundle / MANIFEST).write_bytes(text)
    with pytest.raises(IntegrityError, match="get the bundle again"):
        check_bundle(bundle)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_for_a_manifest_are_refused(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    bundle = small_bundle(tmp_path_factory.mktemp("bytes"))
    (bundle / MANIFEST).write_bytes(text)
    with pytest.raises(BundleError):
        check_bundle(bundle)


def test_huge_manifest_is_not_read(bundle: Path) -> None:
    with (bundle / MANIFEST).open("r+b") as stream:
        stream.truncate(17_000_000)  # sparse: takes no space
    with pytest.raises(IntegrityError, match="is over"):
        check_bundle(bundle)


def test_folder_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "absent", Path("/dev/null")):
        with pytest.raises(BundleError, match="compsel build"):
            check_bundle(place)


def test_manifest_that_is_a_folder_is_no_bundle(bundle: Path) -> None:
    (bundle / MANIFEST).unlink()
    (bundle / MANIFEST).mkdir()
    with pytest.raises(BundleError):
        check_bundle(bundle)


def test_writing_below_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write_manifest(tmp_path / "file" / "bundle", "0")


def test_content_that_does_not_fit_together_is_a_bundle_error(bundle: Path) -> None:
    with pytest.raises(BundleError, match="build it again"):
        Bundle.load(bundle)
