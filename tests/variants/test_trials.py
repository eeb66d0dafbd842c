"""A graph that ends ONNX Runtime's process is a reason, for this variant only."""

import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compsel import Model
from compsel.inputs.samples import ArraySamples, Samples
from compsel.techniques import TECHNIQUES, parse
from compsel.techniques.base import Technique
from compsel.variants.build_variants import build_variants
from compsel.variants.compress import compress
from tests.techniques.foreign import convolutional
from tests.techniques.inputs import SeededTensors

pytestmark = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="the least integer by -1 ends x86 processes only"
)
_LEAST = -(2**31)  # kernels compute four such numbers at once, without the instruction that traps


def crashing(at: str) -> Model:
    """Return a model that divides the least 32-bit integer by -1: while it is loaded, or where an input is negative."""
    divisor = "minus" if at == "load" else "sign"
    nodes = [
        helper.make_node("Sign", ["x"], ["signs"]),
        helper.make_node("Cast", ["signs"], ["sign"], to=TensorProto.INT32),
        helper.make_node("Div", ["least", divisor], ["quotient"]),
        helper.make_node("Cast", ["quotient"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Add", ["h", "float"], ["y"]),
    ]
    weights = {
        "least": np.full(3, _LEAST, np.int32),
        "minus": np.full(3, -1, np.int32),
        "w": np.eye(3, dtype=np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "crashing",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Model("crashing", proto, None)


@dataclass(frozen=True)
class Crashing(Technique):
    """Gives a graph that ends the process that loads or runs it, or does so itself."""

    name: ClassVar[str] = "crashing"
    at: str = "load"

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        if self.at == "calibration":
            from compsel.models.graph_session import open_session

            open_session(crashing("load").proto)
        proto = onnx.ModelProto()
        proto.CopyFrom(model.proto)
        poison = crashing(self.at).proto.graph
        source = proto.graph.input[0].name
        nodes = [
            helper.make_node("ReduceMin", [source], ["compsel.least"], keepdims=0),
            helper.make_node("Sign", ["compsel.least"], ["compsel.signs"]),
            helper.make_node("Cast", ["compsel.signs"], ["sign"], to=TensorProto.INT32),
            poison.node[2],
            helper.make_node("Cast", ["quotient"], ["compsel.float"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMin", ["compsel.float"], ["compsel.unused"], keepdims=0),
        ]
        last = next(node for node in proto.graph.node if proto.graph.output[0].name in node.output)
        wanted = last.output[0]
        last.output[0] = "compsel.kept"
        nodes.append(helper.make_node("Add", ["compsel.kept", "compsel.unused"], [wanted]))
        proto.graph.node.extend(nodes)
        proto.graph.initializer.extend(tensor for tensor in poison.initializer if tensor.name != "w")
        return model.with_proto(proto)


@pytest.mark.parametrize(("at", "when"), [("load", "loaded"), ("run", "ran"), ("calibration", "loaded")])
def test_one_variant_is_left_out_and_the_others_are_made(at: str, when: str, tmp_path: Path) -> None:
    model = convolutional()
    techniques = [Crashing(at), parse("float16"), Crashing(at), parse("int8-static")]
    reports = compress([model], techniques, SeededTensors(model), tmp_path)
    assert [report.path is not None for report in reports] == [False, True, False, True]
    for report in (reports[0], reports[2]):
        assert f"the runtime ended with signal 8 (SIGFPE) while it {when} the graph" in report.reason


def test_a_build_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TECHNIQUES, "crashing", Crashing)
    model = convolutional()
    specs = ["crashing", "float16", "crashing:calibration"]
    variants, left_out = build_variants([model], tmp_path, SeededTensors(model), specs)
    assert [variant.technique for variant in variants] == ["none", "float16"]
    assert len(left_out) == 2 and all("signal 8" in one.reason for one in left_out)


@pytest.mark.parametrize("at", ["load", "run"])
def test_the_model_itself(at: str, tmp_path: Path) -> None:
    samples = ArraySamples([{"x": np.full((1, 3), -1, np.float32)}])
    reports = compress([crashing(at)], [parse("none"), parse("float16")], samples, tmp_path)
    assert all("the runtime ended with signal 8" in report.reason and report.path is None for report in reports)
    assert all("crashing" in report.reason for report in reports)


@pytest.mark.parametrize(
    "arguments",
    [
        ["compress", "model.onnx", "--out", "out", "--technique", "float16"],
        ["perf", "model.onnx", "--processor", "cpu:1", "--seconds", "0.1"],
        ["perf", "model.onnx", "--processor", "cpu:1", "--seconds", "0.1", "--samples", "samples"],
        ["devices", "--model", "model.onnx"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_the_command(arguments: list[str], tmp_path: Path) -> None:
    crashing("load").save(tmp_path / "model.onnx")
    (tmp_path / "samples").mkdir()
    np.savez(tmp_path / "samples" / "0.npz", x=np.ones((1, 3), np.float32))
    command = [sys.executable, "-m", "compsel", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode >= 0 and "signal 8" in done.stdout + done.stderr, done
    assert "model" in done.stdout + done.stderr


def test_float16_of_a_transposed_product(tmp_path: Path) -> None:
    """ONNX Runtime 1.32 ends while it loads this, on processors that compute in float16 (AVX512-FP16)."""
    rng = np.random.default_rng(0)
    graph = helper.make_graph(
        [helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]), helper.make_node("MatMul", ["t", "w"], ["y"])],
        "transposed",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["a", "b", 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(rng.standard_normal((16, 10)).astype(np.float32), "w")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    samples = ArraySamples([{"x": rng.standard_normal((2, 3, 16)).astype(np.float32)} for _ in range(4)])
    none, half = compress([Model("transposed", proto, None)], [parse("none"), parse("float16")], samples, tmp_path)
    assert none.path is not None
    assert half.path is not None or "the runtime ended with" in half.reason
