"""`compsel.InferenceSession` of a bundle gives what `onnxruntime.InferenceSession` gives of the model's own file."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnxruntime.capi import _pybind_state as ort_state

from compsel.errors import CompselError, InputError
from tests.alike import answer, check_calls_alike, check_error, check_same
from tests.run_models import CASES, RunCase, floats, parsed
from tests.sessions import Pair, both


@pytest.fixture
def dense(tmp_path: Path) -> Pair:
    return both(CASES["dense"]().model, tmp_path)


def shown(arguments: Any) -> list[tuple[str, str, list[Any]]]:
    return [(one.name, one.type, one.shape) for one in arguments]


@pytest.mark.parametrize("name", CASES)
def test_it_shows_the_models_own_file(name: str, tmp_path: Path) -> None:
    model = CASES[name]().model
    model.producer_name, model.domain, model.doc_string, model.model_version = "maker", "here", "for this", 3
    model.graph.doc_string = "a graph"
    model.metadata_props.add(key="author", value="ü")
    theirs, ours = both(model, tmp_path)
    for show in ("get_inputs", "get_overridable_initializers", *(() if name == "any rank" else ("get_outputs",))):
        assert shown(getattr(ours, show)()) == shown(getattr(theirs, show)())
        assert list(map(str, getattr(ours, show)())) == list(map(str, getattr(theirs, show)()))
    meta, expected = ours.get_modelmeta(), theirs.get_modelmeta()
    for key in (key for key in dir(expected) if not key.startswith("_")):
        assert getattr(meta, key) == getattr(expected, key)


@pytest.mark.parametrize("name", CASES)
def test_every_answer_and_every_error_is_that_of_onnx_runtime(name: str, tmp_path: Path) -> None:
    case: RunCase = CASES[name]()
    theirs, ours = both(case.model, tmp_path)
    for outputs in case.outputs:
        for feed in case.feeds:
            check_calls_alike(lambda o=outputs, f=feed: ours.run(o, f), lambda o=outputs, f=feed: theirs.run(o, f))


def values(feed: dict[str, Any]) -> dict[str, onnxruntime.OrtValue]:
    """Return the feeds as values of ONNX Runtime's; raises where it has none."""
    return {name: onnxruntime.OrtValue.ortvalue_from_numpy(value) for name, value in feed.items()}


def arrays(outputs: Any) -> list[Any]:
    return [one.numpy() if one.is_tensor() else one.data_type() for one in outputs]


@pytest.mark.parametrize("name", CASES)
def test_values_of_its_own_are_taken_and_given(name: str, tmp_path: Path) -> None:
    case: RunCase = CASES[name]()
    theirs, ours = both(case.model, tmp_path)
    made = "probability" in {one.name for one in ours.get_outputs()}  # maps, which only `run` makes
    for outputs in [["label"]] if made else case.outputs:
        for feed in case.feeds:
            given = answer(lambda f=feed: values(f))
            if isinstance(given, dict):
                expected = answer(lambda o=outputs, g=given: arrays(theirs.run_with_ort_values(o, g)))
                got = answer(lambda o=outputs, g=given: arrays(ours.run_with_ort_values(o, g)))
                if isinstance(expected, Exception):
                    check_error(got, expected)
                else:
                    check_same(got, expected)
                check_calls_alike(
                    lambda o=outputs, g=given: ours.run(o, g), lambda o=outputs, g=given: theirs.run(o, g)
                )


def bound(session: Any, feed: dict[str, Any]) -> list[Any]:
    """Run what is bound."""
    binding = session.io_binding()
    for name, value in feed.items():
        binding.bind_cpu_input(name, value)
    for one in session.get_outputs():
        binding.bind_output(one.name)
    session.run_with_iobinding(binding)
    outputs: list[Any] = binding.copy_outputs_to_cpu()
    assert len(binding.get_outputs()) == len(outputs)
    return outputs


