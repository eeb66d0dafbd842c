"""Names of processors, what discovery finds, and that nothing falls back."""

import contextlib
import json
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.errors import ModelError, ProcessorError
from compsel.inputs.tensor_specs import TensorSpec
from compsel.processors import CpuProcessor, absent, discover, parse, unusable
from compsel.processors import cpu as cpu_module
from compsel.processors import provider as provider_module
from compsel.processors.base import Availability
from compsel.processors.ort_session import OrtSession
from compsel.processors.plugins import package_versions
from compsel.processors.provider import PROVIDERS, ProviderProcessor
from compsel.processors.smoke_test import smoke_feeds, smoke_graph, smoke_test
from tests.processors.fake_processor import FakeProcessor, Script


@pytest.mark.parametrize(
    "name",
    ["cpu:1", "cpu:2", "cpu:2:nospin", "cpu:8:nospin", "cpu:little", "cuda:0", "cuda:3", "webgpu", "openvino:GPU"],
)
def test_a_name_gives_the_processor_of_that_name(name: str) -> None:
    assert parse(name).name == name
    assert parse(name) == parse(name)


@given(st.integers(1, 1000), st.booleans())
def test_names_of_cpus_round_trip(threads: int, spinning: bool) -> None:
    processor = CpuProcessor(threads, spinning=spinning)
    assert parse(processor.name) == processor


def test_all_is_this_process_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_module, "usable_cores", lambda: 6)
    assert parse("cpu:all").name == "cpu:6"
    assert parse("cpu:all:nospin").name == "cpu:6:nospin"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "cpu",
        "cpu:",
        "cpu:0",
        "cpu:-1",
        "cpu:two",
        "cpu:1:nospin",
        "cpu:2:",
        "cpu:2:spin",
        "cpu:²",
        "CPU:1",
        "gpu",
        "azure",
    ],
)
def test_other_names_are_refused_with_those_allowed(name: str) -> None:
    with pytest.raises(ProcessorError, match=r"allowed are cpu:N, cpu:N:nospin, cpu:all, cpu:big, "):
        parse(name)


@pytest.mark.parametrize("name", ["cuda:x", "openvino:TPU", "webgpu:1"])
def test_devices_that_a_provider_has_not(name: str) -> None:
    with pytest.raises(ProcessorError, match="got device"):
        parse(name)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("openvino:CPU:precision=f32", "openvino:CPU:precision=f32"),
        ("openvino:threads=2,precision=f32", "openvino:CPU:precision=f32,threads=2"),
        ("tensorrt:1:tuning=3,cache=folder/a:b", "tensorrt:1:cache=folder/a:b,tuning=3"),
        ("webgpu:layout=nhwc,strict=true", "webgpu:layout=nhwc,strict=true"),
    ],
)
def test_options_in_a_name_have_one_order(given: str, name: str) -> None:
    assert parse(given).name == name
    assert parse(name) == parse(given)
    assert hash(parse(name)) == hash(parse(given))


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("openvino:CPU:speed=9", "got option 'speed', allowed are cache, precision, streams, strict, threads"),
        ("openvino:CPU:precision=f8", "got precision=f8, allowed are as-is, f16, f32"),
        ("openvino:CPU:cache=", r"got cache=, allowed are \*"),
        ("openvino:CPU:", "got option '', allowed is key=value"),
        ("openvino:CPU:threads", "got option 'threads', allowed is key=value"),
        ("openvino:CPU:threads=1,threads=2", "each key once"),
        ("cuda:0:strict=yes", "got strict=yes, allowed are true"),
    ],
)
def test_options_that_a_provider_has_not(name: str, match: str) -> None:
    with pytest.raises(ProcessorError, match=match):
        parse(name)


def test_options_become_the_settings_of_the_provider() -> None:
    line = next(line for line in PROVIDERS if line.word == "tensorrt")
    assert line.settings({"precision": "f16", "cache": "folder", "strict": "true"}) == {
        "trt_fp16_enable": "1",
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": "folder",
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": "folder",
    }


def test_every_provider_is_offered_or_absent() -> None:
    tried = {processor.name.partition(":")[0] for processor, _ in discover()} - {"cpu"}
    assert tried | absent().keys() == {line.word for line in PROVIDERS}
    assert not tried & absent().keys()
    assert all(absent().values())


def test_versions_are_said() -> None:
    versions = package_versions()
    assert any(name.startswith("onnxruntime") for name in versions)
    for _, found in discover():
        package, number = found.version.split()
        assert versions[package] == number


def test_short_name_takes_the_first_device() -> None:
    assert parse("openvino").name == "openvino:CPU"
    assert parse("cuda").name == "cuda:0"


@given(st.text())
def test_any_text_gives_a_processor_or_a_processor_error(name: str) -> None:
    with contextlib.suppress(ProcessorError):
        assert parse(name).name


def test_no_threads_is_refused() -> None:
    with pytest.raises(ProcessorError, match="at least 1"):
        CpuProcessor(0)


def test_more_threads_than_cores_are_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_module, "usable_cores", lambda: 2)
    assert CpuProcessor(3).availability() == Availability(False, "3 threads, but this process may use 2 cores")
    assert CpuProcessor(2).availability().available
    assert not CpuProcessor(5, spinning=False).availability().available
    assert CpuProcessor(4, spinning=False).availability().available, "two threads a core, if they sleep"


