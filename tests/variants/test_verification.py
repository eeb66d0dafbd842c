from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from compsel import Model
from compsel.errors import ModelError
from compsel.networks import build
from compsel.techniques import parse
from compsel.variants.verification import verify
from tests.techniques.foreign import convolutional, token_classifier
from tests.techniques.inputs import Photographs, SeededTensors


def with_weight(model: Model, name: str, values: np.ndarray) -> Model:
    proto = model.copy_proto()
    tensor = next(tensor for tensor in proto.graph.initializer if tensor.name == name)
    tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))
    return model.with_proto(proto)


def test_a_model_agrees_with_itself() -> None:
    model = convolutional()
    verification = verify(model, model, SeededTensors(model))
    assert verification.ok and not verification.synthetic and verification.samples == 8
    assert (verification.agreement, verification.correlation) == (1.0, pytest.approx(1.0))


def test_without_samples_inputs_are_made_up() -> None:
    for model in (token_classifier(), build("mobilenet-v1", width=0.25, resolution=64)):
        verification = verify(model, model)
        assert verification.ok and verification.synthetic


def test_nan_is_refused() -> None:
    model = convolutional()
    broken = with_weight(model, "fb", np.full(5, np.nan))
    verification = verify(broken, model, SeededTensors(model))
    assert not verification.ok and "not finite" in verification.reason


def test_what_does_not_load_is_refused() -> None:
    model = convolutional()
    proto = model.copy_proto()
    proto.graph.node[0].input[1] = "missing"
    verification = verify(model.with_proto(proto), model, SeededTensors(model))
    assert not verification.ok and "does not load" in verification.reason


def test_what_does_not_run_is_refused() -> None:
    model = convolutional()
    proto = model.copy_proto()
    node = next(node for node in proto.graph.node if node.op_type == "Dropout")
    node.CopyFrom(onnx.helper.make_node("Concat", [node.input[0]] * 2, [node.output[0]], axis=1))
    verification = verify(model.with_proto(proto), model, SeededTensors(model))
    assert not verification.ok and "does not" in verification.reason


def test_another_function_is_refused() -> None:
    model = convolutional()
    rng = np.random.default_rng(5)
    other = with_weight(with_weight(model, "fw", -rng.standard_normal((5, 8))), "fb", rng.standard_normal(5))
    flipped = with_weight(model, "fw", -numpy_helper.to_array(_tensor(model, "fw")))
    flipped = with_weight(flipped, "fb", -numpy_helper.to_array(_tensor(model, "fb")))
    for variant in (other, flipped):
        verification = verify(variant, model, SeededTensors(model))
        assert not verification.ok and "it has become another function" in verification.reason


def test_a_scaled_classifier_is_the_same_classifier() -> None:
    model = convolutional()
    scaled = with_weight(model, "fw", 3 * numpy_helper.to_array(_tensor(model, "fw")))
    scaled = with_weight(scaled, "fb", 3 * numpy_helper.to_array(_tensor(model, "fb")))
    assert verify(scaled, model, SeededTensors(model)).ok


def test_half_pruned_real_network_is_refused() -> None:
    model = build("efficientnet-lite0", weights="imagenet")
    pruned = parse("prune:0.6").apply(model)
    assert not verify(pruned, model, Photographs().spread(8)).ok


def test_other_resolutions_use_their_own_preprocessing() -> None:
    model = build("mobilenet-v1", width=0.25, resolution=64)
    verification = verify(parse("resolution:48").apply(model), model, Photographs().spread(4))
    assert verification.samples == 4 and verification.correlation is not None


def test_an_original_that_does_not_run_is_an_error() -> None:
    model = convolutional()
    proto = model.copy_proto()
    proto.graph.node[0].input[1] = "missing"
    with pytest.raises(ModelError, match="does not load"):
        verify(model, replace(model, proto=proto), SeededTensors(model))


def _tensor(model: Model, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in model.proto.graph.initializer if tensor.name == name)
