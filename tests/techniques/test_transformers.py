"""Techniques on an encoder with attention: what they do to its answers, and which operators they write."""

from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from compsel.errors import NotApplicableError
from compsel.models.blocks import find_blocks
from compsel.models.model import Model
from compsel.networks import build
from compsel.techniques import parse
from tests.techniques.inputs import Photographs, SeededTensors


@cache
def encoder() -> Model:
    return build("minilm-l2", width=0.25)


def texts(seed: int) -> dict[str, np.ndarray]:
    """Return two texts, the second padded."""
    ids = np.random.default_rng(seed).integers(0, 30522, (2, 5 + seed % 20))
    mask = np.ones_like(ids)
    mask[1, 3:] = 0
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


class Texts(SeededTensors):
    """Texts of 5 to 24 tokens."""

    def value(self, index: int) -> dict[str, np.ndarray]:
        return texts(index)


def run(model: Model, feeds: dict[str, np.ndarray]) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.serialize(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, feeds)[0])


def cosine(model: Model, variant: Model) -> float:
    """Return the least cosine of the embeddings of texts that calibrated nothing."""
    pairs = [(run(model, texts(seed)), run(variant, texts(seed))) for seed in range(100, 110)]
    return float(min((a * b).sum(1).min() / np.linalg.norm(b, axis=1).max() for a, b in pairs))


@pytest.mark.parametrize(
    ("spec", "least"),
    [
        ("int8-static", 0.98),
        ("int8-static:percentile", 0.98),
        ("int8-dynamic", 0.99),
        ("float16", 0.9999),
        ("int8-weight", 0.999),
        ("int4-weight", 0.95),
        ("fuse", 0.99999),
        ("fuse+int8-dynamic", 0.99),
        ("fuse+int8-static", 0.98),
        ("fuse+float16", 0.9999),
    ],
)
def test_embeddings_stay_close(spec: str, least: float) -> None:
    assert cosine(encoder(), parse(spec).apply(encoder(), Texts(encoder()))) > least


def test_only_layers_with_weights_are_quantised() -> None:
    """Scores, sums and GELU stay in float32, small tables of embeddings too."""
    graph = parse("int8-static").apply(encoder(), Texts(encoder())).proto.graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    rounded = {makers[node.input[0]] for node in graph.node if node.op_type == "QuantizeLinear"}
    # what layers read: normalised sums, GELU's last step, the heads together
    assert rounded == {"LayerNormalization", "Mul", "Reshape"}
    products = [node for node in graph.node if node.op_type == "MatMul"]
    of_weights = [node for node in products if makers.get(node.input[1]) == "DequantizeLinear"]
    assert (len(of_weights), len(products)) == (12, 17)  # two products in each attention, one in the pooling
    assert all(makers[node.input[0]] == "DequantizeLinear" for node in of_weights)


@pytest.mark.parametrize("value", [-1e4, float(np.finfo(np.float32).min), -np.inf])
def test_a_mask_before_the_softmax_ruins_no_scale(value: float) -> None:
    """A causal mask that is part of the graph."""
    length, width, generator = 6, 32, np.random.default_rng(1)
    mask = np.where(np.triu(np.ones((1, length, length)), 1) > 0, np.float32(value), np.float32(0))
    arrays = {"mask": mask.astype(np.float32), "scale": np.array(width**-0.5, np.float32)}
    arrays |= {f"w{k}": generator.normal(0, 0.27, (width, width)).astype(np.float32) for k in "qkvo"}
    nodes = [
        *(helper.make_node("MatMul", ["x", f"w{k}"], [k]) for k in "qkv"),
        helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "kt"], ["s"]),
        helper.make_node("Mul", ["s", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "mask"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["p"], axis=-1),
        helper.make_node("MatMul", ["p", "v"], ["c"]),
        helper.make_node("MatMul", ["c", "wo"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", length, width]) for name in "xy")
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    made = helper.make_graph(nodes, "attention", [x], [y], tensors)
    model = Model("attention", helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    variant = parse("int8-static").apply(model, SeededTensors(model))
    feeds = {"x": generator.normal(size=(8, length, width)).astype(np.float32)}
    want, got = run(model, feeds), run(variant, feeds)
    assert np.linalg.norm(got - want) < 0.05 * np.linalg.norm(want)


def test_weights_of_dense_layers_are_signed_where_values_are_quantised_at_run_time() -> None:
    graph = parse("int8-dynamic").apply(encoder()).proto.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    products = [weights[node.input[1]] for node in graph.node if node.op_type == "MatMulInteger"]
    assert len(products) == 12
    for tensor in products:
        assert tensor.data_type == onnx.TensorProto.INT8
        codes = numpy_helper.to_array(tensor).astype(int)
        # neighbours that kernels add up in 16 bits
        assert np.abs(codes[0::2] + codes[1::2])[codes[0::2] * codes[1::2] > 0].max() <= 128


def test_fused_operators_are_kept_by_what_follows(tmp_path: Path) -> None:
    """Written, read and compressed again; no operator of a layer is left as it was."""
    fused = Model.load(parse("fuse").apply(encoder()).save(tmp_path / "fused.onnx"))
    onnx.checker.check_model(fused.to_proto(), full_check=True)
    assert ("com.microsoft", 1) in {(entry.domain, entry.version) for entry in fused.proto.opset_import}
    kinds = Counter(node.op_type for node in fused.proto.graph.node)
    assert (kinds["Attention"], kinds["SkipLayerNormalization"], kinds["BiasGelu"]) == (2, 4, 2)
    assert fused.technique == "fuse" and [block.output for block in find_blocks(fused)] == [
        f"encoder.layer.{index}.output.LayerNorm" for index in range(2)
    ]
    quantised = parse("int8-dynamic").apply(fused)
    assert quantised.technique == "fuse+int8-dynamic"
    kinds = Counter(node.op_type for node in quantised.proto.graph.node)
    assert (kinds["QAttention"], kinds["MatMulInteger"], kinds["Attention"], kinds["MatMul"]) == (2, 6, 0, 1)
    halves = parse("float16").apply(fused).proto.graph
    large = [tensor for tensor in halves.initializer if np.prod(tensor.dims) > 100]
    assert {tensor.data_type for tensor in large} == {TensorProto.FLOAT16}


def test_an_attention_that_has_no_form_in_8_bits_stays() -> None:
    fused = parse("fuse").apply(encoder())
    proto = fused.copy_proto()
    for node in proto.graph.node:
        if node.op_type == "Attention":
            node.attribute.append(helper.make_attribute("qkv_hidden_sizes", [96, 96, 96]))
    kinds = Counter(node.op_type for node in parse("int8-dynamic").apply(fused.with_proto(proto)).proto.graph.node)
    assert (kinds["QAttention"], kinds["Attention"]) == (0, 2)


@pytest.mark.parametrize("spec", ["fuse", "int8-static+fuse"])
def test_where_nothing_is_fused_it_says_why(spec: str) -> None:
    network = build("mobilenet-v1", width=0.25, resolution=32)
    reason = "no attention, GELU or layer normalisation" if spec == "fuse" else "quantised already"
    with pytest.raises(NotApplicableError, match=reason):
        parse(spec).apply(network, Photographs().spread(2))
