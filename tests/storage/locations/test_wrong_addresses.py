"""What is said of addresses, servers and credentials that are wrong: what to mend."""

from pathlib import Path

import pytest

from compsel.cli.main import main
from compsel.errors import LocationError, StorageError, UsageError
from compsel.storage.locations.using import fetch
from tests.storage.locations.test_mirror import at, own_cache, run_server

__all__ = ["own_cache", "run_server"]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("memroy://bucket/profile", r"got memroy://, allowed are s3://.*did you mean 'memory'"),
        ("s3:bucket/profile", r"s3:bucket/profile: is no address: write s3://bucket/profile"),
        ("s3:", r"s3:: is no address: write s3://bucket/folder"),
    ],
)
def test_misspelt_addresses_are_told(address: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=message):
        fetch(address)
    assert main(["train", address, "--out", "nowhere"]) == 2
    assert "unforeseen" not in capsys.readouterr().err


def test_letters_of_a_scheme_may_be_large() -> None:
    import fsspec

    fsspec.filesystem("memory").pipe_file("/large/a.txt", b"one")
    assert fetch("MEMORY://large/a.txt").read_text() == "one"


def test_a_file_here_that_looks_like_an_address_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s3:notes").write_text("mine")
    assert fetch("s3:notes").read_text() == "mine"


def test_an_endpoint_without_a_scheme_is_told(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    at(port, monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"127.0.0.1:{port}")
    with pytest.raises(UsageError, match=r"the endpoint of S3: got '127.0.0.1:\d+', allowed is http://"):
        fetch("s3://bucket/profile")


def test_a_name_that_no_bucket_can_have_is_told(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    at(port, monkeypatch)
    with pytest.raises(LocationError, match=r"Invalid bucket name .*: check the address$"):
        fetch("s3://bad_bucket!/profile")


def test_credentials_that_are_missing_are_told(port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    at(port, monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(LocationError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"):
        fetch("s3://bucket/profile")


def test_a_cache_that_cannot_be_written_is_not_taken_for_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="XDG_CACHE_HOME says where") as raised:
        fetch("memory://cache/profile")
    assert not isinstance(raised.value, LocationError)
