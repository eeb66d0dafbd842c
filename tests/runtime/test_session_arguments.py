"""What `compsel.InferenceSession` takes: bundles and models, providers, options of a session, and of a call."""

import json
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnxruntime.capi import _pybind_state as ort_state

import compsel
from compsel.bundle.manifest import write_manifest
from compsel.errors import BundleError, CompselError, UsageError
from compsel.runtime.dispatch import stage_runner
from compsel.runtime.faults.watched_calls import HangError
from tests.alike import answer, check_same
from tests.run_models import CASES, RunCase, floats, parsed
from tests.sessions import CPU, Pair, both, bundle_of


@pytest.fixture
def dense(tmp_path: Path) -> Pair:
    return both(CASES["dense"]().model, tmp_path)


def endless() -> onnx.ModelProto:
    """Return a model that runs for ever when its input is true."""
    return parsed(
        """g (bool go) => (float y)
        { most = Constant<value_int=9223372036854775807>() start = Constant<value_float=0.0>()
          y = Loop(most, go, start)<body = b (int64 i, bool before, float s) => (bool after, float t)
            { after = Identity(go) t = Identity(s) }> }"""
    )


def test_a_call_ends_when_its_options_say_so(tmp_path: Path) -> None:
    theirs, ours = both(endless(), tmp_path)
    go, stay = {"go": np.array(True)}, {"go": np.array(False)}
    for session in (theirs, ours):
        options = onnxruntime.RunOptions()
        session.run(None, stay, options)
        threading.Timer(0.2, lambda options=options: setattr(options, "terminate", True)).start()
        for _ in range(2):  # while it runs, and before
            with pytest.raises(ort_state.Fail, match="terminate"):
                session.run(None, go, options)
        assert options.terminate
        options.terminate = False
        session.run(None, stay, options)
    with pytest.raises(CompselError):
        ours.run(None, go, _terminated())
    assert ours.run(None, stay)[0] == 0


@pytest.mark.clock
def test_options_of_a_call_that_hangs_are_given_back_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_runner, "_HANG_S", 0.3)
    monkeypatch.setattr(stage_runner, "_HANG_TIMES", 0.0)
    _, session = both(endless(), tmp_path)
    options = onnxruntime.RunOptions()
    session.run(None, {"go": np.array(False)}, options)
    with pytest.raises(HangError):
        session.run(None, {"go": np.array(True)}, options)
    assert not options.terminate


def test_a_session_that_is_dropped_is_freed_at_once(several: Path) -> None:
    session = compsel.InferenceSession(several)
    session.run(None, {"x": floats(2, 4)})
    session.io_binding()
    held = weakref.ref(session.runtime)
    session.set_providers(CPU)
    assert held() is None
    held = weakref.ref(session.runtime)
    del session
    assert held() is None


def _terminated() -> onnxruntime.RunOptions:
    options = onnxruntime.RunOptions()
    options.terminate = True
    return options


def test_options_hold_for_every_row_of_a_batch(cascade_folder: Path) -> None:
    session = compsel.InferenceSession(cascade_folder)
    (spec,) = session.get_inputs()
    feed = {spec.name: np.random.default_rng(0).standard_normal((3, *spec.shape[1:])).astype(np.float32)}
    options = onnxruntime.RunOptions()
    options.logid, options.log_severity_level = "mine", 4
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    assert session.run(None, feed, options)[0].shape[0] == 3
    with pytest.raises(CompselError, match="terminate"):
        session.run(None, feed, _terminated())
    assert session.run(None, feed)[0].shape[0] == 3


def test_options_that_are_none_are_refused(dense: Pair) -> None:
    for session in dense:
        with pytest.raises(TypeError):
            session.run(None, {"x": floats(2, 4)}, {"terminate": True})
        with pytest.raises(TypeError):
            session.run("y", {"x": floats(2, 4)})


@pytest.fixture
def several(tmp_path: Path) -> Path:
    return bundle_of(CASES["dense"]().model, tmp_path, processors=("cpu:2", "cpu:2:nospin", "cpu:1"))


def words(session: compsel.InferenceSession) -> set[str]:
    assert session.runtime is not None
    return {word for _, word in session.runtime.costs.choices}


def options_with(**settings: Any) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    for key, value in settings.items():
        setattr(options, key, value)
    return options


