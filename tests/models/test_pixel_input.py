import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compsel.errors import NotApplicableError
from compsel.inputs.image import PIXELS
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.samples import ArraySamples
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.models.pixel_input import with_pixel_input
from compsel.networks import build
from compsel.techniques import parse
from tests.foreign_models import old_network, two_inputs

SIDE = 16
EFFICIENTNET = ((127.0,) * 3, (128.0,) * 3)
TORCHVISION = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
CAFFE = ((103.939, 116.779, 123.68), (1.0, 1.0, 1.0))
# two values in all, yet not one a channel
ALMOST_ALIKE = ((127.0, 128.0, 127.0), (128.0, 128.0, 128.0))
NORMALISATIONS = [EFFICIENTNET, TORCHVISION, CAFFE, ALMOST_ALIKE, ((0.0,) * 3, (1.0,) * 3), ((0.0,) * 3, (255.0,) * 3)]


def convolution(preprocessing: ImagePreprocessing, seed: int) -> Model:
    """A classifier with one convolution in the layout of its preprocessing."""
    rng = np.random.default_rng(seed)
    shape = [1, 3, SIDE, SIDE] if preprocessing.layout == "NCHW" else [1, SIDE, SIDE, 3]
    weights = {
        "kernel": rng.standard_normal((4, 3, 3, 3)).astype(np.float32),
        "matrix": rng.standard_normal((4, 5)).astype(np.float32),
    }
    nodes = [
        onnx.helper.make_node("Conv", ["planes", "kernel"], ["features"], "conv", pads=[1, 1, 1, 1]),
        onnx.helper.make_node("Relu", ["features"], ["active"], "relu"),
        onnx.helper.make_node("GlobalAveragePool", ["active"], ["pooled"], "pool"),
        onnx.helper.make_node("Flatten", ["pooled"], ["flat"], "flat"),
        onnx.helper.make_node("MatMul", ["flat", "matrix"], ["scores"], "fc"),
    ]
    if preprocessing.layout == "NHWC":
        nodes.insert(0, onnx.helper.make_node("Transpose", ["image"], ["planes"], "order", perm=[0, 3, 1, 2]))
    else:
        nodes[0].input[0] = "image"
    graph = onnx.helper.make_graph(
        nodes,
        "convolution",
        [onnx.helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, shape)],
        [onnx.helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, [1, 5])],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    return Model("convolution", proto, preprocessing)


