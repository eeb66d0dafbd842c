from pathlib import Path

import pytest

import compsel
from tests.bundle.signing.keys import KeyFiles, write_key


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, KeyFiles]:
    """Keys "ours" and "theirs"."""
    pytest.importorskip("model_signing", reason="model-signing is not installed: pip install '.[test]'")
    folder = tmp_path_factory.mktemp("keys")
    return {name: write_key(folder, name) for name in ("ours", "theirs")}


@pytest.fixture
def signed(copied: Path, keys: dict[str, KeyFiles]) -> Path:
    """A bundle that was signed with "ours"; a test may damage it."""
    compsel.sign(copied, keys["ours"].private)
    return copied
