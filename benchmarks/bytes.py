"""From the bytes of a 12-megapixel photograph to the answer, by part; and whether reduced decoding costs accuracy.

    python benchmarks/bytes.py time PHOTOGRAPHS [--model MODEL.onnx | --bundle BUNDLE] --json time.json
    python benchmarks/bytes.py accuracy PHOTOGRAPHS MODEL.onnx... [--enlarge 12] --json accuracy.json

`time`: photographs below that size are enlarged (bicubic) with noise of 2 grey levels, so that there is something to
code at every scale; larger ones are taken as they are. Each is coded as JPEG, PNG and WebP, and answered on the real
runtime: "before" in full and reduced by plain means of areas, "after" as `runtime(bytes)` does it; both in turn, in
random order. Parts are medians over all answers; the speed-up is the ratio of sums over photographs, of their medians.

`accuracy`: the same network on the pixels of a file decoded in full and reduced by plain means of areas ("full"), on
those that full decoding gives now ("halved": what PNG and WebP get), and on those of the reduced scale ("reduced").
With --enlarge every photograph is enlarged to so many megapixels first, and coded as JPEG of quality 90.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np

import compsel
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.cli.tables import plain_table
from compsel.cli.terminal import TERMINAL
from compsel.device.fingerprint import device_fingerprint
from compsel.inputs.image import image_preprocessing
from compsel.inputs.images import preprocessing as preprocessing_module
from compsel.inputs.images.decoding import decode
from compsel.inputs.images.encoded import EncodedImage
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.networks import build
from compsel.runtime.runtime import Runtime
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from compsel.selection.training.bootstrap import bootstrap, mean_of_first, ratio_of_sums
from compsel.variants.engine import Engine
from compsel.variants.writer import write_variant

FORMATS = {
    "JPEG": (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 90]),
    "PNG": (".png", [cv2.IMWRITE_PNG_COMPRESSION, 3]),
    "WebP": (".webp", [cv2.IMWRITE_WEBP_QUALITY, 85]),
}
PARTS = ("decode", "preprocess", "infer", "rest")


@contextmanager
def plain_areas() -> Iterator[None]:
    """Reduce as before: by means of areas, in one step."""
    with mock.patch.object(preprocessing_module, "halve", lambda pixels, reduction: pixels):
        yield


def enlarged(image: np.ndarray, megapixels: float, noise: float = 0.0) -> np.ndarray:
    """Enlarge an image that is smaller, bicubic, to about so many megapixels."""
    factor = (megapixels * 1e6 / (image.shape[0] * image.shape[1])) ** 0.5
    if factor <= 1:
        return image
    size = round(image.shape[1] * factor), round(image.shape[0] * factor)
    large = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    if not noise:
        return large
    grain = np.random.default_rng(0).normal(0, noise, large.shape[:2]).astype(np.float32)[:, :, None]
    return np.clip(large + grain, 0, 255).astype(np.uint8)


def coded(image: np.ndarray, kind: str) -> bytes:
    suffix, options = FORMATS[kind]
    return cv2.imencode(suffix, image[:, :, ::-1], options)[1].tobytes()


def bundle_of(model: Model, threads: int, folder: Path) -> Path:
    """Write a bundle that runs one uncompressed network."""
    variant = write_variant(model, folder / "files", "logits")
    policy, once = FixedPolicy(variant.name), np.ones((1, 1))
    costs = CostModel(((variant.name, f"cpu:{threads}"),), np.zeros((1, 1)), once, once)
    content = BundleContent(
        (variant,), folder / "files", {"adaptive": policy}, {}, Objective(), {variant.name: 1.0}, costs, {}
    )
    write_bundle(content, folder / f"bundle-{threads}")
    return folder / f"bundle-{threads}"


class Prepared:
    """Times the preprocessing inside the stages."""

    def __init__(self) -> None:
        self.ms = 0.0
        prepare = Engine.prepare

        def timed(engine: Engine, value: Any) -> Any:
            begin = time.perf_counter_ns()
            feeds = prepare(engine, value)
            self.ms += (time.perf_counter_ns() - begin) / 1e6
            return feeds

        mock.patch.object(Engine, "prepare", timed).start()


def answer(runtime: Runtime, data: bytes, before: bool, prepared: Prepared) -> list[float]:
    """Answer once; return the parts (ms), and the sum of them."""
    prepared.ms = 0.0
    begin = time.perf_counter_ns()
    if before:
        with plain_areas():
            image = decode(data)
            decode_ms = (time.perf_counter_ns() - begin) / 1e6
            found = runtime(image)
    else:
        found = runtime(data)
        decode_ms = found.decode_ms
    total_ms = (time.perf_counter_ns() - begin) / 1e6
    stages_ms = sum(stage.latency_ms for stage in found.stages)
    infer_ms = stages_ms - prepared.ms
    return [decode_ms, prepared.ms, infer_ms, total_ms - decode_ms - stages_ms, total_ms]


def time_format(runtime: Runtime, photographs: list[bytes], rounds: int, prepared: Prepared) -> dict[str, Any]:
    generator, found = np.random.default_rng(0), np.empty((2, len(photographs), rounds, len(PARTS) + 1))
    for turn in range(-1, rounds):
        for number, data in enumerate(photographs):
            for way in generator.permutation(2):
                parts = answer(runtime, data, way == 0, prepared)
                if turn >= 0:
                    found[way, number, turn] = parts
    medians = np.median(found, axis=2)
    before, after = medians[:, :, -1]
    return {
        "mb": float(np.mean([len(data) for data in photographs])) / 1e6,
        "before_ms": dict(zip((*PARTS, "total"), np.median(medians[0], axis=0).tolist(), strict=True)),
        "after_ms": dict(zip((*PARTS, "total"), np.median(medians[1], axis=0).tolist(), strict=True)),
        "speedup": list(bootstrap(ratio_of_sums, [before, after])),
        "decode_speedup": list(bootstrap(ratio_of_sums, [medians[0, :, 0], medians[1, :, 0]])),
    }


def timing(arguments: argparse.Namespace) -> dict[str, Any]:
    samples = compsel.ImageFolder(arguments.photographs).spread(arguments.count)
    images = [enlarged(sample.value, arguments.megapixels, noise=2.0) for sample in samples]
    files = {kind: [coded(image, kind) for image in images] for kind in FORMATS}
    content: dict[str, Any] = {"megapixels": [image.shape[0] * image.shape[1] / 1e6 for image in images]}
    del images
    prepared, rows = Prepared(), []
    with tempfile.TemporaryDirectory() as folder:
        model = Model.load(arguments.model) if arguments.model else build("efficientnet-lite0", weights="imagenet")
        for threads in arguments.threads:
            cv2.setNumThreads(threads)
            with compsel.load(arguments.bundle or bundle_of(model, threads, Path(folder))) as runtime:
                for kind in TERMINAL.track(list(FORMATS), f"{threads} threads"):
                    row = time_format(runtime, files[kind], arguments.rounds, prepared)
                    content[f"{kind}, {threads} threads"] = row
                    for way in ("before", "after"):
                        parts = [f"{row[f'{way}_ms'][part]:.2f}" for part in (*PARTS, "total")]
                        speedup = "{:.2f} ({:.2f} to {:.2f})".format(*row["speedup"]) if way == "after" else ""
                        rows.append((f"{kind}, {row['mb']:.1f} MB", str(threads), way, *parts, speedup))
    print(plain_table(rows, ("file", "threads", "", *PARTS, "ms in all", "times as fast")))
    return content


def accuracy(arguments: argparse.Namespace) -> dict[str, Any]:
    models = [Model.load(path) for path in arguments.models]
    preprocessings = [image_preprocessing(model) for model in models]
    sessions = [open_session(model.proto) for model in models]
    folder = compsel.ImageFolder(arguments.photographs)
    samples = folder.spread(arguments.count or len(folder))
    # by network, sample and way: the class that it says
    said = np.empty((len(models), len(samples), 3), np.int64)
    reductions: list[set[int]] = [set() for _ in models]
    for index in TERMINAL.track(range(len(samples)), "photographs"):
        data = samples.source(index)
        if arguments.enlarge:
            data = coded(enlarged(samples.value(index), arguments.enlarge), "JPEG")
        file, image = EncodedImage(data), decode(data)
        for number, (model, steps, session) in enumerate(zip(models, preprocessings, sessions, strict=True)):
            assert steps is not None, f"{model.name} takes no images"
            fresh = EncodedImage(data)
            reductions[number].add(steps.reduction(file.height, file.width))
            with plain_areas():
                plain = steps.pixels(image)
            for way, pixels in enumerate((plain, steps.pixels(image), steps.pixels(fresh))):
                outputs = session.run(None, {model.inputs[0].name: steps.normalise(pixels)})
                said[number, index, way] = outputs[0][0].argmax()
    labels = np.array(samples.labels)
    content, rows = {}, []
    for number, model in enumerate(models):
        right = (said[number] == labels[:, None]).astype(float)
        full = right[:, 0]
        row: dict[str, Any] = {"n": len(labels), "reductions": sorted(reductions[number]), "full": full.mean()}
        for way, name in ((1, "halved"), (2, "reduced")):
            difference = bootstrap(mean_of_first, [right[:, way] - full])
            agreement = float((said[number, :, way] == said[number, :, 0]).mean())
            row[name] = {"accuracy": right[:, way].mean(), "agreement": agreement, "difference": list(difference)}
            points = "{:+.2f} ({:+.2f} to {:+.2f})".format(*(100 * figure for figure in difference))
            accuracies = (f"{full.mean():.2%}", f"{right[:, way].mean():.2%}")
            scale = "1/" + ", 1/".join(map(str, row["reductions"]))
            rows.append((model.name, scale if way == 2 else "1/1", name, *accuracies, f"{agreement:.2%}", points))
        content[model.name] = row
    print(plain_table(rows, ("network", "scale", "way", "full", "accuracy", "agreement", "points, 95 %")))
    return content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("time")
    one.add_argument("photographs", type=Path)
    one.add_argument("--model", type=Path, help="default: EfficientNet-Lite0 with its ImageNet weights")
    one.add_argument("--bundle", type=Path, help="instead of one network; it decides itself how many threads run")
    one.add_argument("--count", type=int, default=8, help="of photographs")
    one.add_argument("--rounds", type=int, default=15)
    one.add_argument("--megapixels", type=float, default=12.0)
    one.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    one.set_defaults(run=timing)
    other = commands.add_parser("accuracy")
    other.add_argument("photographs", type=Path)
    other.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    other.add_argument("--enlarge", type=float, metavar="MEGAPIXELS")
    other.add_argument("--count", type=int, help="of photographs; default: all")
    other.set_defaults(run=accuracy)
    for command in (one, other):
        command.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    content = {"device": device_fingerprint(), **arguments.run(arguments)}
    if arguments.json:
        arguments.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
