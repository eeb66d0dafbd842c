import numpy as np
import onnx
import onnxruntime
import pytest
import skimage.data
from onnx import numpy_helper

from compsel.errors import ModelError
from compsel.models.model import Model
from compsel.networks import NETWORKS, build, macs, names, parameters

PUBLISHED = {
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "inception-v1": 6_624_904,
    "inception-v2": 11_295_240,
    "inception-v3": 23_834_568,
    "inception-v4": 42_679_816,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "mobilenet-v1": 4_231_976,
    "efficientnet-lite0": 4_652_008,
    "efficientnet-lite1": 5_416_680,
    "efficientnet-lite2": 6_092_072,
    # BERT's 22,713,216 without the pooling layer of its pretraining; 1,774,464 a layer
    "minilm-l6": 22_565_376,
    "minilm-l5": 20_790_912,
    "minilm-l4": 19_016_448,
    "minilm-l3": 17_241_984,
    "minilm-l2": 15_467_520,
    "minilm-l1": 13_693_056,
}
IMAGE_NETWORKS = [name for name, network in NETWORKS.items() if network.resolution is not None]
SMALL = {"width": 0.125, "resolution": 96, "classes": 10}


def logits(model: Model, tensor: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.serialize(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"input": tensor})[0])


def photographs(model: Model) -> np.ndarray:
    assert model.preprocessing is not None
    images = [getattr(skimage.data, name)() for name in ("astronaut", "chelsea", "coffee", "rocket")]
    return np.concatenate([model.preprocessing.tensor(image) for image in images])


@pytest.fixture(scope="module", params=IMAGE_NETWORKS)
def small(request: pytest.FixtureRequest) -> Model:
    return build(request.param, **SMALL)


@pytest.mark.parametrize("name", names())
def test_published_size(name: str) -> None:
    assert NETWORKS[name].parameters == PUBLISHED[name]


def test_the_graph_is_valid_and_takes_any_batch(small: Model) -> None:
    onnx.checker.check_model(small.proto, full_check=True)
    assert small.inputs[0].shape == (None, 3, 96, 96)
    assert small.outputs[0].shape == (None, 10)
    batch = photographs(small)
    single = np.concatenate([logits(small, batch[i : i + 1]) for i in range(len(batch))])
    np.testing.assert_allclose(logits(small, batch), single, rtol=1e-4, atol=1e-4)


def test_padding_is_in_the_convolutions(small: Model) -> None:
    assert "Pad" not in {node.op_type for node in small.proto.graph.node}


def test_every_node_has_a_name_of_its_own(small: Model) -> None:
    found = [node.name for node in small.proto.graph.node]
    assert all(found) and len(set(found)) == len(found)


def test_seeded_signals_neither_die_nor_explode(small: Model) -> None:
    answers = logits(small, photographs(small))
    assert 0.1 < answers.std() < 20
    # and the network tells inputs apart
    assert answers.std(axis=0).mean() > 0.1


@pytest.mark.parametrize("name", ["mobilenet-v1", "efficientnet-lite0"])
def test_the_seed_decides(name: str) -> None:
    first, again, other = (build(name, seed=seed, **SMALL) for seed in (1, 1, 2))
    assert first.serialize() == again.serialize()
    assert first.fingerprint() != other.fingerprint()


def test_the_resolution_does_not_change_the_weights() -> None:
    low, high = (build("efficientnet-lite0", width=0.25, resolution=side) for side in (64, 96))
    for a, b in zip(low.proto.graph.initializer, high.proto.graph.initializer, strict=True):
        assert a == b


@pytest.mark.parametrize(("side", "pads"), [(224, [0, 0, 1, 1]), (225, [1, 1, 1, 1])])
def test_same_padding_follows_the_resolution(side: int, pads: list[int]) -> None:
    model = build("mobilenet-v1", resolution=side, width=0.125)
    stem = model.proto.graph.node[0]
    assert next(list(a.ints) for a in stem.attribute if a.name == "pads") == pads


def test_an_oblong_input() -> None:
    model = build("mobilenet-v1", resolution=(64, 96), width=0.125, classes=3)
    assert logits(model, np.zeros((1, 3, 64, 96), np.float32)).shape == (1, 3)


def test_imagenet_weights_recognise_photographs() -> None:
    model = build("efficientnet-lite0", weights="imagenet")
    classes = logits(model, photographs(model)).argmax(axis=1)
    assert classes[1] in {281, 282, 285}  # a cat
    assert classes[2] == 967  # espresso
    assert classes[3] in {657, 744}  # missile, projectile
    assert parameters(model) == PUBLISHED["efficientnet-lite0"]


def test_folded_weights_give_the_same_answers() -> None:
    model = build("mobilenet-v1", **SMALL)
    arrays = {t.name: numpy_helper.to_array(t) for t in model.proto.graph.initializer}
    blocks = [f"blocks.{s}.{r}" for s, n in enumerate((1, 2, 2, 6, 2)) for r in range(n)]
    pairs = [("conv0", "conv_stem", "bn1")]
    for number, block in enumerate(blocks, start=1):
        pairs.append((f"block{number}.depthwise", f"{block}.conv_dw", f"{block}.bn1"))
        pairs.append((f"block{number}.pointwise", f"{block}.conv_pw", f"{block}.bn2"))
    folded = {"fc.weight": arrays["classifier.weight"], "fc.bias": arrays["classifier.bias"]}
    for name, conv, norm in pairs:
        factor = arrays[f"{norm}.weight"] / np.sqrt(arrays[f"{norm}.running_var"] + 1e-3)
        folded[f"{name}.weight"] = arrays[f"{conv}.weight"] * factor[:, None, None, None]
        folded[f"{name}.bias"] = arrays[f"{norm}.bias"] - arrays[f"{norm}.running_mean"] * factor
    plain = build("mobilenet-v1", weights=folded, **SMALL)
    assert "BatchNormalization" not in {node.op_type for node in plain.proto.graph.node}
    tensor = photographs(model)
    np.testing.assert_allclose(logits(plain, tensor), logits(model, tensor), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "mobilenet-v9"}, "allowed are vgg16, .*, mobilenet-v1, "),
        ({"resolution": 0}, "got resolution 0"),
        ({"classes": 0}, "got 0 classes"),
        ({"width": 0.0}, "got width 0.0"),
        ({"width": float("nan")}, "got width nan"),
        ({"pooling": "mean"}, "mobilenet-v1: got the option pooling, allowed are classes, resolution, width"),
        ({"name": "minilm-l2", "resolution": 64}, "minilm-l2: got the option resolution, allowed are classes, pooling"),
        ({"name": "minilm-l2", "pooling": "max"}, "got pooling 'max', allowed are mean, cls, none"),
    ],
)
def test_bad_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build(**{"name": "mobilenet-v1", **options})  # wrong ones, on purpose


# in millions: Howard et al. 2017, table 4; the others as torchvision and timm state them
PUBLISHED_MACS = {
    "mobilenet-v1": 569,
    "resnet50": 4089,
    "resnet152": 11514,
    "vgg16": 15470,
    "inception-v1": 1498,
    "inception-v3": 5713,
}


@pytest.mark.parametrize("name", PUBLISHED_MACS)
def test_published_multiply_accumulates(name: str) -> None:
    assert round(NETWORKS[name].macs / 1e6) == PUBLISHED_MACS[name]


def test_a_built_model_is_counted_like_its_description() -> None:
    model = build("mobilenet-v1")
    assert (macs(model), parameters(model)) == (NETWORKS["mobilenet-v1"].macs, NETWORKS["mobilenet-v1"].parameters)
