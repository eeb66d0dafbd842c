import pytest
from onnxruntime.capi import onnxruntime_pybind11_state as states

from compsel.errors import CompselError, ProcessorError
from compsel.models import ort_errors as module
from compsel.models.ort_errors import translate


def test_every_exception_of_the_runtime_is_in_the_table() -> None:
    raised = {
        name
        for name in dir(states)
        if isinstance(getattr(states, name), type) and issubclass(getattr(states, name), BaseException)
    }
    assert raised
    assert raised <= set(module._ERRORS)


@pytest.mark.parametrize("name", sorted(module._ERRORS))
@pytest.mark.parametrize("loading", [True, False])
def test_translated_errors_are_ours_and_readable(name: str, loading: bool) -> None:
    kind = type(name, (Exception,), {})
    text = "[ONNXRuntimeError] : 1 : FAIL : /a/onnxruntime_src/b.cc:7 it\nbroke " + 1000 * "x"
    error = translate(kind(text), "lite0.onnx", loading=loading)
    assert isinstance(error, CompselError)
    assert str(error).startswith("lite0.onnx: it broke xxx")
    assert len(str(error)) < 500


@pytest.mark.parametrize("root", ["/onnxruntime_src", "/onnxruntime", "/home/builder/onnxruntime"])
def test_where_in_its_sources_is_left_out(root: str) -> None:
    place = f"{root}/onnxruntime/core/graph/model.h:46 void onnxruntime::f(const std::map<int>&, bool, int)"
    error = translate(states.Fail(f"[ONNXRuntimeError] : 1 : FAIL : {place} Opset 99 is not known"), "m", loading=True)
    assert str(error) == "m: Opset 99 is not known"


def test_unknown_exceptions_are_processor_errors() -> None:
    assert type(translate(KeyError("new"), "m", loading=False)) is ProcessorError


def test_what_the_text_says_goes_before_the_class() -> None:
    for loading in (True, False):
        assert type(translate(states.Fail("Failed to allocate memory"), "m", loading=loading)) is ProcessorError
