import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from compsel import Model
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.models.editing import edit_graph
from compsel.models.graph_session import open_session
from compsel.networks import build
from compsel.techniques import parse
from tests.techniques.foreign import FLOAT, convolutional, make, value
from tests.techniques.inputs import Photographs, SeededTensors


def two_layers(first: np.ndarray, second: np.ndarray) -> Model:
    weights = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in (("a", first), ("b", second))]
    nodes = [helper.make_node("MatMul", ["x", "a"], ["h"]), helper.make_node("MatMul", ["h", "b"], ["y"])]
    inputs, outputs = [value("x", FLOAT, ["N", len(first)])], [value("y", FLOAT, ["N", second.shape[1]])]
    return make(nodes, inputs, outputs, weights)


def weights_of(model: Model) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.proto.graph.initializer}


@given(st.floats(0, 1), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_exactly_that_share_of_a_layer_the_smallest(sparsity: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # whole numbers: many ties
    arrays = {name: rng.integers(1, 5, (6, 6)) * rng.choice([-1, 1], (6, 6)) for name in "ab"}
    pruned = weights_of(parse(f"prune:{sparsity!r},storage=dense").apply(two_layers(arrays["a"], arrays["b"])))
    for name, before in arrays.items():
        after = pruned[name]
        assert (after == 0).sum() == round(sparsity * 36)
        kept = after != 0
        np.testing.assert_array_equal(after[kept], before[kept])
        for column, stays in zip(np.abs(before).T, kept.T, strict=True):
            assert column[~stays].max(initial=0) <= min(column[stays], default=np.inf)


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_a_channel_of_small_weights_keeps_its_largest(scope: str) -> None:
    rng = np.random.default_rng(2)
    first = rng.standard_normal((40, 8)) * np.geomspace(1e-4, 1, 8)
    pruned = weights_of(parse(f"prune:0.5,scope={scope},storage=dense").apply(two_layers(first, np.eye(8))))["a"]
    assert ((pruned != 0).sum(axis=0) >= 5).all()
    for column, left in zip(np.abs(first).T, np.abs(pruned).T, strict=True):
        assert column[left == 0].max(initial=0) <= left[left > 0].min() * (1 + 1e-6)


@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_the_global_scope_takes_the_smallest_of_all(sparsity: float) -> None:
    rng = np.random.default_rng(1)
    large, small = rng.standard_normal((40, 40)), 0.1 * rng.standard_normal((40, 40))
    pruned = weights_of(parse(f"prune:{sparsity},scope=global,storage=dense").apply(two_layers(large, small)))
    zeros = {name: float((values == 0).mean()) for name, values in pruned.items()}
    assert (zeros["a"] + zeros["b"]) / 2 == pytest.approx(sparsity, abs=0.01)
    assert zeros["b"] >= zeros["a"]


def test_depthwise_filters_stay() -> None:
    model = build("mobilenet-v1", width=0.25, resolution=64)
    pruned = parse("prune:0.5,storage=dense").apply(model)
    shares = {name: float((values == 0).mean()) for name, values in weights_of(pruned).items() if values.ndim == 4}
    assert all(share == 0 for name, share in shares.items() if "conv_dw" in name)
    assert all(share == pytest.approx(0.5, abs=0.01) for name, share in shares.items() if "conv_dw" not in name)


def test_samples_bring_the_output_closer() -> None:
    """Also where the model takes no batches, so that only biases can be corrected."""
    for batch in ("N", 1):
        model = convolutional(batch=batch)
        samples = SeededTensors(model, 16)
        errors = []
        for calibration in (None, samples):
            pruned = parse("prune:0.5").apply(model, calibration)
            errors.append(np.linalg.norm(outputs(pruned, samples) - outputs(model, samples)))
        assert errors[1] < 0.8 * errors[0]


@pytest.mark.parametrize("sparsity", [0.3, 0.5, 0.9])
def test_sparse_storage_is_smaller_and_the_same(sparsity: float) -> None:
    model = build("mobilenet-v1", width=0.5, resolution=64)
    dense, sparse = (parse(f"prune:{sparsity},storage={kind}").apply(model) for kind in ("dense", "sparse"))
    assert len(sparse.serialize()) < (1 - sparsity + 0.1) * len(dense.serialize())
    np.testing.assert_array_equal(outputs(sparse, Photographs().spread(2)), outputs(dense, Photographs().spread(2)))


def test_a_chain_sees_the_pruned_weights() -> None:
    model = build("mobilenet-v1", width=0.25, resolution=64)
    unpacked = edit_graph(parse("prune:0.5").apply(model)).materialise()
    dense = parse("prune:0.5,storage=dense").apply(model).proto
    assert [node.op_type for node in unpacked.graph.node] == [node.op_type for node in dense.graph.node]
    after, before = ({t.name: numpy_helper.to_array(t) for t in proto.graph.initializer} for proto in (unpacked, dense))
    assert after.keys() == before.keys()
    assert all(np.array_equal(after[name], before[name]) for name in after)


def outputs(model: Model, samples: Samples) -> np.ndarray:
    session = open_session(model.proto)
    return np.concatenate([session.run(None, feeds_of(model, sample.value))[0] for sample in samples])
