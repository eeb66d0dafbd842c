"""What the other programs share: labelled photographs, and a classifier of them that is made in seconds.

    python examples/small_world.py FOLDER

writes `photographs.onnx` and a folder of labelled crops there, as an engineer has them, builds a bundle of both, and
prints their places (half a minute). `camera_stream.py`, `small_board.py` and `retrain_from_records.py` run that. The
task: which of scikit-image's photographs is this crop from? The model: random patches as filters and a linear head
(Coates, Lee and Ng, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning", AISTATS 2011).
"""

import sys
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from onnx import TensorProto, helper, numpy_helper

import compsel

NAMES = ("astronaut", "cat", "coffee", "hubble_deep_field", "retina", "rocket")
SIDE, PATCH = 128, 6


def photographs() -> dict[str, np.ndarray]:
    """Photographs that the scikit-image wheel brings, uint8 (height, width, 3)."""
    return {name: np.asarray(getattr(skimage.data, name)())[..., :3] for name in NAMES}


def crops(count: int, seed: int = 0) -> compsel.Samples:
    """Crops of the photographs with the noise of a cheap camera; the label is the photograph's name."""
    generator, images = np.random.default_rng(seed), list(photographs().values())
    values = []
    for number in range(count):
        image = images[number % len(images)]
        side = int(generator.integers(80, 240))
        top, left = (int(generator.integers(0, length - side + 1)) for length in image.shape[:2])
        noise = generator.normal(0, generator.uniform(0, 40), (side, side, 3))
        values.append(np.clip(image[top : top + side, left : left + side] + noise, 0, 255).astype(np.uint8))
    return compsel.open_samples([(value, NAMES[number % len(images)]) for number, value in enumerate(values)])


def encoder(samples: compsel.Samples, filters: int = 64) -> compsel.Model:
    """Whitened patches of the samples as a convolution, ReLU, and the mean and the largest value of each map."""
    generator = np.random.default_rng(0)
    small = [cv2.resize(sample.value, (SIDE, SIDE), interpolation=cv2.INTER_AREA) / 255 - 0.5 for sample in samples]
    places = generator.integers(0, SIDE - PATCH, (4000, 2))
    patches = np.stack([small[n % len(small)][y : y + PATCH, x : x + PATCH] for n, (y, x) in enumerate(places)])
    flat = patches.transpose(0, 3, 1, 2).reshape(len(patches), -1)
    flat = flat - flat.mean(1, keepdims=True)
    values, vectors = np.linalg.eigh(np.cov(flat.T))
    whitening = vectors @ np.diag((values + 0.01) ** -0.5) @ vectors.T
    chosen = flat[generator.choice(len(flat), filters, replace=False)] @ whitening
    chosen = chosen / np.linalg.norm(chosen, axis=1, keepdims=True) @ whitening
    weight = (chosen - chosen.mean(1, keepdims=True)).reshape(filters, 3, PATCH, PATCH)
    weights = {"filters": weight, "threshold": np.full(filters, -1.0)}
    nodes = [
        helper.make_node("Conv", ["image", "filters", "threshold"], ["maps"]),
        helper.make_node("Relu", ["maps"], ["active"]),
        helper.make_node("GlobalAveragePool", ["active"], ["mean"]),
        helper.make_node("GlobalMaxPool", ["active"], ["largest"]),
        helper.make_node("Concat", ["mean", "largest"], ["both"], axis=1),
        helper.make_node("Flatten", ["both"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "photographs",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 2 * filters])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    scale = compsel.ImagePreprocessing((SIDE, SIDE), 1.0, "crop", "area", (127.5,) * 3, (255.0,) * 3)
    return compsel.Model("photographs", proto, scale)


def classifier(filters: int = 64, count: int = 180) -> compsel.Model:
    """The encoder with a linear head, fitted on crops that nothing else uses."""
    samples = crops(count, seed=1)
    return compsel.fit_head(encoder(samples, filters), samples).model


def main(folder: str) -> None:
    place = Path(folder)
    model = classifier().save(place / "photographs.onnx")
    for number, sample in enumerate(crops(150, seed=2)):
        path = place / "crops" / NAMES[sample.label or 0] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), sample.value[..., ::-1])
    built = compsel.build(
        model,
        place / "crops",
        place / "bundle",
        technique=["none", "resolution:64", "resolution:48"],
        processor="cpu:1",
        state=["idle", "busy:1", "busy:2"],
        no_floor=True,
        penalty=100,
        budget=1,
        replace=True,
    )
    print(f"{model}\n{place / 'crops'}: 150 crops, in folders by class\n{place / 'bundle'}: {built}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