def image_of(seed: int, side: int = SIDE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def same_answers(model: Model, images: list[np.ndarray]) -> None:
    """Check that the graph of pixels says exactly what the graph of tensors says."""
    folded = with_pixel_input(model)
    onnx.checker.check_model(folded.proto)
    tensors, pixels = open_session(model.to_proto()), open_session(folded.to_proto())
    assert [(value.name, value.type) for value in pixels.get_inputs()] == [(PIXELS, "tensor(uint8)")]
    channels = pixels.get_inputs()[0].shape[-1]
    for image in images:
        (wanted,) = tensors.run(None, {model.inputs[0].name: model.preprocessing.tensor(image)})
        plain = model.preprocessing.pixels(image)[None]
        fourth = np.random.default_rng(0).integers(0, 256, (*plain.shape[:3], 1), np.uint8)  # counts for nothing
        seen = np.concatenate([plain, fourth], axis=3)[..., :channels]
        (got,) = pixels.run(None, {PIXELS: np.ascontiguousarray(seen)})
        np.testing.assert_array_equal(got, wanted)


def operators(model: Model) -> list[str]:
    return [node.op_type for node in model.proto.graph.node]


PREPROCESSINGS = st.builds(
    lambda normalisation, channels, layout: ImagePreprocessing(
        (SIDE, SIDE), mean=normalisation[0], std=normalisation[1], channels=channels, layout=layout
    ),
    st.sampled_from(NORMALISATIONS),
    st.sampled_from(["RGB", "BGR"]),
    st.sampled_from(["NCHW", "NHWC"]),
)


@settings(max_examples=30, deadline=None)
@given(PREPROCESSINGS, st.integers(0, 2**32 - 1))
def test_pixels_give_exactly_the_answers_of_tensors(preprocessing, seed):
    same_answers(convolution(preprocessing, seed), [image_of(seed), np.zeros((SIDE, SIDE, 3), np.uint8)])


@settings(max_examples=12, deadline=None)
@given(PREPROCESSINGS, st.integers(0, 2**32 - 1))
def test_so_do_those_of_an_integer_graph(preprocessing, seed):
    model = convolution(preprocessing, seed)
    # black and white among the samples: the range of the input is that of all bytes
    edges = [np.full((SIDE, SIDE, 3), value, np.uint8) for value in (0, 255)]
    compressed = parse("int8-static").apply(model, ArraySamples([*edges, image_of(seed)]))
    same_answers(compressed, [image_of(seed + 1), *edges])


@pytest.fixture(scope="module")
def quantised(crops):
    model = build("mobilenet-v1", width=0.25, resolution=32, classes=10)
    edges = [np.full((32, 32, 3), value, np.uint8) for value in (0, 255)]
    return parse("int8-static").apply(model, ArraySamples([*edges, *(crops.value(index) for index in range(4))]))


def test_bytes_go_straight_into_the_integer_graph(lite0):
    """The normalisation of EfficientNet-Lite is the quantisation of its input: nothing is computed on the way."""
    small = build("efficientnet-lite0", resolution=32)
    assert small.preprocessing.mean == lite0.preprocessing.mean
    edges = [np.full((32, 32, 3), value, np.uint8) for value in (0, 255)]
    compressed = parse("int8-static").apply(small, ArraySamples([*edges, image_of(1, 40)]))
    folded = with_pixel_input(compressed)
    assert "Cast" not in operators(folded)
    assert "Sub" not in operators(folded)
    assert operators(folded).count("QuantizeLinear") == operators(compressed).count("QuantizeLinear") - 1
    assert folded.inputs[0].shape == (1, 32, 32, 4)
    same_answers(compressed, [image_of(seed, 40) for seed in range(3)])


def test_channels_that_are_shifted_are_not_taken_for_integers():
    """Green is shifted by one, and no sample shows it: the range of the input looks like that of plain bytes."""
    preprocessing = ImagePreprocessing((SIDE, SIDE), mean=ALMOST_ALIKE[0], std=ALMOST_ALIKE[1])
    edges = [np.full((SIDE, SIDE, 3), (value, 100, value), np.uint8) for value in (0, 255)]
    compressed = parse("int8-static").apply(convolution(preprocessing, 1), ArraySamples(edges))
    same_answers(compressed, [image_of(seed) for seed in range(4)])


def test_every_byte_is_its_own_integer(quantised):
    for value in range(0, 256, 15):
        same_answers(quantised, [np.full((32, 32, 3), value, np.uint8)])


def test_a_float_graph_normalises_inside(small_model):
    folded = with_pixel_input(small_model)
    assert operators(folded)[:4] == ["Transpose", "Cast", "Sub", "Div"]
    assert with_pixel_input(small_model).serialize() == folded.serialize()


def test_graphs_of_old_exporters(crops):
    preprocessing = ImagePreprocessing((16, 16), mean=CAFFE[0], std=CAFFE[1], channels="BGR")
    for opset, ir_version in ((9, 3), (9, 4), (11, 6)):
        model = Model("old", old_network(opset, ir_version), preprocessing)
        same_answers(model, [crops.value(0), crops.value(5)])


def test_a_sub_graph_may_read_the_input_too():
    """The bytes replace the input only where nothing else reads it."""
    preprocessing = ImagePreprocessing((SIDE, SIDE), mean=EFFICIENTNET[0], std=EFFICIENTNET[1])
    edges = [np.full((SIDE, SIDE, 3), value, np.uint8) for value in (0, 255)]
    compressed = parse("int8-static").apply(convolution(preprocessing, 1), ArraySamples([*edges, image_of(1)]))
    proto = compressed.copy_proto()
    output = onnx.helper.make_tensor_value_info("mean", onnx.TensorProto.FLOAT, None)
    inner = onnx.helper.make_graph(
        [onnx.helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0)], "inner", [], [output]
    )
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "yes"))
    proto.graph.node.append(onnx.helper.make_node("If", ["yes"], ["brightness"], then_branch=inner, else_branch=inner))
    scores = proto.graph.output[0].name
    proto.graph.node.append(onnx.helper.make_node("Add", [scores, "brightness"], ["sum"]))
    proto.graph.output[0].name = "sum"
    same_answers(compressed.with_proto(proto), [image_of(3)])


def test_only_models_of_one_image_have_pixels(small_model):
    with pytest.raises(NotApplicableError, match="does not take one image"):
        with_pixel_input(two_inputs())
    with pytest.raises(NotApplicableError, match="does not take one image"):
        with_pixel_input(Model("plain", small_model.proto))
