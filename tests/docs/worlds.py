"""Folders as readers of the documentation have them: a model, samples, and settings that keep builds short."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compsel.networks.bert import BertNetwork
from tests.encoder_weights import published
from tests.text_models import COMMON, TOPICS, WORDS, save_tokenizer

# so that the commands stand in the documentation as a reader types them
_SETTINGS = """
[build]
state = ["idle"]
processor = ["cpu:1"]
budget = 2.0
calibration = 10
"""
_COLOURS = {"blue": (60, 60, 220), "green": (60, 200, 60), "red": (220, 60, 60), "yellow": (210, 210, 60)}


def photographs(folder: Path) -> None:
    """Write `classifier.onnx`, which says nothing of its preprocessing, and pictures of four classes in folders."""
    onnx.save(_colour_network(), str(folder / "classifier.onnx"))
    generator = np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 25)):
        for name, colour in _COLOURS.items():
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                cv2.imwrite(str(folder / part / name / f"{number}.png"), _picture(colour, generator))
    cv2.imwrite(str(folder / "photo.png"), _picture(_COLOURS["red"], generator))


def _picture(colour: tuple[int, int, int], generator: np.random.Generator) -> np.ndarray:
    """Draw some discs of a colour before noise, BGR."""
    image = generator.integers(40, 200, (72, 96, 3), np.uint8)
    for _ in range(int(generator.integers(1, 4))):
        centre = (int(generator.integers(16, 80)), int(generator.integers(16, 56)))
        cv2.circle(image, centre, int(generator.integers(12, 24)), colour[::-1], -1)
    return image


def _colour_network() -> onnx.ModelProto:
    """Return a convolutional network that tells the colours by how far they are from grey."""
    generator = np.random.default_rng(1)
    channels = 32
    mix = np.zeros((channels, 3, 1, 1), np.float32)
    colours = np.array(list(_COLOURS.values()), np.float32)
    directions = colours - colours.mean(axis=1, keepdims=True)
    mix[:4, :, 0, 0] = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    mix[4:, :, 0, 0] = 0.1 * generator.standard_normal((channels - 4, 3))
    blur = 0.02 * generator.standard_normal((channels, channels, 3, 3)).astype(np.float32)
    blur[np.arange(channels), np.arange(channels), 1, 1] = 1
    head = 0.05 * generator.standard_normal((channels, 4)).astype(np.float32)
    head[:4] += 4 * np.eye(4, dtype=np.float32)
    weights = {
        "mix": mix,
        "blur1": blur,
        "blur2": blur[::-1].copy()[::-1],
        "head": head,
        "bias": np.zeros(4, np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["image", "mix"], ["mixed"]),
        helper.make_node("Relu", ["mixed"], ["relu0"]),
        helper.make_node("Conv", ["relu0", "blur1"], ["blurred1"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["blurred1"], ["relu1"]),
        helper.make_node("Conv", ["relu1", "blur2"], ["blurred2"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["blurred2"], ["relu2"]),
        helper.make_node("GlobalAveragePool", ["relu2"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "head", "bias"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 64, 64])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def texts(folder: Path) -> None:
    """Write a small encoder with its tokenizer, and tables of sentences with three intents."""
    network = BertNetwork(
        name="encoder",
        paper="",
        naming="",
        reference="",
        layers=4,
        heads=2,
        features=64,
        intermediate=128,
        vocabulary=len(WORDS),
        positions=64,
        max_tokens=64,
    )
    options = {"tokenizer": save_tokenizer(folder / "tokenizer.json")}
    # random weights would be warned of, as they should be: these stand for a reader's own encoder
    network.build(published(network.build(None, 0, {})), 0, options).save(folder / "encoder.onnx")
    for name, count, seed in (("intents.csv", 240, 0), ("test.csv", 120, 1)):
        with (folder / name).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["text", "label"])
            writer.writerows(_sentences(count, seed))


def _sentences(count: int, seed: int) -> Iterator[tuple[str, str]]:
    generator = np.random.default_rng(seed)
    names = list(TOPICS)
    for _ in range(count):
        name = names[int(generator.integers(len(names)))]
        words = [*generator.choice(COMMON, int(generator.integers(1, 5))), *generator.choice(TOPICS[name], 2)]
        yield " ".join(generator.permutation(words)), name


def tensors(folder: Path) -> None:
    """Write a regression on eight numbers, and a folder of inputs with the numbers that are right."""
    generator = np.random.default_rng(2)
    width = 128
    weights = {
        "first": generator.standard_normal((8, width)).astype(np.float32) / 3,
        "second": generator.standard_normal((width, width)).astype(np.float32) / 11,
        "last": generator.standard_normal((width, 1)).astype(np.float32) / 11,
    }
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["a"]),
        helper.make_node("Tanh", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "second"], ["c"]),
        helper.make_node("Tanh", ["c"], ["d"]),
        helper.make_node("MatMul", ["d", "last"], ["price"]),
    ]
    graph = helper.make_graph(
        nodes,
        "prices",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 8])],
        [helper.make_tensor_value_info("price", TensorProto.FLOAT, ["batch", 1])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(folder / "prices.onnx")
    )
    for part, count in (("train", 200), ("test", 60)):
        (folder / part).mkdir()
        for number in range(count):
            x = generator.standard_normal((1, 8)).astype(np.float32)
            price = np.tanh(np.tanh(x @ weights["first"]) @ weights["second"]) @ weights["last"]
            np.savez(
                folder / part / f"{number}.npz",
                x=x,
                target=np.float32(price.item() + 0.01 * generator.standard_normal()),
            )


WORLDS: dict[str, Callable[[Path], None]] = {
    "photographs": photographs,
    "texts": texts,
    "tensors": tensors,
    "empty": lambda folder: None,
}


def make(name: str, folder: Path) -> None:
    """Write a world, and the settings that keep its builds short."""
    WORLDS[name](folder)
    (folder / "compsel.toml").write_text(_SETTINGS)
