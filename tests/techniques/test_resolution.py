from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper

from compsel import ImagePreprocessing, Model
from compsel.errors import NotApplicableError, TechniqueError
from compsel.inputs.feeds import feeds_of
from compsel.models.graph_queries import attribute
from compsel.models.graph_session import open_session
from compsel.networks import build
from compsel.techniques import parse
from compsel.variants.verification import verify
from tests.techniques.foreign import FLOAT, make, value, weight
from tests.techniques.inputs import Photographs


def output(model: Model, image: np.ndarray) -> np.ndarray:
    return np.asarray(open_session(model.proto).run(None, feeds_of(model, image))[0])


@pytest.mark.parametrize(
    ("name", "resolution"), [("mobilenet-v1", 90), ("mobilenet-v1", 96), ("efficientnet-lite0", 90)]
)
def test_is_the_network_built_at_that_resolution(name: str, resolution: int) -> None:
    """SAME paddings that were numbers are those of the new size, at odd sizes too."""
    model, wanted = build(name, resolution=128), build(name, resolution=resolution)
    changed = parse(f"resolution:{resolution}").apply(model)
    assert changed.preprocessing is not None and changed.preprocessing.resolution == (resolution, resolution)
    assert changed.inputs == wanted.inputs
    image = Photographs().value(0)
    # a network may choose its crop by resolution; the technique keeps it
    changed = replace(changed, preprocessing=wanted.preprocessing)
    np.testing.assert_allclose(output(changed, image), output(wanted, image), rtol=1e-4, atol=1e-5)


def test_weights_and_crop_stay() -> None:
    model = build("mobilenet-v1", width=0.25, resolution=64)
    changed = parse("resolution:48").apply(model)
    assert changed.preprocessing == replace(model.preprocessing, resolution=(48, 48))  # it has one
    before = {tensor.name: tensor.SerializeToString() for tensor in model.proto.graph.initializer}
    after = {tensor.name: tensor.SerializeToString() for tensor in changed.proto.graph.initializer}
    assert before == after


def test_real_weights_still_see_the_same() -> None:
    model = build("efficientnet-lite0", weights="imagenet")
    verification = verify(parse("resolution:192").apply(model), model, Photographs().spread(16))
    assert verification.ok and verification.agreement is not None and verification.agreement >= 0.6


def image_model(nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto], side: int | str = 64) -> Model:
    proto = make(nodes, [value("x", FLOAT, ["N", 3, side, side])], [value("y", FLOAT, ["N", None])], weights).proto
    return Model("foreign", proto, ImagePreprocessing(resolution=(64, 64)))


def torch_style(side: int | str = 64) -> Model:
    """Symmetric pads of one, whatever the size: those must stay."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["a"], ["p"]),
        helper.make_node("Flatten", ["p"], ["y"]),
    ]
    return image_model(nodes, [weight("w", 4, 3, 3, 3)], side)


@pytest.mark.parametrize("side", [64, "side"])
def test_symmetric_pads_stay(side: int | str) -> None:
    changed = parse("resolution:47").apply(torch_style(side))
    assert attribute(changed.proto.graph.node[0], "pads") == [1, 1, 1, 1]
    assert changed.inputs[0].shape == ((None, 3, 47, 47) if side == 64 else (None, 3, None, None))


def test_an_average_over_everything_becomes_global() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("AveragePool", ["a"], ["p"], kernel_shape=[8, 8]),
        helper.make_node("Flatten", ["p"], ["y"]),
    ]
    changed = parse("resolution:48").apply(image_model(nodes, [weight("w", 4, 3, 8, 8)]))
    assert changed.proto.graph.node[1].op_type == "GlobalAveragePool"
    assert output(changed, Photographs().value(0)).shape == (1, 4)


def test_a_dense_layer_on_all_pixels_does_not_fit() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Flatten", ["a"], ["f"]),
        helper.make_node("Gemm", ["f", "fw"], ["y"]),
    ]
    model = image_model(nodes, [weight("w", 4, 3, 8, 8), weight("fw", 256, 5)])
    with pytest.raises(NotApplicableError, match="does not run at 48x48"):
        parse("resolution:48").apply(model)


def test_the_resolution_that_it_has() -> None:
    with pytest.raises(NotApplicableError, match="has that resolution already"):
        parse("resolution:64").apply(torch_style())


def test_sizes_that_make_no_sense() -> None:
    with pytest.raises(TechniqueError, match="got height 8, width 0, allowed is 16 or more"):
        parse("resolution:8")


def test_aspect_ratio() -> None:
    model = replace(torch_style("side"), preprocessing=ImagePreprocessing(resolution=(64, 96)))
    changed = parse("resolution:32").apply(model)
    assert changed.preprocessing is not None and changed.preprocessing.resolution == (32, 48)
    changed = parse("resolution:32,width=64").apply(model)
    assert changed.preprocessing is not None and changed.preprocessing.resolution == (32, 64)