@pytest.mark.parametrize(
    "name", ["dense", "types", "axes of their own", "defaults", "any rank", "data dependent", "no inputs"]
)
def test_bound_inputs_and_outputs(name: str, tmp_path: Path) -> None:
    case: RunCase = CASES[name]()
    theirs, ours = both(case.model, tmp_path)
    # ONNX Runtime binds no array to an input that has a value otherwise
    required = {one.name for one in theirs.get_inputs()}
    for feed in case.feeds:
        if feed.keys() <= required and all(isinstance(value, np.ndarray) for value in feed.values()):
            expected, got = answer(lambda f=feed: bound(theirs, f)), answer(lambda f=feed: bound(ours, f))
            if isinstance(expected, Exception):
                assert isinstance(got, CompselError)
                assert isinstance(got, RuntimeError) or not isinstance(expected, RuntimeError)
            else:
                check_same(got, expected)


def test_bound_memory_is_read_and_filled_at_every_run(dense: Pair) -> None:
    for session in dense:
        x, y, z = floats(2, 4), np.zeros((2, 3), np.float32), onnxruntime.OrtValue.ortvalue_from_numpy(floats(2, 3))
        binding = session.io_binding()
        binding.bind_input("x", "cpu", 0, np.float32, x.shape, x.ctypes.data)
        binding.bind_output("y", "cpu", 0, np.float32, y.shape, y.ctypes.data)
        session.run_with_iobinding(binding)
        check_same(y, session.run(None, {"x": x})[0])
        x[:] = 1
        session.run_with_iobinding(binding)
        check_same(y, session.run(None, {"x": x})[0])
        assert binding.get_outputs()[0].numpy().tolist() == y.tolist()
        binding.clear_binding_outputs()
        binding.bind_ortvalue_output("y", z)
        session.run_with_iobinding(binding)
        check_same(z.numpy(), y)
        binding.clear_binding_inputs()
        with pytest.raises(RuntimeError):
            session.run_with_iobinding(binding)


@pytest.mark.parametrize(
    "bind",
    [
        lambda binding: None,
        lambda binding: binding.bind_output("z"),
        lambda binding: binding.bind_cpu_input("z", floats(2, 4)),
        lambda binding: binding.bind_output("y", "cpu", 0, np.float32, [3], np.zeros(3, np.float32).ctypes.data),
        lambda binding: binding.bind_output("y", "cpu", 0, np.int8, [2, 3], np.zeros((2, 3), np.int8).ctypes.data),
        lambda binding: binding.bind_output("y", "cpu", 0, None, None, 1),
    ],
)
def test_bindings_that_do_not_fit_are_caught_as_of_onnx_runtime(dense: Pair, bind: Callable[[Any], None]) -> None:
    for session in dense:
        binding = session.io_binding()
        binding.bind_cpu_input("x", floats(2, 4))
        with pytest.raises((RuntimeError, ValueError)):
            bind(binding)
            session.run_with_iobinding(binding)
    with pytest.raises(ValueError, match="with the session that created it"):
        dense[1].run_with_iobinding(dense[0].io_binding())


@pytest.mark.parametrize("given", [False, True])
def test_vectors_of_values(dense: Pair, given: bool) -> None:
    device = onnxruntime.OrtDevice.make("cpu", 0)._get_c_device()
    x, results = floats(2, 4), []
    for session in dense:
        feeds, fetches = ort_state.OrtValueVector(), ort_state.OrtValueVector()
        feeds.push_back(onnxruntime.OrtValue.ortvalue_from_numpy(x)._ortvalue)
        mine = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((2, 3), np.float32))
        if given:
            fetches.push_back(mine._ortvalue)
        session.run_with_ortvaluevector(onnxruntime.RunOptions(), ["x"], feeds, ["y"], fetches, [device])
        results.append((mine if given else fetches[0]).numpy())
    check_same(results[1], results[0])


