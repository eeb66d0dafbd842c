"""Where the parts of a graph run: what is placed whole, in part, or not at all; on real providers where there are."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from compsel.errors import ProcessorError
from compsel.processors import discover, parse
from compsel.processors import provider as provider_module
from compsel.processors.ort_session import OrtSession
from compsel.processors.placement import Placement, place, time_share
from compsel.processors.provider import ProviderProcessor
from compsel.processors.smoke_test import smoke_feeds, smoke_graph

GPU, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
REAL = [processor for processor, found in discover() if found.available and isinstance(processor, ProviderProcessor)]


def graph(kind: str) -> bytes:
    """y = -sigmoid(KIND(relu(conv(x)))): five operators, of which one may be too much for a provider."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node(kind, ["b"], ["c"]),
        helper.make_node("Sigmoid", ["c"], ["d"]),
        helper.make_node("Neg", ["d"], ["y"]),
    ]
    weight = numpy_helper.from_array(np.full((4, 3, 3, 3), 0.1, np.float32), "w")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], [weight]), opset_imports=opsets, ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def test_share_counts_operators() -> None:
    assigned = {GPU: ["Conv", "Relu", "Conv"], CPU: ["Resize", "NonZero", "Resize"]}
    assert place(assigned, GPU) == place(assigned, GPU, 2)
    assert place(assigned, GPU).node_share == 0.5
    assert place(assigned, GPU).elsewhere == ("Resize", "NonZero"), "the most frequent first"
    assert place(assigned, GPU, 12).node_share == 0.75, "a provider that lists only some of its own"
    assert place(assigned, "OtherExecutionProvider").node_share == 0
    assert place({GPU: ["Conv"]}, GPU) == Placement(1.0) and Placement(1.0).whole
    assert place({}, GPU).node_share == 0


@pytest.mark.parametrize(
    ("placement", "text"),
    [
        (Placement(1.0, time_share=1.0), "wholly placed"),
        (Placement(0.75, ("Resize",)), "partly placed: 75 % of the operators; elsewhere Resize"),
        (
            Placement(0.5, ("A", "B", "C", "D", "E"), 0.25),
            "partly placed: 50 % of the operators and 25 % of the time; elsewhere A, B, C, D, ...",
        ),
    ],
)
def test_placement_is_said_in_words(placement: Placement, text: str) -> None:
    assert str(placement) == text


def _profile(path: Path, events: list[tuple[str, str, int, int, str]]) -> Path:
    path.write_text(
        json.dumps(
            [
                {"cat": cat, "name": name, "ts": start, "dur": duration, "args": {"provider": provider}}
                for cat, name, start, duration, provider in events
            ]
        )
    )
    return path


def test_share_of_time_is_that_of_the_last_runs(tmp_path: Path) -> None:
    profile = _profile(
        tmp_path / "profile.json",
        [
            ("Session", "model_run", 0, 1000, ""),
            ("Node", "compiling_kernel_time", 1, 900, GPU),
            ("Session", "model_run", 2000, 100, ""),
            ("Node", "conv_kernel_time", 2001, 30, GPU),
            ("Node", "conv_fence_before", 2001, 500, GPU),
            ("Node", "resize_kernel_time", 2050, 10, CPU),
        ],
    )
    assert time_share(profile, GPU, runs=1) == pytest.approx(0.75)
    assert time_share(profile, GPU, runs=9) == pytest.approx(930 / 940)
    assert math.isnan(time_share(_profile(tmp_path / "empty.json", []), GPU, runs=1))


def test_profile_that_onnx_runtime_writes_is_read(tmp_path: Path) -> None:
    options = provider_module.session_options()
    options.enable_profiling, options.profile_file_prefix = True, str(tmp_path / "profile")
    with OrtSession(smoke_graph(), options) as session:
        for _ in range(3):
            session.run(smoke_feeds())
        profile = session.end_profiling()
    assert time_share(profile, CPU, runs=2) == 1
    assert time_share(profile, GPU, runs=2) == 0


def _placed(monkeypatch: pytest.MonkeyPatch, assigned: dict[str, list[str]]) -> None:
    """Make ONNX Runtime say that it is another one, which refuses whole placement and assigns as given."""

    class Other(OrtSession):
        def __init__(self, variant: bytes, options: Any = None, providers: Any = ()) -> None:
            if options.get_session_config_entry("session.disable_cpu_ep_fallback") == "1":
                raise ProcessorError(f"model: {provider_module.FELL_BACK}")
            super().__init__(variant)
            self.provider = GPU

        def assigned(self) -> dict[str, list[str]]:
            return assigned

    monkeypatch.setattr(provider_module, "OrtSession", Other)
    monkeypatch.setattr(provider_module, "_operators", lambda variant: 0)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [GPU])


def test_graph_that_is_partly_placed_opens_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    _placed(monkeypatch, {GPU: ["Conv", "Relu"], CPU: ["GlobalAveragePool"]})
    with parse("cuda:0").open(smoke_graph()) as session:  # of `OrtSession`
        assert str(session.placement) == "partly placed: 67 % of the operators; elsewhere GlobalAveragePool"


@pytest.mark.parametrize("name", ["cuda:0:strict=true", "openvino:NPU"])
def test_asked_strictly_a_part_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _placed(monkeypatch, {GPU: ["Conv", "Relu"], CPU: ["GlobalAveragePool"]})
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [GPU, "OpenVINOExecutionProvider"])
    with pytest.raises(ProcessorError, match=f"^{name}: it did not start, or cannot run every operator"):
        parse(name).open(smoke_graph())


def test_too_small_a_part_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _placed(monkeypatch, {GPU: ["Relu"], CPU: ["Conv", "GlobalAveragePool"]})
    with pytest.raises(ProcessorError, match="too little of the model would run there: partly placed: 33 %"):
        parse("cuda:0").open(smoke_graph())
    _placed(monkeypatch, {CPU: ["Conv", "Relu", "GlobalAveragePool"]})
    with pytest.raises(ProcessorError, match="runs no operator of the model"):
        parse("cuda:0").open(smoke_graph())


def test_runtime_that_cannot_tell_places_whole_graphs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    _placed(monkeypatch, {GPU: ["Conv", "Relu", "GlobalAveragePool"]})
    for kind in onnxruntime.InferenceSession.__mro__:
        if "get_provider_graph_assignment_info" in vars(kind):
            monkeypatch.delattr(kind, "get_provider_graph_assignment_info")
    with pytest.raises(ProcessorError, match="cannot run every operator"):
        parse("cuda:0").open(smoke_graph())


@pytest.mark.skipif(not REAL, reason="no provider but the CPU here; `make gpu-test` brings one")
@pytest.mark.parametrize("processor", REAL, ids=lambda processor: processor.name)
def test_real_provider_leaves_one_operator_in_five(processor: ProviderProcessor) -> None:
    whole, partial = graph("Abs"), graph("Det")  # no accelerator computes determinants
    assert processor.placement(whole, smoke_feeds()) == Placement(1.0, time_share=1.0)
    seen = processor.placement(partial, smoke_feeds())
    assert (seen.node_share, seen.elsewhere) == (pytest.approx(0.8), ("Det",))
    assert 0 < seen.time_share <= 1
    with processor.open(partial) as here, OrtSession(partial) as cpu:
        np.testing.assert_allclose(here.run(smoke_feeds())[0], cpu.run(smoke_feeds())[0], rtol=0.02, atol=0.02)
    with pytest.raises(ProcessorError, match="cannot run every operator"):
        parse(f"{processor.name}:strict=true").open(partial)
