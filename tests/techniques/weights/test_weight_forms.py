"""How weights are stored: packed numbers, grids, codebooks, the blockwise operator; and what unpacks them again."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from onnx import numpy_helper

from compsel import Model
from compsel.errors import TechniqueError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.models.editable_graph import borrow
from compsel.models.editing import edit_graph
from compsel.models.graph_session import open_session
from compsel.models.weights import output_channels
from compsel.networks import build
from compsel.techniques import parse
from compsel.techniques.preparation.batch_norm_folding import fold
from compsel.techniques.quantization.equalization import equalise
from compsel.techniques.quantization.uniform_quantizer import block_length, quantize_blocks
from compsel.techniques.weights.bit_packing import pack, plane_widths
from compsel.techniques.weights.kmeans import assign, cluster_centres
from compsel.variants.verification import verify
from tests.techniques.foreign import FLOAT, convolutional, make, two_outputs_unnamed, value, weight
from tests.techniques.inputs import Photographs, SeededTensors

FORMS = ["int16-weight", "int8-weight", "int6-weight", "int4-weight", "cluster:4", "cluster:5", "prune:0.5"]


def unpack(planes: list[np.ndarray], bits: int, count: int) -> np.ndarray:
    """The numbers that `pack` was given, uint8 (count,)."""
    codes, shift = np.zeros(count, np.uint8), 0
    for width, plane in zip(plane_widths(bits), planes, strict=True):
        shifts = np.arange(0, 8, width, dtype=np.uint8)
        part = (plane[:, None] >> shifts) & np.uint8(2**width - 1)
        codes |= part.reshape(-1)[:count] << np.uint8(shift)
        shift += width
    return codes


@pytest.fixture(scope="module")
def lite() -> Model:
    return build("efficientnet-lite0", weights="imagenet")


def outputs(model: Model, samples: Samples) -> np.ndarray:
    session = open_session(model.proto)
    return np.concatenate([session.run(None, feeds_of(model, sample.value))[0] for sample in samples])


@given(st.integers(1, 8), st.integers(0, 100), st.integers(0, 9))
@settings(deadline=None)
def test_numbers_come_back_from_as_few_bytes(bits: int, count: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 2**bits, count).astype(np.uint8)
    planes = pack(codes, bits)
    assert sum(plane.nbytes for plane in planes) <= -(-count * bits // 8) + len(planes)
    np.testing.assert_array_equal(unpack(planes, bits, count), codes)


@given(
    npst.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 40)), elements=st.floats(-8, 8, width=16)),
    st.sampled_from([4, 6, 8, 16]),
    st.booleans(),
)
@settings(deadline=None)
def test_a_grid_is_no_worse_than_the_plain_one_and_keeps_zeros(blocks: np.ndarray, bits: int, symmetric: bool) -> None:
    grid = quantize_blocks(blocks, bits, symmetric)
    assert grid.codes.max(initial=0) < 2**bits
    assert not grid.values[blocks == 0].any()
    spread = (
        np.abs(blocks).max(axis=1) * (2 if symmetric else 1)
        if symmetric
        else np.ptp(np.pad(blocks, ((0, 0), (0, 1))), 1)
    )
    # one step more than rounding can lose: the largest weight may be clipped by that much
    bound = blocks.shape[1] * (spread / (2**bits - 1)) ** 2 * 1.1 + 1e-6
    assert (np.square(grid.values - blocks).sum(axis=1) <= bound).all()


def test_searching_the_step_loses_less_than_the_largest_weight_asks_for() -> None:
    blocks = np.random.default_rng(0).standard_normal((64, 256)).astype(np.float32)
    step = np.abs(blocks).max(axis=1, keepdims=True) / 7
    plain = np.square(np.clip(np.rint(blocks / step), -8, 7) * step - blocks).mean()
    assert np.square(quantize_blocks(blocks, 4).values - blocks).mean() < 0.8 * plain


@pytest.mark.parametrize(("products", "wanted", "length"), [(96, 32, 32), (144, 32, 24), (27, 32, 27), (97, 32, 97)])
def test_blocks_divide_rows(products: int, wanted: int, length: int) -> None:
    assert block_length(products, wanted) == length


@given(npst.arrays(np.float32, st.integers(1, 200), elements=st.floats(-3, 3, width=16)), st.integers(1, 16))
@settings(deadline=None)
def test_clusters_are_ascending_and_no_worse_than_even_ones(values: np.ndarray, count: int) -> None:
    centres = cluster_centres(values, count)
    assert (np.diff(centres) >= 0).all()
    even = np.linspace(values.min(), values.max(), count, dtype=np.float32)
    error, first = (np.square(some[assign(values, some)] - values).sum() for some in (centres, even))
    assert error <= first * 1.001 + 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "size", "correlation"),
    [("int8-weight", 0.27, 0.99), ("int6-weight", 0.23, 0.94), ("int4-weight", 0.18, 0.84), ("cluster:4", 0.16, 0.8)],
)
def test_size_and_fidelity(spec: str, size: float, correlation: float, lite: Model) -> None:
    variant = parse(spec).apply(lite, Photographs())
    assert len(variant.serialize()) < size * len(lite.serialize())
    verification = verify(variant, lite, Photographs().spread(12))
    assert verification.correlation is not None and verification.correlation >= correlation


@pytest.mark.parametrize("spec", FORMS)
def test_the_runtime_unpacks_while_it_loads(spec: str, tmp_path: object) -> None:
    """Nothing of the compact form is left in what runs: latency is that of float32 weights."""
    model = build("mobilenet-v1", width=0.25, resolution=64)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = f"{tmp_path}/optimised.onnx"
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    for name in (spec, f"prune:0.5+{spec}"):
        content = parse(name).apply(model).serialize()
        onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        kinds = {node.op_type for node in onnx.load(f"{tmp_path}/optimised.onnx").graph.node}
        assert kinds <= {"Conv", "Clip", "GlobalAveragePool", "Flatten", "Gemm", "MatMulNBits"}, name


@pytest.mark.parametrize("spec", FORMS)
def test_compact_weights_become_plain_ones_for_the_next_technique(spec: str) -> None:
    model = build("mobilenet-v1", width=0.25, resolution=64)
    variant = parse(spec).apply(model, Photographs())
    samples = Photographs().spread(2)
    plain = model.with_proto(edit_graph(variant).materialise())
    np.testing.assert_allclose(outputs(plain, samples), outputs(variant, samples), rtol=1e-4, atol=1e-4)
    assert not any("compsel.unpack" in tensor.name for tensor in plain.proto.graph.initializer)
    assert verify(parse("int8-static:samples=4").apply(variant, Photographs()), variant, samples).ok


@pytest.mark.slow
def test_pruned_and_clustered_savings_add_up() -> None:
    model = build("mobilenet-v1", width=1.0, resolution=64)
    size = {spec: len(parse(spec).apply(model).serialize()) for spec in ("cluster:4", "prune:0.8+cluster:4")}
    assert size["prune:0.8+cluster:4"] < 0.55 * size["cluster:4"]
    weights = edit_graph(parse("prune:0.8+cluster:4").apply(model)).materialise().graph.initializer
    dense = [numpy_helper.to_array(tensor) for tensor in weights if len(tensor.dims) == 4 and tensor.dims[1] > 1]
    assert all((array == 0).mean() == pytest.approx(0.8, abs=0.02) for array in dense)


@pytest.mark.parametrize("options", ["", ":activations=float32", ":symmetric=false", ":64"])
@pytest.mark.parametrize("transposed", [0, 1])
def test_dense_layers_take_the_blockwise_operator(options: str, transposed: int) -> None:
    nodes = [onnx.helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=transposed)]
    shape = (10, 75) if transposed else (75, 10)
    model = make(
        nodes, [value("x", FLOAT, ["N", 75])], [value("y", FLOAT, ["N", 10])], [weight("w", *shape), weight("b", 10)]
    )
    variant = parse(f"int4-weight{options}").apply(model)
    assert [node.op_type for node in variant.proto.graph.node] == ["MatMulNBits"]
    verification = verify(variant, model, SeededTensors(model))
    assert verification.correlation is not None and verification.correlation > 0.985


def test_a_dense_layer_whose_weight_others_read_keeps_its_operator() -> None:
    variant = parse("int4-weight").apply(two_outputs_unnamed())
    assert "MatMulNBits" not in {node.op_type for node in variant.proto.graph.node}


@pytest.mark.slow
def test_statistics_of_a_changed_network_come_back(lite: Model) -> None:
    samples = Photographs().spread(12)
    reference = outputs(lite, samples)
    errors = [
        np.linalg.norm(outputs(parse("prune:0.3").apply(lite, given_samples), samples) - reference)
        for given_samples in (None, samples)
    ]
    assert errors[1] < 0.6 * errors[0]


def test_equalisation_keeps_the_function_and_levels_the_ranges() -> None:
    model = convolutional()
    chain = build("vgg16", width=0.125, resolution=32, classes=10)
    for network in (model, chain):
        editable = fold(edit_graph(network))
        before = borrow(editable.materialise())
        samples = SeededTensors(network)
        pairs = equalise(
            editable, lambda samples=samples, network=network: (feeds_of(network, s.value) for s in samples)
        )
        changed = network.with_proto(editable.materialise())
        if network is chain:
            assert pairs > 8
            assert any(a != b for a, b in zip(editable.graph.initializer, before.graph.initializer, strict=True))
        np.testing.assert_allclose(outputs(changed, samples), outputs(network, samples), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("kind", "groups"), [("Conv", 2), ("ConvTranspose", 1), ("ConvTranspose", 2)])
def test_equalisation_knows_groups_and_transposed_convolutions(kind: str, groups: int) -> None:
    sizes = np.geomspace(1e-2, 1e2, 8, dtype=np.float32)
    shape = (8, 8 // groups, 3)
    nodes = [
        onnx.helper.make_node(kind, ["x", "a"], ["h"], group=groups),
        onnx.helper.make_node("Relu", ["h"], ["r"]),
        onnx.helper.make_node(kind, ["r", "b"], ["y"], group=groups),
    ]
    weights = [weight("a", *shape), weight("b", *shape)]
    first = output_channels(nodes[0], 1, shape)
    assert first is not None
    weights[0].CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights[0]) * first.factors(sizes), "a"))
    model = make(nodes, [value("x", FLOAT, ["N", 8, 9])], [value("y", FLOAT, ["N", 8, None])], weights)
    editable = edit_graph(model)
    assert equalise(editable, list) == 1
    changed = model.with_proto(editable.materialise())
    samples = SeededTensors(model)
    np.testing.assert_allclose(outputs(changed, samples), outputs(model, samples), rtol=1e-3, atol=1e-3)
    equal = numpy_helper.to_array(changed.proto.graph.initializer[0])
    ranges = np.abs(first.rows(equal)).max(axis=1)
    assert ranges.max() / ranges.min() < 500 < sizes.max() / sizes.min()


def test_equalisation_helps_one_scale_for_all_channels() -> None:
    """Channels of very different ranges that all matter, as folded batch norms make them."""
    rng = np.random.default_rng(0)
    factors = np.exp(rng.uniform(-4, 2, 16)).astype(np.float32)
    first = rng.standard_normal((16, 3, 3, 3)).astype(np.float32) * factors[:, None, None, None]
    second = rng.standard_normal((8, 16, 1, 1)).astype(np.float32) / factors[None, :, None, None]
    nodes = [
        onnx.helper.make_node("Conv", ["x", "a"], ["h"]),
        onnx.helper.make_node("Relu", ["h"], ["r"]),
        onnx.helper.make_node("Conv", ["r", "b"], ["y"]),
    ]
    weights = [numpy_helper.from_array(array, name) for array, name in ((first, "a"), (second, "b"))]
    model = make(nodes, [value("x", FLOAT, ["N", 3, 8, 8])], [value("y", FLOAT, ["N", 8, 6, 6])], weights)
    samples = SeededTensors(model)
    reference = outputs(model, samples)
    errors = []
    for flag in ("false", "true"):
        spec = f"int8-static:per_channel=false,weight_range=reduced,equalise={flag}"
        errors.append(np.linalg.norm(outputs(parse(spec).apply(model, samples), samples) - reference))
    assert errors[1] < 0.3 * errors[0]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cluster:9", "got bits 9, allowed is 1 to 8"),
        ("int4-weight:3", "got block_size 3, allowed are 0 and 4 or more"),
        ("int4-weight:activations=int4", "allowed are int8, float32"),
        ("prune:0.5,storage=csr", "allowed are sparse, dense"),
    ],
)
def test_options_out_of_range(spec: str, message: str) -> None:
    with pytest.raises(TechniqueError, match=message):
        parse(spec)
