import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def house(tmp_path):
    """A copy of the source that a test may break."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    return tmp_path


def check(house: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "scripts/architecture.py"], cwd=house, capture_output=True, text=True, check=False
    )


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text)


def test_the_source_obeys(house):
    done = check(house)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "code",
    [
        "from compsel.runtime.runtime import Runtime\n",
        "import compsel.runtime.runtime\n",
        "def late():\n    from compsel.runtime import Runtime\n    return Runtime\n",
        "def late():\n    from compsel import runtime\n    return runtime\n",
    ],
)
def test_an_import_upwards_is_found_wherever_it_stands(house, code):
    append(house / "src/compsel/profiling/load.py", code)
    done = check(house)
    assert done.returncode == 1
    assert "src/compsel/profiling/load.py:" in done.stderr
    assert "profiling imports compsel.runtime" in done.stderr


def test_imports_for_type_checkers_do_not_count(house):
    append(
        house / "src/compsel/profiling/load.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from compsel.runtime import Runtime\n",
    )
    assert check(house).returncode == 0


def test_a_heavy_import_is_found_behind_other_modules(house):
    append(house / "src/compsel/features/base.py", "import sklearn.base\n")
    done = check(house)
    assert done.returncode == 1
    assert "sklearn.base is heavy, and is loaded by compsel.runtime -> " in done.stderr


def test_heavy_imports_inside_functions_are_fine(house):
    append(house / "src/compsel/features/base.py", "def late():\n    import sklearn.base\n    return sklearn\n")
    assert check(house).returncode == 0


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("src/compsel/strange.py", "", "strange.py: has no place in LAYERS"),
        ("src/compsel/errors.py", "\n" * 400, "one concept a file"),
        ("src/compsel/errors.py", "# see /" + "tmp/notes\n", "names a folder of a machine"),
        ("README.md", "cd /" + "root/x\n", "README.md:1: names a folder of a machine"),
        ("src/compsel/errors.py", "allow_" + "pickle=True\n", "reads pickles"),
        ("training_data/table.bin", "x" * 20_000_001, "20.0 MB, allowed are 20 MB"),
    ],
)
def test_other_rules(house, name, text, message):
    (house / name).parent.mkdir(exist_ok=True)
    append(house / name, text)
    done = check(house)
    assert done.returncode == 1
    assert message in done.stderr
