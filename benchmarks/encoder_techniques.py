"""What techniques do to an encoder of text: closeness of its embeddings to those of float32, size, speed.

    compsel networks export minilm-l6 --weights model.safetensors --out encoder.onnx
    OMP_NUM_THREADS=1 python benchmarks/encoder_techniques.py encoder.onnx --samples TABLE... [--technique T]...

Of each table 50 texts calibrate and 100 others are compared. Latencies are those of one thread, on random tokens, every
variant in turn; speed-ups are medians of ratios.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

import compsel
from compsel.cli.tables import plain_table
from compsel.errors import NotApplicableError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model
from compsel.models.ort_options import session_options
from compsel.storage.files import write_json
from compsel.techniques import parse

TECHNIQUES = (
    *("none", "fuse", "int8-dynamic", "int8-dynamic:per_channel=false", "fuse+int8-dynamic", "int8-static"),
    *("fuse+int8-static", "float16", "int4-weight", "low-rank:0.3,samples=30"),
)
CALIBRATION, COMPARED, ROUNDS = 50, 100, 40
Run = Callable[[dict[str, np.ndarray]], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--samples", type=Path, nargs="+", required=True)
    parser.add_argument("--technique", action="append")
    parser.add_argument("--tokens", type=int, nargs="+", default=[10, 64])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    model = Model.load(arguments.model)
    texts = [table.spread(CALIBRATION + COMPARED) for table in map(compsel.TextTable, arguments.samples)]
    calibration = ArraySamples([sample.value for table in texts for sample in list(table)[::3]])
    compared = [sample.value for table in texts for index, sample in enumerate(table) if index % 3]
    runs: dict[str, Run] = {"float32": opened(model)}
    feeds = [feeds_of(model, text) for text in compared]
    want = np.concatenate([runs["float32"](feed) for feed in feeds])
    rows = []
    for spec in arguments.technique or TECHNIQUES:
        try:
            variant = parse(spec).apply(model, calibration)
        except NotApplicableError as error:
            print(f"{spec}: {error}")
            continue
        runs[spec] = opened(variant)
        cosines = cosine(np.concatenate([runs[spec](feed) for feed in feeds]), want)
        row = {"technique": spec, "mb": len(variant.serialize()) / 1e6}
        rows.append({**row, "cosine": float(cosines.mean()), "least_cosine": float(cosines.min())})
    for tokens in arguments.tokens:
        for row, (ms, speedup) in zip(rows, timed(runs, tokens), strict=True):
            row |= {f"ms_{tokens}": ms, f"speedup_{tokens}": speedup}
    print(plain_table(([cell(value) for value in row.values()] for row in rows), tuple(rows[0])))
    if arguments.json:
        write_json(arguments.json, {"model": model.name, "techniques": rows})


def opened(model: Model) -> Run:
    session = onnxruntime.InferenceSession(model.serialize(), session_options(1), providers=["CPUExecutionProvider"])
    return lambda feeds: np.asarray(session.run(None, feeds)[0])


def cosine(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    return np.asarray((got * want).sum(1) / np.linalg.norm(got, axis=1) / np.linalg.norm(want, axis=1))


def timed(runs: dict[str, Run], tokens: int) -> list[tuple[float, float]]:
    """Return the median latency in ms and the speed-up of all but the first."""
    ids = np.random.default_rng(0).integers(1000, 30000, (1, tokens))
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    latencies = np.zeros((ROUNDS, len(runs)))
    for index in range(-2, ROUNDS):  # the first two are not counted
        for place, run in enumerate(runs.values()):
            start = time.perf_counter()
            run(feeds)
            latencies[index, place] = (time.perf_counter() - start) * 1000
    medians, ratios = np.median(latencies, axis=0), np.median(latencies[:, :1] / latencies, axis=0)
    return [(float(a), float(b)) for a, b in zip(medians[1:], ratios[1:], strict=True)]


def cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.3f}"


if __name__ == "__main__":
    main()