@pytest.mark.parametrize("outputs", [None, ["y"], ["z"]])
def test_calls_that_call_back(dense: Pair, outputs: list[str] | None) -> None:
    told = []
    for session in dense:
        done = threading.Event()
        said: list[Any] = []

        def callback(results: Any, data: Any, error: str, said: Any = said, done: Any = done) -> None:
            said.extend([results, data, bool(error)])
            done.set()

        session.run_async(outputs, {"x": floats(2, 4)}, callback, "mine")
        assert done.wait(10)
        told.append(said)
    check_same(told[1][0], told[0][0])
    assert told[1][1:] == told[0][1:] == ["mine", outputs == ["z"]]


def test_numbers_that_numpy_lacks_come_in_as_values(tmp_path: Path) -> None:
    theirs, ours = both(parsed("g (bfloat16[n] x) => (float[n] y) { y = Cast<to=1>(x) }"), tmp_path)
    value = onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(np.array([0x3F80, 0x4000], np.uint16), 16)
    check_same(ours.run(None, {"x": value}), theirs.run(None, {"x": value}))
    check_same(arrays(ours.run_with_ort_values(["y"], {"x": value})), [np.float32([1, 2])])
    memory, binding = np.array([0x4040], np.uint16), ours.io_binding()
    binding.bind_input("x", "cpu", 0, 16, [1], memory.ctypes.data)
    binding.bind_output("y")
    ours.run_with_iobinding(binding)
    check_same(binding.copy_outputs_to_cpu(), [np.float32([3])])
    with pytest.raises(InputError):
        ours.run(None, {"x": onnxruntime.OrtValue.ortvalue_from_numpy(floats(2))})


def test_it_passes_for_a_session(dense: Pair) -> None:
    theirs, ours = dense
    assert isinstance(ours, onnxruntime.InferenceSession)
    assert isinstance(ours.io_binding(), onnxruntime.IOBinding)
    for show in ("get_providers", "get_provider_options", "get_profiling_start_time_ns", "get_tuning_results"):
        assert getattr(ours, show)() == getattr(theirs, show)()
    for show in ("get_input_memory_infos", "get_output_memory_infos"):
        for one, other in zip(getattr(ours, show)(), getattr(theirs, show)(), strict=True):
            assert (one.name, one.device_id, one.mem_type) == (other.name, other.device_id, other.mem_type)
    assert [one.ep_name for one in ours.get_input_epdevices()] == [one.ep_name for one in theirs.get_input_epdevices()]
    assert isinstance(ours.get_session_options(), onnxruntime.SessionOptions)
    for session in dense:
        session.disable_fallback()
        session.enable_fallback()
        session.set_tuning_results([])
        session.release_captured_graph()
        value = session.create_ortvalue_from_shape_and_type([2, 4], np.float32, "cpu")
        value.update_inplace(floats(2, 4))
        assert len(session.run(None, {"x": value})) == 1
        assert not session.end_profiling()
        with pytest.raises(ort_state.Fail):
            session.get_provider_graph_assignment_info()


def test_what_one_session_alone_has_is_refused_with_a_reason(dense: Pair) -> None:
    session = dense[1]
    for call in (
        lambda: session.set_tuning_results([{"ep": "CPUExecutionProvider"}]),
        lambda: session.set_ep_dynamic_options({"a": "b"}),
        session.get_provider_graph_assignment_info,
    ):
        with pytest.raises(NotImplementedError) as caught:
            call()
        assert isinstance(caught.value, CompselError)


def test_members_of_onnx_runtimes_class_are_all_there(dense: Pair) -> None:
    theirs, ours = dense
    # every attribute that its methods read stands in ours too, under this version of it
    assert {*vars(theirs)} - {"_model_meta"} <= {*vars(ours)}
    asked = {name for name in dir(theirs._sess) if not name.startswith("_")} - {"initialize_session"}
    assert asked <= {*dir(ours._sess), *vars(ours._sess)}
    binding = {name for name in dir(theirs.io_binding()._iobinding) if not name.startswith("_")}
    assert binding <= {*dir(ours.io_binding()._iobinding)}
    assert {*vars(theirs.io_binding())} <= {*vars(ours.io_binding())}
