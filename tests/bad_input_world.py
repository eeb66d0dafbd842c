"""Good inputs for every command, and ways to spoil them."""

import csv
import json
import shutil
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper

from compsel.bundle.manifest import MANIFEST, write_manifest
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model
from compsel.networks import build
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from compsel.variants.build_variants import build_variants

CLASSES = 10


@dataclass(frozen=True)
class World:
    """Good inputs; each case spoils a copy of one of them."""

    folder: Path

    @property
    def model(self) -> Path:
        return self.folder / "model.onnx"

    @property
    def photo(self) -> Path:
        return self.folder / "photo.jpg"

    @property
    def samples(self) -> Path:
        return self.folder / "samples"

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def file(self, name: str, content: bytes | str) -> Path:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def copy(self, original: Path) -> Path:
        """Copy a folder, to be spoilt."""
        return Path(shutil.copytree(original, self.folder / "spoilt" / original.name))


def make_world(folder: Path) -> World:
    """Make a small network, a photograph, labelled samples, and a bundle."""
    world = World(folder)
    generator = np.random.default_rng(0)
    model = build("mobilenet-v1", width=0.25, resolution=32, classes=CLASSES)
    model.save(world.model)
    images = [cv2.resize(generator.integers(0, 255, (4, 5, 3), np.uint8), (50, 40)) for _ in range(6)]
    assert cv2.imwrite(str(world.photo), images[0])
    world.samples.mkdir()
    with (world.samples / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(("file", "label"))
        for number, image in enumerate(images):
            assert cv2.imwrite(str(world.samples / f"{number}.png"), image)
            table.writerow((f"{number}.png", number))
    fixed_bundle(model, ArraySamples(images), world.bundle)
    return world


def fixed_bundle(model: Model, samples: ArraySamples, folder: Path) -> Path:
    """Write a bundle that always answers with a model as it is, without measuring anything."""
    files = folder.parent / "variants"
    variants, _ = build_variants([model], files, samples, ["none"])
    table_ms = np.array([[1.0]])
    fixed = FixedPolicy(variants[0].name)
    policies = dict.fromkeys(("adaptive", "most_accurate", "fastest", "best_static"), fixed)
    costs = CostModel(((variants[0].name, "cpu:1"),), np.zeros((1, 1)), table_ms, table_ms)
    content = BundleContent(
        tuple(variants),
        files,
        policies,
        {},
        Objective(),
        {variants[0].name: 1.0},
        costs,
        {"penalty_ms": 1.0},
    )
    write_bundle(content, folder)
    return folder


def labels(world: World, text: bytes | str) -> Path:
    """Return samples with another labels.csv."""
    folder = world.copy(world.samples)
    (folder / "labels.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def bundle(world: World, spoil: Callable[[Path], object]) -> Path:
    """Return a bundle that is spoilt."""
    folder = world.copy(world.bundle)
    spoil(folder)
    return folder


def newer(folder: Path) -> None:
    """Raise the format version of a bundle."""
    content = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(content | {"format_version": 99}))


def unlisted_processor(folder: Path) -> None:
    """Make a bundle that was measured on a processor that is not here."""
    content = json.loads((folder / "costs.json").read_text())
    content["choices"] = [[variant, "cpu:512"] for variant, _ in content["choices"]]
    (folder / "costs.json").write_text(json.dumps(content))
    write_manifest(folder, "0")


def bomb(side: int = 60_000) -> bytes:
    """Return a PNG of a few bytes that asks for gigabytes of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def unknown_operator(world: World) -> Path:
    """Return a graph with an operator that ONNX Runtime lacks."""
    node = helper.make_node("Levitate", ["x"], ["y"], domain="")
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy"]
    graph = helper.make_graph([node], "g", value[:1], value[1:])
    path = world.folder / "levitate.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def without_data(world: World) -> Path:
    """Return a graph whose weights are in a file that is gone."""
    path = Model.load(world.model).save(made(world.folder / "external") / "model.onnx", external_from_bytes=1)
    for file in path.parent.iterdir():
        if file != path:
            file.unlink()
    return path


def tensors(world: World) -> Path:
    """Return samples of tensors."""
    folder = made(world.folder / "tensors")
    for number in range(3):
        np.savez(folder / f"{number}.npz", x=np.ones((1, 3), np.float32))
    return folder


def truncated(path: Path, world: World) -> Path:
    """Return the first half of a file."""
    return world.file(f"half-{path.name}", path.read_bytes()[: path.stat().st_size // 2])


def many(world: World) -> Path:
    """Return as many samples as a build needs."""
    folder = world.copy(world.samples)
    (folder / "labels.csv").unlink()
    for path in list(folder.glob("*.png")):
        for number in range(4):
            shutil.copy(path, folder / f"{number}{path.name}")
    return folder


def spoilt_sample(world: World) -> Path:
    """Return samples of which one image is truncated."""
    folder = world.copy(world.samples)
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:60])
    return folder


def below_a_file(world: World) -> Path:
    """Return a place where nothing can be written."""
    return world.file("plain-file", "") / "below"


def made(folder: Path) -> Path:
    """Make a folder."""
    folder.mkdir(parents=True)
    return folder


def occupied(world: World) -> Path:
    """Return a folder that holds something."""
    return world.file("precious/notes.txt", "mine").parent


def tensor_model(world: World) -> Path:
    """Return the network without its preprocessing."""
    return replace(Model.load(world.model), preprocessing=None).save(world.folder / "tensors.onnx")
