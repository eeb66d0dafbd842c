"""What an app waits for when it loads a bundle, and what it opens: one engine a variant, the later ones behind."""

import gc
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compsel
from compsel.bundle.bundle import Bundle
from compsel.bundle.manifest import write_manifest
from compsel.bundle.verified_files import VerifiedFiles
from compsel.errors import IntegrityError
from compsel.processors import CpuProcessor
from compsel.runtime import Runtime
from compsel.selection.policies import FixedPolicy
from compsel.storage.files import write_json
from tests.dense_bundles import WIDTH, dense_bundle, row


@pytest.fixture
def opens(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """What is opened on a processor of the CPU: file and processor."""
    found: list[tuple[str, str]] = []
    real = CpuProcessor.open

    def noted(self: CpuProcessor, variant: Any) -> Any:
        found.append((Path(variant).name, self.name))
        return real(self, variant)

    monkeypatch.setattr(CpuProcessor, "open", noted)
    yield found


def settle(runtime: Runtime) -> None:
    """Wait until nothing is warmed up any longer."""
    runtime._runner._calls.wait(time.monotonic() + 20.0)


@pytest.mark.parametrize("processor", [None, "cpu:2"])
def test_one_engine_is_opened_once_for_every_kind_of_call(
    tmp_path: Path, opens: list[tuple[str, str]], processor: str | None
) -> None:
    folder = dense_bundle(tmp_path, ("only",), FixedPolicy("only/none", processor))
    with compsel.load(folder, adapt=False) as runtime:
        settle(runtime)
        runtime(row())
        runtime(row()["x"])
        runtime.run(None, row())
        assert len(opens) == 1 and opens[0][0] == "only_none.onnx"
        assert processor is None or opens[0][1] == processor


def test_load_returns_before_later_stages_are_open(cascade_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let, real = threading.Event(), CpuProcessor.open
    first = json.loads((cascade_folder / "bundle.json").read_text())["opens_first"]["graph"]

    def held(self: CpuProcessor, variant: Any) -> Any:
        if Path(variant).name != first:
            assert let.wait(20.0)
        return real(self, variant)

    monkeypatch.setattr(CpuProcessor, "open", held)
    with compsel.load(cascade_folder, adapt=False) as runtime:
        variants = runtime.bundle.variants
        assert [variants[name].graph_file for name, _, _ in runtime._pool._engines] == [first]
        let.set()
        settle(runtime)
        assert {name for name, _, _ in runtime._pool._engines} >= set(runtime.bundle.policies["adaptive"].variants)


@pytest.mark.parametrize(
    "said", [{}, None, 1, {"graph": "x", "weights": None, "processor": "cpu:1"}, {"graph": 3, "weights": 4}]
)
def test_what_a_bundle_says_of_its_first_session_does_no_harm(
    tmp_path: Path, opens: list[tuple[str, str]], said: Any
) -> None:
    folder = dense_bundle(tmp_path, ("only",), FixedPolicy("only/none"))
    described = json.loads((folder / "bundle.json").read_text())
    write_json(folder / "bundle.json", {**described, "opens_first": said})
    write_manifest(folder, compsel.__version__)
    with compsel.load(folder, adapt=False) as runtime:
        assert runtime(row()).outputs[0].shape == (1, WIDTH)
        assert len(opens) == 1


def change(folder: Path, variant: str) -> None:
    """Change a byte in the middle of the weights of a variant."""
    described = Bundle.load(folder).variants[variant]
    file = folder / "variants" / (described.weights_file or described.tensor_file)
    content = bytearray(file.read_bytes())
    assert len(content) > 1 << 20, "small files are checked at once"
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_a_changed_variant_that_the_policy_does_not_use_never_runs(tmp_path: Path) -> None:
    folder = dense_bundle(tmp_path, ("used", "unused"), FixedPolicy("used/none"))
    wanted = compsel.load(folder)(row()).outputs[0]
    change(folder, "unused/none")
    with pytest.raises(IntegrityError, match="changed"):
        Bundle.load(folder)
    with compsel.load(folder, adapt=False) as runtime:
        np.testing.assert_array_equal(runtime(row()).outputs[0], wanted)
        answer = runtime.with_policy(FixedPolicy("unused/none", "cpu:1"))(row())
        assert answer.stages[-1].variant == "used/none" and "was changed" in answer.note
        assert not any(name == "unused/none" for name, _, _ in runtime._pool._engines)


def test_a_changed_variant_of_the_policy_is_refused(tmp_path: Path) -> None:
    folder = dense_bundle(tmp_path, ("used", "unused"), FixedPolicy("used/none"))
    change(folder, "used/none")
    with pytest.raises(IntegrityError, match="changed"):
        compsel.load(folder)


def test_a_load_hashes_each_file_of_its_policy_once_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = dense_bundle(tmp_path, ("used", "unused"), FixedPolicy("used/none"))
    variants, found, real = Bundle.load(folder).variants, [], VerifiedFiles._hash

    def noted(self: VerifiedFiles, name: str, descriptor: int) -> None:
        found.append(name)
        real(self, name, descriptor)

    monkeypatch.setattr(VerifiedFiles, "_hash", noted)
    time.sleep(0.1)  # what was written just now is hashed again wherever it is opened
    with compsel.load(folder, adapt=False) as runtime:
        runtime(row())
        time.sleep(0.3)
        unused = [f"variants/{file}" for file in variants["unused/none"].files]
        large = [name for name in unused if (folder / name).stat().st_size > 1 << 20]
        assert sorted(found) == sorted(runtime.bundle.files.keys() - set(large)) and large
        runtime.with_policy(FixedPolicy("unused/none", "cpu:1"))(row())
        assert set(large) < set(found)


def test_loading_leaves_the_garbage_collector_as_it_was(tmp_path: Path) -> None:
    folder, before = dense_bundle(tmp_path, ("only",), FixedPolicy("only/none")), gc.get_threshold()
    gc.freeze()
    frozen = gc.get_freeze_count()
    try:
        compsel.load(folder).close()
        assert gc.get_threshold() == before and 0 < gc.get_freeze_count() <= frozen
    finally:
        gc.unfreeze()
    gc.disable()
    try:
        compsel.load(folder).close()
        assert not gc.isenabled() and gc.get_threshold() == before
    finally:
        gc.enable()
    compsel.load(folder).close()
    assert gc.get_freeze_count() == 0


def test_an_app_imports_what_its_bundle_needs(tmp_path: Path) -> None:
    folder = dense_bundle(tmp_path, ("only",), FixedPolicy("only/none"))
    code = f"""
import sys, numpy as np, compsel
with compsel.load(sys.argv[1]) as runtime:
    runtime({{"x": np.ones((1, {WIDTH}), np.float32)}})
    unneeded = ("cv2", "psutil", "importlib.metadata", "email", "tempfile", "shutil", "numpy.ma", "tokenizers")
    ours = ("inputs.image", "inputs.text", "processors.provider", "selection.cascade.online", "features.tasks.binary")
    print([name for name in (*unneeded, *(f"compsel.{{one}}" for one in ours)) if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_input_that_is_kept_to_tell_faults_apart_is_small(tmp_path: Path) -> None:
    folder = dense_bundle(tmp_path, ("only",), FixedPolicy("only/none"))
    with compsel.load(folder, adapt=False) as runtime:
        runtime({"x": np.ones((2000, WIDTH), np.float32)})  # 4.8 MB
        runtime(row())
        kept = [values for feeds in runtime._pool._known_good.values() for values in feeds.values()]
        assert [values.shape for values in kept] == [(1, WIDTH)]