@pytest.mark.parametrize(
    ("cores", "names"),
    [
        (1, ["cpu:1"]),
        (2, ["cpu:1", "cpu:2", "cpu:2:nospin", "cpu:4:nospin"]),
        (6, ["cpu:1", "cpu:2", "cpu:2:nospin", "cpu:4", "cpu:4:nospin", "cpu:6", "cpu:6:nospin", "cpu:12:nospin"]),
    ],
)
def test_discovery_lists_the_cpu_by_threads(cores: int, names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_module, "usable_cores", lambda: cores)
    found = discover()
    assert [processor.name for processor, _ in found if isinstance(processor, CpuProcessor)] == names
    assert all(availability.available for processor, availability in found if processor.name.startswith("cpu:"))


def test_every_listed_provider_is_tried_or_explained() -> None:
    tried = {processor.provider for processor, _ in discover()}
    assert set(onnxruntime.get_available_providers()) <= tried | set(unusable())
    assert all(reason for reason in unusable().values())


def test_words_and_providers_of_the_table_are_unique() -> None:
    assert len({line.word for line in PROVIDERS}) == len(PROVIDERS) == len({line.name for line in PROVIDERS})


MISSING = [line for line in PROVIDERS if line.name not in onnxruntime.get_available_providers()]


@pytest.mark.parametrize("line", MISSING, ids=lambda line: line.word)
def test_provider_that_is_not_here_is_unavailable_and_never_falls_back(
    line: provider_module.Provider, capfd: pytest.CaptureFixture[str]
) -> None:
    processor = ProviderProcessor(line, line.devices[0])
    found = processor.availability()
    assert not found.available
    assert "comes with" in found.reason
    with pytest.raises(ProcessorError, match=f"^{processor.name}: "):
        processor.open(smoke_graph())
    assert capfd.readouterr() == ("", "")


def test_listed_provider_that_takes_nothing_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider of this build that cannot run the graph: ONNX Runtime would silently use the CPU."""
    name = next((name for name in onnxruntime.get_available_providers() if name in unusable()), None)
    if name is None:
        pytest.xfail("this build of ONNX Runtime lists no provider that runs nothing")
    processor = ProviderProcessor(provider_module.Provider("useless", name))
    with pytest.raises(ProcessorError, match=r"^useless: it did not start, or runs no operator"):
        processor.open(smoke_graph())
    assert processor.availability().reason.startswith("it did not start")


def test_session_that_reports_another_provider_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class FellBack(OrtSession):
        def __init__(self, variant: bytes, options: object, providers: object) -> None:
            super().__init__(variant)

    monkeypatch.setattr(provider_module, "OrtSession", FellBack)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with pytest.raises(ProcessorError, match="fell back to CPUExecutionProvider"):
        parse("cuda:0").open(smoke_graph())


def test_wrong_answer_is_unavailable() -> None:
    x, y = TensorSpec("x", "float32", (1, 3, 8, 8)), TensorSpec("y", "float32", (1, 4, 1, 1))
    wrong = FakeProcessor({smoke_graph(): Script((x,), (y,), ([np.zeros((1, 4, 1, 1), np.float32)],))})
    assert smoke_test(wrong, "found") == Availability(
        False, "its answer to a small graph is not the CPU's: look for a newer driver"
    )
    nan = FakeProcessor({smoke_graph(): Script((x,), (y,), ([np.full((1, 4, 1, 1), np.nan, np.float32)],))})
    assert not smoke_test(nan, "found").available


def test_provider_that_fails_while_running_is_unavailable() -> None:
    x, y = TensorSpec("x", "float32", (1, 3, 8, 8)), TensorSpec("y", "float32", (1, 4, 1, 1))
    broken = FakeProcessor({smoke_graph(): Script((x,), (y,), (ProcessorError("scripted: device lost"),))})
    assert smoke_test(broken, "found") == Availability(False, "device lost")


def test_scripted_processor_plays_its_script() -> None:
    y = TensorSpec("y", "int64", (1,))
    answers = ([np.array([1])], ModelError("second"), lambda feeds: [np.array([3])])
    session = FakeProcessor({"m": Script((), (y,), answers)}).open("m")
    assert session.run({})[0] == 1
    with pytest.raises(ModelError, match="second"):
        session.run({})
    assert session.run({})[0] == 3
    assert session.run({})[0] == 1
    assert session.runs == 4


def test_scripted_processor_that_is_not_available() -> None:
    away = FakeProcessor({}, name="gpu:0", reason="no driver")
    assert away.availability() == Availability(False, "no driver")
    with pytest.raises(ProcessorError, match="gpu:0: no driver"):
        away.open(b"")


def test_runtime_path_needs_few_packages() -> None:
    code = (
        "import json, sys; import compsel.inputs.images.decoding, compsel.processors, "
        "compsel.device.sampler, compsel.features.image, "
        "compsel.features.lctes, compsel.features.fusion; print(json.dumps(list(sys.modules)))"
    )
    modules = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    foreign = {"onnx", "sklearn", "xgboost", "pyarrow", "matplotlib", "pandas", "scipy", "torch"}
    assert not foreign & {name.partition(".")[0] for name in modules}


def test_smoke_feeds_are_the_same_each_time() -> None:
    np.testing.assert_array_equal(smoke_feeds()["x"], smoke_feeds()["x"])