def test_options_of_a_session_restrict_the_processors(several: Path) -> None:
    assert words(compsel.InferenceSession(several, options_with(intra_op_num_threads=1))) == {"cpu:1"}
    sleeping = options_with(graph_optimization_level=onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC)
    sleeping.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = compsel.InferenceSession(several, sleeping, CPU)
    assert words(session) == {"cpu:2:nospin", "cpu:1"}
    assert session.get_session_options() is sleeping
    assert words(compsel.InferenceSession(several, options_with(use_deterministic_compute=True))) >= {"cpu:2"}


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"enable_profiling": True}, NotImplementedError),
        ({"optimized_model_filepath": "a.onnx"}, NotImplementedError),
    ],
)
def test_options_that_a_bundle_cannot_keep_are_refused(several: Path, settings: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        compsel.InferenceSession(several, options_with(**settings))
    assert isinstance(caught.value, BundleError)


def test_threads_that_no_processor_keeps_are_refused(tmp_path: Path) -> None:
    folder = bundle_of(CASES["dense"]().model, tmp_path, processors=("cpu:2",))
    with pytest.raises(BundleError, match="intra_op_num_threads=1: allows none of this bundle's processors, cpu:2"):
        compsel.InferenceSession(folder, options_with(intra_op_num_threads=1))
    with pytest.raises(TypeError):
        compsel.InferenceSession(folder, {"intra_op_num_threads": 2})


def test_providers_restrict_and_a_refusal_leaves_the_session(several: Path) -> None:
    session = compsel.InferenceSession(several, providers=onnxruntime.get_available_providers())
    assert session.get_providers() == CPU
    x = {"x": floats(2, 4)}
    with (
        pytest.warns(UserWarning, match="not in available"),
        pytest.raises(RuntimeError, match="Unknown Provider Type"),
    ):
        session.set_providers(["InvalidProvider"])
    assert session.run(None, x)[0].shape == (2, 3)
    session.set_providers(CPU, [{}])
    assert session.run(None, x)[0].shape == (2, 3)
    for wrong in (3, [3]):
        with pytest.raises(ValueError, match="providers") as caught:
            compsel.InferenceSession(several, providers=wrong)
        assert isinstance(caught.value, UsageError)
    with pytest.warns(UserWarning, match="not in available"):
        assert compsel.InferenceSession(several, providers=["CUDAExecutionProvider"]).get_providers() == CPU


def test_a_model_is_run_by_onnx_runtime_itself(dense: Pair, tmp_path: Path) -> None:
    path, x = tmp_path / "model.onnx", {"x": floats(2, 4)}
    for model in (path, str(path), path.read_bytes()):
        session = compsel.InferenceSession(model, providers=CPU)
        assert session.runtime is None
        check_same(session.run(None, x), dense[0].run(None, x))
        session.set_providers(CPU)
        binding = session.io_binding()
        binding.bind_cpu_input("x", x["x"])
        binding.bind_output("y")
        session.run_with_iobinding(binding)
        check_same(binding.copy_outputs_to_cpu(), dense[0].run(None, x))
        assert session.get_modelmeta().graph_name == "g"
    for wrong in (tmp_path / "none.onnx", b"no model", 3):
        errors = [answer(lambda kind=kind, w=wrong: kind(w, providers=CPU)) for kind in KINDS]
        assert type(errors[0]) is type(errors[1])
    with pytest.raises(UsageError, match="memory_limit_mb"):
        compsel.InferenceSession(path, memory_limit_mb=9)


KINDS: tuple[Any, Any] = (compsel.InferenceSession, onnxruntime.InferenceSession)


def test_options_of_loading_are_passed_on(several: Path) -> None:
    session = compsel.InferenceSession(several, warm_up=False, policy="adaptive")
    assert session.runtime is not None
    assert session.runtime._pool.resident_mb == 0
    session.get_inputs()
    session.get_modelmeta()
    assert session.runtime._pool.resident_mb == 0
    with pytest.raises(BundleError, match="policy"):
        compsel.InferenceSession(several, policy="none such")
    with pytest.raises(BundleError, match="is not a bundle"):
        compsel.InferenceSession(several.parent)


@pytest.mark.parametrize("name", ["dense", "scikit-learn, maps, strings", "defaults"])
def test_bundles_that_do_not_say_what_their_file_shows(name: str, tmp_path: Path) -> None:
    case: RunCase = CASES[name]()
    case.model.producer_name = "maker"
    theirs, _ = both(case.model, tmp_path)
    folder = tmp_path / "pinned" / "bundle"
    content = json.loads((folder / "bundle.json").read_text())
    for variant in content["variants"]:
        del variant["signature"]
    (folder / "bundle.json").write_text(json.dumps(content))
    write_manifest(folder, "0.0.1")
    ours = compsel.InferenceSession(folder)
    for show in ("get_inputs", "get_outputs", "get_overridable_initializers"):
        expected = [(one.name, one.type, len(one.shape)) for one in getattr(theirs, show)()]
        assert [(one.name, one.type, len(one.shape)) for one in getattr(ours, show)()] == expected
    assert ours.get_modelmeta().producer_name == "maker"
    check_same(ours.run(None, case.feeds[0]), theirs.run(None, case.feeds[0]))


def test_a_session_of_photographs_runs_tensors(bundle_folder: Path) -> None:
    session = compsel.InferenceSession(bundle_folder)
    (spec,) = session.get_inputs()
    x = np.zeros([axis if isinstance(axis, int) else 1 for axis in spec.shape], np.float32)
    assert session.runtime is not None
    check_same(session.run(None, {spec.name: x}), session.runtime.run(None, {spec.name: x}))
