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


def check(house: Path, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "scripts/architecture.py", *options], cwd=house, capture_output=True, text=True, check=False
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
    assert "sklearn.base is heavy, and is loaded by compsel." in done.stderr


def test_heavy_imports_inside_functions_are_fine(house):
    append(house / "src/compsel/features/base.py", "def late():\n    import sklearn.base\n    return sklearn\n")
    assert check(house).returncode == 0


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("src/compsel/strange.py", "", "strange.py: has no place in LAYERS"),
        ("src/compsel/strange.py", "", "strange.py: allowed at the top are"),
        ("src/compsel/features.py", "", "features.py: allowed at the top are"),
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


def test_the_layers_stand_in_contributing_as_in_the_rules(house):
    table = check(house, "--layers").stdout
    assert table.count("\n") > 15
    assert table in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_every_layer_is_there(house):
    rows = check(house, "--layers").stdout.splitlines()[2:]
    names = [row.split("`")[1] for row in rows]
    found = {path.stem for path in (ROOT / "src/compsel").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert set(names) == found - {"__init__", "__pycache__"}


LONG = "def long():\n" + "    print()\n" * 40
MANY = "def many(a, b, c, d, e, f, g, h):\n    print()\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (LONG, "long: 41 lines of code"),
        ("# short: no\n" + LONG, "long: 41 lines of code"),
        ("# long:\n" + LONG, "long: 41 lines of code"),
        (LONG.replace("    print()\n", "    print()\n\n    # why\n"), "long: 41 lines of code"),
        ("# long: one table\n" + LONG, None),
        ("# long: one table\n# in two lines\n@staticmethod\n" + LONG, None),
        (LONG.replace("    print()\n", '    """Text.\n\n    More.\n    """\n', 1), None),
        (MANY, "many: 8 parameters"),
        ("# long: not that\n" + MANY, "many: 8 parameters"),
        ("# many parameters: the field's own\n" + MANY, None),
        ("class A:\n    def few(self, b, c, d, *, e=1, f=1, **others): ...\n", None),
        ("class A:\n    def many(self, b, c, d, *more, e=1, f=1, g=1, **others): ...\n", "many: 8 parameters"),
        ("\n" * 300, "broken.py: 30"),
        ("# long file: a table\n" + "\n" * 300, None),
        ("class CompselError: ...\n", "class CompselError stands twice"),
        ("class _Kept: ...\n", None),
    ],
)
def test_sizes_and_names(house, text, problem):
    before = check(house, "--sizes").stdout
    (house / "src/compsel/storage/broken.py").write_text('"""Text."""\n\n' + text, encoding="utf-8")
    added = [line for line in check(house, "--sizes").stdout.splitlines() if line.split() not in split(before)]
    assert len(added) == (problem is not None), added
    assert all("storage/broken.py" in line and problem in line for line in added)


def split(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_sizes_are_part_of_the_check(house):
    script = house / "scripts/architecture.py"
    script.write_text(script.read_text().replace("SIZES_ARE_ENFORCED = False", "SIZES_ARE_ENFORCED = True"))
    (house / "src/compsel/storage/broken.py").write_text('"""Text."""\n\n' + LONG, encoding="utf-8")
    done = check(house)
    assert done.returncode == 1
    assert "storage/broken.py:3: long: 41 lines of code, allowed are 40 or a reason beside it" in done.stderr
