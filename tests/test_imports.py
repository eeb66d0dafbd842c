"""What an app loads: nothing of what training needs."""

import subprocess
import sys

import cv2
import pytest

HEAVY = (
    "cryptography",
    "joblib",
    "matplotlib",
    "model_signing",
    "onnx",
    "opentelemetry",
    "pandas",
    "prometheus_client",
    "pyarrow",
    "scipy",
    "skimage",
    "skl2onnx",
    "sklearn",
    "sympy",
    "torch",
    "xgboost",
)


def run(code: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


LOADED = f"""
import sys
def heavy():
    return [name for name in {HEAVY!r} if name in sys.modules]
"""


def test_importing_the_package_costs_next_to_nothing():
    code = (
        LOADED
        + "import compsel; print(heavy() + [n for n in ('numpy', 'onnxruntime', 'cv2', 'psutil') if n in sys.modules])"
    )
    assert run(code) == "[]\n"


def test_an_app_that_runs_a_bundle_loads_nothing_heavy(bundle_folder, photographs, tmp_path):
    image = tmp_path / "chelsea.png"
    assert cv2.imwrite(str(image), photographs["chelsea"][:, :, ::-1])
    code = (
        LOADED
        + """
import compsel
runtime = compsel.load(sys.argv[1])
print("loaded", heavy())
answer = runtime(sys.argv[2])
print("answered", heavy(), answer.outputs[0].shape)
answer = runtime(sys.argv[2], min_quality=0.5)
answer = runtime(sys.argv[2], deadline_ms=1000)
print("limited", heavy())
"""
    )
    assert run(code, str(bundle_folder), str(image)) == "loaded []\nanswered [] (1, 1000)\nlimited []\n"


# a module costs 0.3 to 0.5 ms of every start: one more must be needed by every app's first answer
MOST_MODULES = 133
LATER = (
    "logging",
    "traceback",
    "asyncio",
    "concurrent.futures",
    "zlib",
    "compsel.features.fusion",
    "compsel.runtime.dispatch.batch_execution",
    "compsel.runtime.monitoring.stats",
)


def test_a_first_answer_imports_few_modules(bundle_folder, photographs, tmp_path):
    image = tmp_path / "chelsea.jpg"
    assert cv2.imwrite(str(image), photographs["chelsea"][:, :, ::-1])
    code = f"""
import sys
import numpy, onnxruntime
before = set(sys.modules)
import compsel
compsel.load(sys.argv[1])(sys.argv[2])
more = sorted(set(sys.modules) - before)
ours = [name for name in more if name.partition(".")[0] == "compsel"]
print([name for name in {LATER!r} if name in more], len(ours) if len(ours) > {MOST_MODULES} else "few")
"""
    assert run(code, str(bundle_folder), str(image)) == "[] few\n"


def test_the_command_line_starts_without_what_training_needs():
    code = (
        LOADED
        + """
import contextlib, io
from compsel.cli.main import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(["--help"])
print(heavy())
"""
    )
    assert run(code) == "[]\n"


def test_a_missing_package_says_how_to_install_it(tmp_path):
    code = """
import sys
sys.modules["pyarrow"] = None
from compsel.errors import MissingDependencyError
from compsel.storage.parquet import read_table
from pathlib import Path
try:
    read_table(Path(sys.argv[1]))
except MissingDependencyError as error:
    print(error)
"""
    assert run(code, str(tmp_path)) == "pyarrow is not installed: run pip install 'compsel[train]'\n"


def test_on_an_installation_for_apps_what_needs_more_says_how_to_install_it():
    code = f"""
import sys
class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, NotInstalled())
import compsel
from compsel.cli.main import main
said = set()
for name in compsel.__all__:
    try:
        getattr(compsel, name)
    except compsel.errors.MissingDependencyError as error:
        said.add(str(error))
compsel.load, compsel.open_samples
print(*said, main(["compress", "a.onnx", "--out", "v"]), sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    line = "onnx is not installed: run pip install 'compsel[train]'\n"
    assert (done.stdout, done.stderr) == (f"{line}2\n", f"compsel: {line}")


@pytest.mark.parametrize(
    "name",
    [
        "models.model",
        "variants.variant",
        "inputs.images.decoding",
        "features.fusion",
        "profiling.profile",
        "techniques",
        "processors",
    ],
)
def test_modules_can_be_imported_first(name):
    """No module needs another one to be imported before it."""
    assert run(f"import compsel.{name}") == ""
