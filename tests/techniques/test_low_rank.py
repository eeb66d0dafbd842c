import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from compsel import Model
from compsel.errors import NotApplicableError, TechniqueError
from compsel.models.graph_session import open_session
from compsel.networks import build, macs
from compsel.techniques import parse
from compsel.techniques.factorization.decompose import FittedLayer, channel_factors, spectrum
from compsel.techniques.factorization.factoriser import Factoriser, Method
from compsel.techniques.layerwise.output_divergence import DivergenceMeter
from compsel.techniques.layerwise.partial_execution import PartialExecutor
from tests.techniques.foreign import make, value, weight, without_layers
from tests.techniques.inputs import Photographs, SeededTensors
from tests.techniques.test_channel_prune import outputs


def convolution(stride: int, pads: tuple[int, int, int, int], dilation: int = 1) -> Model:
    nodes = [
        helper.make_node(
            "Conv", ["x", "w", "b"], ["y"], "layer", strides=[stride, 1], pads=pads, dilations=[dilation, 1]
        )
    ]
    inputs, results = [value("x", TensorProto.FLOAT, ["N", 24, 9, 8])], [value("y", TensorProto.FLOAT, None)]
    del results[0].type.tensor_type.shape.dim[:]
    height = (9 + pads[0] + pads[2] - 2 * dilation - 1) // stride + 1
    results = [value("y", TensorProto.FLOAT, ["N", 32, height, 8 + pads[1] + pads[3] - 2])]
    return make(nodes, inputs, results, [weight("w", 32, 24, 3, 3), weight("b", 32)])


@given(
    st.integers(1, 2),
    st.tuples(*[st.integers(0, 2)] * 4),
    st.integers(1, 2),
    st.sampled_from(["channel", "spatial", "tucker"]),
)
@settings(max_examples=12, deadline=None)
def test_full_rank_is_the_layer(stride: int, pads: tuple[int, int, int, int], dilation: int, kind: Method) -> None:
    model = convolution(stride, pads, dilation)
    factoriser = Factoriser(model, SeededTensors(model))
    full = factoriser.factors("layer", kind, 72 if kind == "spatial" else 32)
    assert full.loss == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(outputs(factoriser.replace({"layer": full})), outputs(model), atol=1e-3)


@pytest.mark.parametrize("kind", ["channel", "spatial", "tucker"])
def test_work_is_counted_as_it_is(kind: Method) -> None:
    model = convolution(2, (1, 1, 1, 1))
    factoriser = Factoriser(model, SeededTensors(model), kind)
    losses = [factoriser.loss("layer", level) for level in range(factoriser.levels("layer"))]
    assert losses == sorted(losses) and losses[0] == 0
    for level in range(factoriser.levels("layer")):
        plan = {"layer": level}
        assert (
            macs(factoriser.make(plan)) == factoriser.work(plan) <= (1 - factoriser.share("layer", level)) * macs(model)
        )


def test_fitting_to_samples_beats_the_weights_alone() -> None:
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((8, 6, 3, 3))
    scales = np.repeat(rng.uniform(0.1, 3, 6), 9)
    covariance = np.diag(scales**2) + 0.05
    flat = weights.reshape(8, -1)

    def error(total: np.ndarray) -> float:
        return float(np.sum(((flat - total) @ covariance) * (flat - total)))

    left, values, right = np.linalg.svd(flat, full_matrices=False)
    plain = error(left[:, :4] * values[:4] @ right[:4])
    assert error(channel_factors(weights, spectrum(flat @ covariance @ flat.T), 4).total) < plain
    # the loss that is told is the loss that is had
    energy = error(np.zeros_like(flat))
    layer = FittedLayer(weights, covariance)
    for factors in (layer.spatial(6), layer.tucker((4, 5))):
        assert factors.loss == pytest.approx(error(factors.total) / energy)


@pytest.mark.parametrize("kernel", [(3,), (3, 2), (2, 3, 2)])
def test_factors_amount_to_the_weight_in_any_number_of_dimensions(kernel: tuple[int, ...]) -> None:
    weight = np.random.default_rng(0).standard_normal((8, 5, *kernel)).astype(np.float32)
    layer = FittedLayer(weight, np.eye(weight[0].size))
    np.testing.assert_allclose(layer.tucker((5, 8)).total, weight.reshape(8, -1), atol=1e-4)
    if len(kernel) == 2:
        np.testing.assert_allclose(layer.spatial(15).total, weight.reshape(8, -1), atol=1e-4)


