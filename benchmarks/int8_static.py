"""int8-static with its defaults: what it costs in accuracy, gains in latency, and how long it takes.

    python benchmarks/int8_static.py --samples DIR --weights MODEL.onnx ... [--variants FILE.onnx ...] [--json FILE]

DIR holds the images and `labels.csv`. Every model is compressed with no option set, calibrated on 50 samples that are
spread evenly; accuracy is counted on the others, with the exact test of McNemar for the difference (Dietterich 1998).
Latency is the median of the ratios to the float model on one thread of the CPU, both run in turns, on every processor
that works here: the best processor of a variant may be another than the CPU. `--variants` are files that other tools
made of the (one) model: they are measured like ours. Defaults of peers on EfficientNet-Lite0 and Lite2, with these 50
images: at best 0.45 and 0.42 of the latency, 0.6 and 0.3 points less accurate, in 4 s.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

import numpy as np

from compsel import ImageFolder
from compsel.cli.tables import plain_table
from compsel.errors import CompselError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.processors import CpuProcessor, Processor, Session, discover
from compsel.storage.files import write_json
from compsel.techniques import parse

REFERENCE = CpuProcessor(1)
TECHNIQUE = "int8-static"


@dataclass(frozen=True)
class Contender:
    """A variant of a model, with what it took to make it."""

    name: str
    model: Model
    seconds: float | None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--weights", type=Path, nargs="+", required=True, metavar="MODEL.onnx")
    parser.add_argument("--variants", type=Path, nargs="+", default=[], metavar="FILE.onnx")
    parser.add_argument("--calibration", type=int, default=50, help="images")
    parser.add_argument("--rounds", type=int, default=30, help="of the latency measurement")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.variants and len(arguments.weights) != 1:
        parser.error("--variants: give the one model that they were made of")
    samples = ImageFolder(arguments.samples)
    chosen = samples.spread(arguments.calibration).indices
    calibration = samples.subset(chosen)
    judged = samples.subset(sorted(set(range(len(samples))) - set(chosen)))
    processors = usable_processors()
    rows: list[dict[str, Any]] = []
    for path in arguments.weights:
        model = Model.load(path)
        contenders = [compress(model, calibration)]
        contenders += [Contender(file.stem, Model.load(file), None) for file in arguments.variants]
        rows.extend(measure(model, contenders, judged, processors, arguments.rounds))
    header = ("model", "variant", "s", "size", "float %", "int8 %", "lost/won", "p", "processor", "latency ratio")
    print(plain_table(map(shown, rows), header))
    if arguments.json:
        write_json(arguments.json, {"calibration": arguments.calibration, "n": len(judged), "rows": rows})
    return 0


def usable_processors() -> list[Processor]:
    """Return the CPU with one thread, and each processor of another kind that works here."""
    others = [found for found, state in discover() if state.available and found.provider != REFERENCE.provider]
    return [REFERENCE, *others]


def compress(model: Model, calibration: Samples) -> Contender:
    started = time.perf_counter()
    variant = parse(TECHNIQUE).apply(model, calibration)
    return Contender(TECHNIQUE, variant, time.perf_counter() - started)


def measure(
    model: Model, contenders: Sequence[Contender], judged: Samples, processors: Sequence[Processor], rounds: int
) -> list[dict[str, Any]]:
    """Return one row for each contender."""
    with_labels = [index for index, label in enumerate(judged.labels) if label is not None]
    feeds = [feeds_of(model, judged.value(index)) for index in with_labels]
    labels = np.array([judged.labels[index] for index in with_labels])
    original = model.serialize()
    float_right = right(REFERENCE.open(original), feeds, labels)
    rows = []
    for contender in contenders:
        content = contender.model.serialize()
        int8_right = right(REFERENCE.open(content), feeds, labels)
        lost, won = int((float_right & ~int8_right).sum()), int((~float_right & int8_right).sum())
        rows.append(
            {
                "model": model.name,
                "variant": contender.name,
                "seconds": contender.seconds,
                "size_ratio": len(content) / len(original),
                "float_accuracy": float(float_right.mean()),
                "accuracy": float(int8_right.mean()),
                "lost": lost,
                "won": won,
                "mcnemar_p": mcnemar(lost, won),
                "latency_ratios": latency_ratios(original, content, processors, feeds[0], rounds),
            }
        )
        print(f"{model.name}: {contender.name} measured", file=sys.stderr, flush=True)
    return rows


def right(session: Session, feeds: Sequence[Mapping[str, np.ndarray]], labels: np.ndarray) -> np.ndarray:
    """Tell for each sample whether the top class is its label, bool (n,)."""
    return np.array([int(session.run(feed)[0].argmax()) for feed in feeds]) == labels


def mcnemar(lost: int, won: int) -> float:
    """Return the exact two-sided p of a difference between two answers to the same questions.

    >>> mcnemar(10, 4)
    0.1796...
    """
    total = lost + won
    tail = sum(comb(total, index) for index in range(min(lost, won) + 1)) / 2**total
    return float(min(1.0, 2 * tail))


def latency_ratios(
    original: bytes, variant: bytes, processors: Sequence[Processor], feed: Mapping[str, np.ndarray], rounds: int
) -> dict[str, float | None]:
    """Return, by processor, the latency of a variant there over that of the float model on one thread of the CPU."""
    reference = REFERENCE.open(original)
    ratios: dict[str, float | None] = {}
    for processor in processors:
        try:
            session = processor.open(variant)
        except CompselError as error:
            print(f"{processor.name}: {error}", file=sys.stderr)
            ratios[processor.name] = None
            continue
        for warm in (reference, session):
            warm.run(feed)
        ratios[processor.name] = statistics.median(
            timed(session, feed) / timed(reference, feed) for _ in range(max(1, rounds))
        )
        session.close()
    return ratios


def timed(session: Session, feed: Mapping[str, np.ndarray]) -> float:
    started = time.perf_counter()
    session.run(feed)
    return time.perf_counter() - started


def shown(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a row of the table; the processor is the best one of the variant."""
    known = {name: ratio for name, ratio in row["latency_ratios"].items() if ratio is not None}
    best = min(known, key=lambda name: known[name])
    return (
        row["model"],
        row["variant"],
        "" if row["seconds"] is None else f"{row['seconds']:.1f}",
        f"{row['size_ratio']:.3f}",
        f"{100 * row['float_accuracy']:.1f}",
        f"{100 * row['accuracy']:.1f}",
        f"{row['lost']}/{row['won']}",
        f"{row['mcnemar_p']:.2f}",
        best,
        ", ".join(f"{name} {ratio:.2f}" for name, ratio in known.items()),
    )


if __name__ == "__main__":
    sys.exit(main())
