"""int8-static on a real network with real photographs."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from compsel import Model
from compsel.errors import TechniqueError
from compsel.inputs.feeds import feeds_of
from compsel.networks import build
from compsel.techniques import parse
from compsel.variants.verification import verify
from tests.techniques.foreign import convolutional
from tests.techniques.inputs import Photographs, SeededTensors


@pytest.fixture(scope="module")
def lite() -> Model:
    return build("efficientnet-lite0", weights="imagenet")


@pytest.fixture(scope="module")
def quantised(lite: Model) -> Model:
    return parse("int8-static:samples=16").apply(lite, Photographs())


def run(model: Model, count: int, config: dict[str, str] | None = None) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    for key, value in (config or {}).items():
        options.add_session_config_entry(key, value)
    session = onnxruntime.InferenceSession(model.serialize(), options, providers=["CPUExecutionProvider"])
    samples = Photographs().spread(count)
    return np.concatenate([session.run(None, feeds_of(model, sample.value))[0] for sample in samples])


def test_fidelity_and_size(lite: Model, quantised: Model) -> None:
    assert len(quantised.serialize()) < 0.3 * len(lite.serialize())
    verification = verify(quantised, lite, Photographs())
    assert verification.ok and verification.samples == 32
    assert verification.agreement is not None and verification.agreement >= 0.9
    assert verification.correlation is not None and verification.correlation > 0.99


def test_the_default_does_not_depend_on_the_multiplier_of_the_processor(quantised: Model) -> None:
    """Kernels that saturate and kernels that do not give the same answer."""
    exact = run(quantised, 4, {"session.x64quantprecision": "1"})
    np.testing.assert_array_equal(run(quantised, 4), exact)


def test_bias_correction_brings_the_output_closer(lite: Model, quantised: Model) -> None:
    plain = parse("int8-static:samples=16,bias_correction=false").apply(lite, Photographs())
    reference = run(lite, 8)
    assert np.linalg.norm(run(quantised, 8) - reference) < 0.9 * np.linalg.norm(run(plain, 8) - reference)


def test_the_quantised_input_is_the_bytes_of_the_pixels(lite: Model, quantised: Model) -> None:
    quantise = next(node for node in quantised.proto.graph.node if node.input[0] == "input")
    assert quantise.op_type == "QuantizeLinear"
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in quantised.proto.graph.initializer}
    scale, zero_point = (weights[name] for name in quantise.input[1:])
    assert (float(scale), int(zero_point)) == (1 / 128, 127)
    image = Photographs().value(0)
    assert lite.preprocessing is not None
    pixels = lite.preprocessing.pixels(image)
    tensor = lite.preprocessing.normalise(pixels)
    as_bytes = np.clip(np.rint(tensor / scale) + zero_point, 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(as_bytes[0].transpose(1, 2, 0), pixels)


def test_every_convolution_runs_in_8_bits(quantised: Model, tmp_path: object) -> None:
    path = f"{tmp_path}/optimised.onnx"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = path
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(quantised.serialize(), options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    assert kinds.count("QLinearConv") == 49
    assert not {"Conv", "Clip", "Pad", "BatchNormalization", "Add"} & set(kinds)


@pytest.mark.parametrize("method", ["percentile", "entropy", "mse"])
def test_other_methods_narrow_the_ranges(method: str) -> None:
    model = convolutional()
    variant = parse(f"int8-static:{method}").apply(model, SeededTensors(model, 16))
    assert verify(variant, model, SeededTensors(model)).ok


def test_a_value_that_a_subgraph_or_an_output_reads_keeps_its_clamp() -> None:
    from tests.techniques.foreign import branching, two_outputs_unnamed

    for make in (branching, two_outputs_unnamed):
        model = make()
        variant = parse("int8-static").apply(model, SeededTensors(model))
        assert any(node.op_type == "Relu" for node in variant.proto.graph.node)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("int8-static:percentile=40", "got percentile 40.0, allowed is above 50 up to 100"),
        ("int8-static:samples=0", "got samples 0, allowed is 1 or more"),
        ("int8-static:magic", "method: got 'magic', allowed are minmax, percentile, entropy, mse"),
    ],
)
def test_options_out_of_range(spec: str, message: str) -> None:
    with pytest.raises(TechniqueError, match=message):
        parse(spec)
