"""`compsel sign` and `compsel verify`; what else a signature must not survive, or be loaded for."""

import json
from pathlib import Path

import pytest

from compsel.building.porting.port import port
from compsel.building.train import train_bundle
from compsel.bundle.file_names import SIGNATURE
from compsel.cli.main import main
from compsel.profiling.profile import Profile
from compsel.selection import Objective
from compsel.selection.policies import FixedPolicy
from tests.bundle.signing.keys import KeyFiles, issue, write_key
from tests.dense_bundles import dense_bundle


def test_sign_and_verify(
    copied: Path, tmp_path: Path, keys: dict[str, KeyFiles], capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs, found = keys["ours"], keys["theirs"], tmp_path / "found.json"
    assert main(["verify", str(copied), "--key", str(ours.public)]) == 2
    assert "is not signed" in capsys.readouterr().err
    assert main(["sign", str(copied), "--key", str(ours.private)]) == 0
    assert capsys.readouterr().out.startswith(f"Signed: {copied / SIGNATURE}")
    assert main(["verify", str(copied), "--key", str(theirs.public)]) == 2
    assert "is not signed by whom it must be" in capsys.readouterr().err
    both = ["--key", str(theirs.public), "--key", str(ours.public)]
    assert main(["verify", str(copied), *both, "--json", str(found)]) == 0
    assert json.loads(found.read_text())["verified"] is True
    (copied / "costs.json").write_text("{}")
    assert main(["verify", str(copied), *both]) == 2
    assert "was changed" in capsys.readouterr().err
    assert main(["verify", str(copied)]) == 2
    assert "got nobody" in capsys.readouterr().err


def test_large_files_are_compared_too(tmp_path: Path, keys: dict[str, KeyFiles], capsys: pytest.CaptureFixture) -> None:
    folder, ours = dense_bundle(tmp_path, ("only",), FixedPolicy("only/none")), keys["ours"]
    assert main(["sign", str(folder), "--key", str(ours.private)]) == 0
    large = max(folder.rglob("*"), key=lambda path: path.stat().st_size)
    content = bytearray(large.read_bytes())
    assert len(content) > 1 << 20
    content[len(content) // 2] ^= 1
    large.write_bytes(content)
    assert main(["verify", str(folder), "--key", str(ours.public)]) == 2
    assert main(["sign", str(folder), "--key", str(ours.private)]) == 2
    assert capsys.readouterr().err.count("was changed") == 2


def test_with_certificates(copied: Path, tmp_path: Path, keys: dict[str, KeyFiles]) -> None:
    root, key = write_key(tmp_path, "root"), write_key(tmp_path, "key")
    root_crt = issue(tmp_path, "root", root, root, authority=True)
    certificate = issue(tmp_path, "key", key, root, authority=False)
    assert main(["sign", str(copied), "--key", str(key.private), "--certificate", str(certificate)]) == 0
    assert main(["verify", str(copied), "--certificate", str(root_crt)]) == 0


def test_the_password_of_a_key_comes_from_the_environment(
    copied: Path,
    tmp_path: Path,
    keys: dict[str, KeyFiles],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = write_key(tmp_path, "locked", password="a word")
    command = ["sign", str(copied), "--key", str(key.private)]
    assert main(command) == 2
    assert "has a password: set COMPSEL_KEY_PASSWORD" in capsys.readouterr().err
    monkeypatch.setenv("COMPSEL_KEY_PASSWORD", "a word")
    assert main(command) == 0
    assert main(["verify", str(copied), "--key", str(key.public)]) == 0


def test_serve_refuses_what_another_one_signed(
    signed: Path, keys: dict[str, KeyFiles], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", str(signed), "--port", "0", "--only-signed-by", str(keys["theirs"].public)]) == 2
    assert "is not signed by whom it must be" in capsys.readouterr().err


def test_what_is_built_or_ported_anew_is_not_signed(
    signed: Path, profile: Profile, profile_folder: Path, tmp_path: Path
) -> None:
    port(signed, tmp_path / "ported", budget_s=0.1)
    assert not (tmp_path / "ported" / SIGNATURE).exists()
    train_bundle(profile, profile_folder / "variants", signed, Objective(margin=0.01), replace=True)
    assert not (signed / SIGNATURE).exists()
