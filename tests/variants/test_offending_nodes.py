"""One node that a rewriter mistreats does not cost the whole variant."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from compsel import Model
from compsel.errors import RewriterError
from compsel.inputs.samples import ArraySamples, Samples
from compsel.techniques import parse
from compsel.techniques.base import Technique
from compsel.variants.compress import compress
from compsel.variants.offending_nodes import offending_nodes
from tests.reporters import Heard
from tests.techniques.foreign import FLOAT, make, value, weight

FLOAT16 = onnx.TensorProto.FLOAT16


def chain(middle: list[onnx.NodeProto], constants: dict[str, np.ndarray]) -> Model:
    """Return a model with `middle` between dense layers: it reads "h" and gives "m"."""
    nodes = [helper.make_node("MatMul", ["x", "w1"], ["h"], "first"), *middle]
    nodes += [helper.make_node("MatMul", ["m", "w2"], ["o"], "second"), helper.make_node("Relu", ["o"], ["y"], "last")]
    weights = [weight("w1", 16, 64), weight("w2", 64, 5)]
    weights += [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()]
    return make(nodes, [value("x", FLOAT, ["n", 16])], [value("y", FLOAT, ["n", 5])], weights)


def samples() -> ArraySamples:
    rng = np.random.default_rng(0)
    return ArraySamples([{"x": rng.standard_normal((2, 16)).astype(np.float32)} for _ in range(6)])


@pytest.mark.parametrize("wrong", [{"n3"}, {"n0", "n19"}, {"n7", "n8", "n9"}])
def test_few_nodes_are_found_among_many(wrong: set[str]) -> None:
    tried: list[frozenset[str]] = []

    def works(left: Collection[str]) -> bool:
        tried.append(frozenset(left))
        return wrong <= set(left)

    assert offending_nodes([f"n{index}" for index in range(20)], works) == wrong
    assert len(tried) <= 24


def test_where_nothing_works_all_are_left() -> None:
    assert offending_nodes(["a", "b"], lambda left: False) == {"a", "b"}
    assert offending_nodes(["a"], lambda left: True) == {"a"}


def test_a_product_beyond_float16(tmp_path: Path) -> None:
    """The square of thousands is more than 65504: it is computed in float32; what follows is small again."""
    nodes = [
        helper.make_node("Mul", ["h", "large"], ["a"], "enlarge"),
        helper.make_node("Mul", ["a", "a"], ["b"], "square"),
        helper.make_node("Concat", ["b", "b"], ["c"], "double", axis=0),  # in float16 even where products are not
        helper.make_node("Slice", ["c", "start", "end"], ["d"], "halve"),
        helper.make_node("Mul", ["d", "small"], ["m"], "shrink"),
    ]
    bounds = {"start": np.array([0]), "end": np.array([2])}
    model = chain(nodes, {"large": np.float32(1024), "small": np.float32(2**-20), **bounds})
    heard = Heard()
    (report,) = compress([model], [parse("float16")], samples(), tmp_path, heard)
    assert report.path is not None and report.verification is not None
    assert report.verification.relative_error is not None and report.verification.relative_error < 0.01
    halves = [tensor for tensor in Model.load(report.path).proto.graph.initializer if tensor.data_type == 10]
    assert "w1" in {tensor.name for tensor in halves}
    assert any("for the technique breaks" in said and "double" in said for said in heard.messages)
    # what stays in float32 reads its neighbours as they are, not cast to float16 and back
    graph = Model.load(report.path).proto.graph
    halved = {node.output[0] for node in graph.node if node.op_type == "Cast" and node.attribute[0].i == FLOAT16}
    read = {node.input[0] for node in graph.node if node.op_type == "Cast" and node.attribute[0].i == FLOAT}
    assert not halved & read


@dataclass(frozen=True)
class Careless(Technique):
    """Rounds weights to float16 and back in a way that fails where a node called "bad" is not left as it is."""

    name: ClassVar[str] = "careless"
    how: str = "wrong"

    def nodes(self, model: Model) -> tuple[str, ...]:
        return tuple(node.name for node in model.proto.graph.node)

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        return self._transform_rest(model, calibration, frozenset())

    def _transform_rest(self, model: Model, calibration: Samples | None, leaving: frozenset[str]) -> Model:
        if self.how == "raises" and "bad" not in leaving:
            raise RewriterError("careless: KeyError('bad')")
        if self.how == "layers":
            if not {"first", "second"} <= leaving:
                raise RewriterError("careless: KeyError('first')")
            return model
        result = parse("int8-weight").apply(model)
        proto = result.copy_proto()
        for node in proto.graph.node:
            if node.name == "bad" and node.name not in leaving:
                node.op_type = "Neg" if self.how == "wrong" else "NoSuchOperator"
        return result.with_proto(proto, technique="none")


@pytest.mark.parametrize("how", ["wrong", "raises", "unknown"])
def test_a_rewriter_that_mistreats_one_node(how: str, tmp_path: Path) -> None:
    nodes = [helper.make_node("Tanh", ["h"], ["t"], "good"), helper.make_node("Relu", ["t"], ["m"], "bad")]
    heard = Heard()
    (report,) = compress([chain(nodes, {})], [Careless(how)], samples(), tmp_path, heard)
    assert report.path is not None, report.reason
    assert any(said.endswith("breaks it: bad") for said in heard.messages)


def test_a_variant_that_would_save_nothing_is_left_out(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["h"], ["m"], "middle")]
    (report,) = compress([chain(nodes, {})], [Careless("layers")], samples(), tmp_path)
    assert report.path is None and "KeyError('first')" in report.reason


def test_a_search_ends_where_it_takes_longer_than_two_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr("compsel.variants.offending_nodes.time.monotonic", lambda: now_s[0])

    def trials(attempt_s: float) -> int:
        tried = []

        def works(left: Collection[str]) -> bool:
            tried.append(left)
            now_s[0] += attempt_s
            return False

        offending_nodes([f"n{index}" for index in range(20)], works, attempt_s)
        return len(tried)

    assert trials(30.0) == 2 and trials(100.0) == 2
    assert trials(0.1) == 24