@pytest.mark.parametrize("shape", [(30,), (1, 30), (1,), ()])
def test_biases_of_every_shape(shape: tuple[int, ...]) -> None:
    bias = numpy_helper.from_array(np.full(shape, 0.5, np.float32), "c")
    node = helper.make_node("Gemm", ["x", "b", "c"], ["y"], "layer")
    inputs, results = [value("x", TensorProto.FLOAT, ["N", 40])], [value("y", TensorProto.FLOAT, ["N", 30])]
    model = make([node], inputs, results, [weight("b", 40, 30), bias])
    factoriser = Factoriser(model, SeededTensors(model))
    executor = PartialExecutor(factoriser.editable, [{"x": np.ones((1, 40), np.float32)}])
    made = open_session(factoriser.make({"layer": 1}).proto)
    expected = made.run(None, {"x": np.ones((1, 40), np.float32)})[0]
    np.testing.assert_allclose(
        executor.outputs(factoriser.equivalent_weights("layer", 1))[0], expected, rtol=1e-3, atol=1e-3
    )


def test_layers_that_share_a_weight_stay() -> None:
    nodes = [helper.make_node("MatMul", [name, "w"], [other], other) for name, other in (("x", "h"), ("h", "i"))]
    nodes.append(helper.make_node("MatMul", ["i", "own"], ["y"], "y"))
    shape = ["N", 40]
    inputs, results = [value("x", TensorProto.FLOAT, shape)], [value("y", TensorProto.FLOAT, shape)]
    model = make(nodes, inputs, results, [weight("w", 40, 40), weight("own", 40, 40)])
    assert Factoriser(model, SeededTensors(model)).layers == ("y",)


def test_dense_layers_of_every_form() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"], "first"),
        helper.make_node("Gemm", ["h", "b", "c"], ["y"], "second"),
    ]
    inputs, results = [value("x", TensorProto.FLOAT, ["N", 40])], [value("y", TensorProto.FLOAT, ["N", 30])]
    model = make(nodes, inputs, results, [weight("a", 40, 50), weight("b", 50, 30), weight("c", 30)])
    factoriser = Factoriser(model, SeededTensors(model))
    assert factoriser.layers == ("first", "second")
    full = {name: factoriser.factors(name, "channel", count) for name, count in (("first", 40), ("second", 30))}
    np.testing.assert_allclose(outputs(factoriser.replace(full)), outputs(model), rtol=1e-3, atol=1e-3)


def test_energy_keeps_what_it_says() -> None:
    model, samples = build("mobilenet-v1", width=0.25, resolution=64), Photographs()
    meter = DivergenceMeter(model, samples)
    precise, rough = (parse(f"low-rank:energy={energy}").apply(model, samples) for energy in (0.99, 0.7))
    assert macs(rough) < macs(precise) <= macs(model)
    assert meter.measure(precise).divergence < meter.measure(rough).divergence


def test_the_budget_is_met() -> None:
    model = build("mobilenet-v1", width=0.25, resolution=64)
    assert macs(parse("low-rank:0.2").apply(model, Photographs())) <= 0.8 * macs(model)


@pytest.mark.parametrize("spec", ["low-rank:1", "low-rank:energy=2", "low-rank:method=other"])
def test_bad_options(spec: str) -> None:
    with pytest.raises(TechniqueError, match="allowed"):
        parse(spec)


def test_not_applicable() -> None:
    with pytest.raises(NotApplicableError, match="no layer"):
        parse("low-rank").apply(without_layers(), SeededTensors(without_layers()))
    nodes = [helper.make_node("MatMul", ["x", "a"], ["y"], "first")]
    tiny = make(
        nodes,
        [value("x", TensorProto.FLOAT, ["N", 4])],
        [value("y", TensorProto.FLOAT, ["N", 4])],
        [weight("a", 4, 4)],
    )
    with pytest.raises(NotApplicableError, match="no layer that a factorisation would make cheaper"):
        parse("low-rank").apply(tiny, SeededTensors(tiny))
