"""Run ONNX Runtime's own Python tests of `InferenceSession` with `compsel.InferenceSession` in its place.

    python benchmarks/ort_own_tests.py onnxruntime/test/python/onnxruntime_test_python.py ... --json own_tests.json

The files are those of ONNX Runtime's repository (their `helper.py` beside them); the models that they open are made
anew (`ort_test_models`), or copied from --models. Every test runs three times: with ONNX Runtime itself; with ours on
the models; with ours on bundles of these models, written without measuring. A test counts where it opens a session and
passes with ONNX Runtime itself here.
"""

import argparse
import contextlib
import hashlib
import importlib
import io
import json
import os
import shutil
import sys
import tempfile
import types
import unittest
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

import compsel
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.cli.tables import plain_table
from compsel.errors import CompselError
from compsel.models.model import Model
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from compsel.variants.writer import write_variant
from ort_test_models import write_models

PROCESSORS = ("cpu:1",)
MODES = ("onnxruntime", "models", "bundles")
opened: Counter[str] = Counter()


def bundle_of(path: Path) -> Path:
    """Write a bundle of a model, which runs it as it is; once."""
    content = path.read_bytes()
    folder = Path(tempfile.gettempdir()) / f"bundle-{hashlib.sha256(content).hexdigest()[:20]}"
    if not folder.exists():
        files = Path(tempfile.mkdtemp())
        variant = write_variant(Model.load(path), files, "other")
        latency_ms = np.ones((1, len(PROCESSORS)))
        costs = CostModel(tuple((variant.name, word) for word in PROCESSORS), np.zeros((1, 1)), latency_ms, latency_ms)
        quality, policies = {variant.name: 1.0}, {"adaptive": FixedPolicy(variant.name)}
        write_bundle(BundleContent((variant,), files, policies, {}, Objective(), quality, costs, {}), folder)
    return folder


class Itself(onnxruntime.InferenceSession):  # type: ignore[misc]  # it has no types
    """ONNX Runtime's own session, counted."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        opened["sessions"] += 1
        super().__init__(*arguments, **options)


class OfBundle(compsel.InferenceSession):
    """Ours, of a bundle of the model that is given."""

    def __init__(self, path_or_bytes: Any, *arguments: Any, **options: Any) -> None:
        path = path_or_bytes
        if isinstance(path, bytes):
            path = Path(tempfile.mkdtemp()) / "model.onnx"
            path.write_bytes(path_or_bytes)
        try:
            folder = bundle_of(Path(path))
        except CompselError as error:
            raise unittest.SkipTest(f"no bundle can be made of the model: {error}") from error
        super().__init__(folder, *arguments, **options)


CLASSES = {"onnxruntime": Itself, "models": compsel.InferenceSession, "bundles": OfBundle}


class Outcomes(unittest.TestResult):
    """What came of each test, with the first line of the reason."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, tuple[str, str]] = {}
        self.sessions: dict[str, int] = {}

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - the name of unittest
        """Count its sessions."""
        opened.clear()
        super().startTest(test)

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - the name of unittest
        """Note that it passed, if nothing else was noted."""
        self.found.setdefault(test.id(), ("passed", ""))
        self.sessions[test.id()] = opened["sessions"]
        super().stopTest(test)

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802 - the name of unittest
        """Note an error, or that ours refuses something."""
        refused = isinstance(err[1], CompselError) and isinstance(err[1], NotImplementedError)
        self._note(test, "refused" if refused else "failed", err[1])

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802 - the name of unittest
        """Note a failure."""
        self._note(test, "failed", err[1])

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802 - the name of unittest
        """Note that it was left out."""
        self._note(test, "skipped", reason)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:  # noqa: N802 - the name of unittest
        """Note a failure of a part."""
        if err is not None:
            self._note(test, "failed", err[1])

    def _note(self, test: unittest.TestCase, what: str, reason: Any) -> None:
        text = reason if isinstance(reason, str) else f"{type(reason).__name__}: {reason}"
        self.found.setdefault(test.id(), (what, " ".join(text.split())[:160]))


@contextlib.contextmanager
def place(models: Path | None) -> Iterator[None]:
    """Work in a folder of its own, with the models in `testdata` of it, as the tests expect."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "testdata"
        write_models(data) if models is None else shutil.copytree(models, data)
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Send away what is printed, by ONNX Runtime too, for which several tests ask."""
    kept = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def add_old_modules() -> None:
    """Give tests of older versions a module of onnx that is gone."""
    if importlib.util.find_spec("onnx.mapping") is None:
        module = types.ModuleType("onnx.mapping")
        numbers = onnx.helper.get_all_tensor_dtypes()
        kinds = {
            number: types.SimpleNamespace(np_dtype=onnx.helper.tensor_dtype_to_np_dtype(number)) for number in numbers
        }
        vars(module)["TENSOR_TYPE_MAP"] = kinds
        sys.modules["onnx.mapping"] = module


class Replaced(types.ModuleType):
    """ONNX Runtime with another class in the place of one: what runs below is ONNX Runtime itself."""

    def __init__(self, session: type) -> None:
        super().__init__("onnxruntime")
        self.InferenceSession = session

    def __getattr__(self, name: str) -> Any:
        return getattr(onnxruntime, name)


def run_all(files: list[Path], mode: str) -> Outcomes:
    """Run the tests of some files, with one class in the place of ONNX Runtime's."""
    outcomes, replaced = Outcomes(), Replaced(CLASSES[mode])
    for file in files:
        sys.path.insert(0, str(file.parent))
        module = importlib.import_module(file.stem)
        for name, found in list(vars(module).items()):
            if found is onnxruntime or isinstance(found, Replaced):
                setattr(module, name, replaced)
        with silence():
            unittest.defaultTestLoader.loadTestsFromModule(module).run(outcomes)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=lambda text: Path(text).resolve())
    parser.add_argument(
        "--models", type=lambda text: Path(text).resolve(), help="folder of models, instead of those made"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    add_old_modules()
    onnxruntime.set_default_logger_severity(4)
    ran: dict[str, Outcomes] = {}
    for mode in MODES:
        with place(options.models):
            ran[mode] = run_all(options.files, mode)
    itself = ran["onnxruntime"]
    counted = [test for test, count in itself.sessions.items() if count and itself.found[test][0] == "passed"]
    rows = []
    for mode in MODES[1:]:
        for test in counted:
            what, reason = ran[mode].found[test]
            if what != "passed":
                rows.append([mode, test.split(".", 1)[1], what, reason])
    if rows:
        print(plain_table(rows, ["with", "test", "what", "why"]))
    print(f"ONNX Runtime {onnxruntime.__version__}: {len(itself.found)} tests, of which {len(counted)} count")
    for mode in MODES[1:]:
        told = Counter(ran[mode].found[test][0] for test in counted)
        print(f"{mode}: {told['passed']} of {len(counted)} pass; {dict(told)}")
    if options.json:
        content = {mode: outcomes.found for mode, outcomes in ran.items()}
        options.json.write_text(json.dumps({"counted": counted, **content}, indent=1))


if __name__ == "__main__":
    main()
