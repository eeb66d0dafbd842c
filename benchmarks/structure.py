"""How much faster channel pruning and low-rank factorisation make a network at 1 % less accuracy, without training.

    python benchmarks/structure.py --samples DIR [--json FILE] [--work DIR] MODEL.onnx...

DIR holds photographs and a `labels.csv`. Every third photograph is for the search (half of those fit, half judge); the
others are only evaluated. Latency is measured in one run, the model and its variants in turns, on `cpu:1` and `cpu:2`;
what is told is the median of the ratios. What a search measured is kept in the folder `--work`: an interrupted run
goes on from there.
"""

import argparse
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from compsel.building.search import search
from compsel.cli.tables import plain_table
from compsel.cli.terminal import TERMINAL
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import ImageFolder, Samples
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.networks import macs
from compsel.processors import parse as parse_processor
from compsel.profiling.latency import Criterion
from compsel.profiling.paired_timer import measure_pair
from compsel.selection.goals import parse_goal
from compsel.storage.files import write_json
from compsel.techniques import parse
from compsel.techniques.layerwise.technique import LayerwiseTechnique

TECHNIQUES = ("channel-prune", "low-rank")
PROCESSORS = ("cpu:1", "cpu:2")
TIMING = Criterion(min_runs=100, max_runs=100, budget_s=math.inf)
RESAMPLES = 2000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--samples", type=Path, required=True, metavar="DIR")
    parser.add_argument("--goal", default="at most 1 % less accurate")
    parser.add_argument("--technique", action="append", metavar="T", help=f"default: {', '.join(TECHNIQUES)}")
    parser.add_argument("--search", type=int, default=200, metavar="N", help="most photographs to search with")
    parser.add_argument("--evaluate", type=int, default=400, metavar="N", help="most photographs to evaluate")
    parser.add_argument("--work", type=Path, default=Path("structure.work"), metavar="DIR")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    for path in arguments.models:
        for spec in arguments.technique or TECHNIQUES:
            rows.append(row := measure(Model.load(path), spec, arguments))
            print(f"{row['model']} {row['technique']}: {row['latency_ratio']}", file=sys.stderr, flush=True)
            if arguments.json:
                write_json(arguments.json, {"goal": arguments.goal, "rows": rows})
    print(plain_table(map(shown, rows), HEADER))
    return 0


HEADER = ("model", "technique", "work", *PROCESSORS, "before", "after", "lost (95 %)", "plan")


def shown(row: dict[str, Any]) -> tuple[str, ...]:
    latency = (f"{row['latency_ratio'][name]:.3f}" for name in PROCESSORS)
    low, high = row["lost_interval"]
    loss = f"{row['lost']:+.1%} ({low:+.1%} to {high:+.1%})"
    figures = (f"{row['work_ratio']:.3f}", *latency, f"{row['accuracy_before']:.1%}", f"{row['accuracy']:.1%}", loss)
    return (row["model"], row["technique"], *figures, row["plan"][:60])


def measure(model: Model, spec: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Search, then evaluate what was chosen on photographs that the search has not seen."""
    samples = ImageFolder(arguments.samples)
    searched = samples.subset(range(0, len(samples), 3)).spread(arguments.search)
    unseen = samples.subset([index for index in range(len(samples)) if index % 3]).spread(arguments.evaluate)
    technique = parse(spec)
    if not isinstance(technique, LayerwiseTechnique):
        raise SystemExit(f"{spec}: allowed are {', '.join(TECHNIQUES)}")
    result = search(model, technique, searched, parse_goal(arguments.goal), arguments.work, reporter=TERMINAL)
    chosen = result.chosen
    # where nothing is good enough the model itself stays
    variant = Model.load(result.files[chosen.technique]) if chosen else model
    before, after = right(model, unseen), right(variant, unseen)
    feeds = [feeds_of(model, unseen.value(index)) for index in range(4)]
    lost = before.astype(float) - after
    drawn = np.random.default_rng(0).integers(0, len(lost), (RESAMPLES, len(lost)))
    return {
        "model": model.name,
        "technique": spec,
        "plan": chosen.technique if chosen else "none",
        "search": asdict(chosen) if chosen else None,
        "front": [asdict(point) for point in result.front],
        "work_ratio": macs(variant) / macs(model),
        "latency_ratio": {name: latency_ratio(variant, model, name, feeds) for name in PROCESSORS},
        "evaluated": len(unseen),
        "accuracy_before": float(before.mean()),
        "accuracy": float(after.mean()),
        "lost": float(lost.mean()),
        "lost_interval": [float(bound) for bound in np.quantile(lost[drawn].mean(axis=1), (0.025, 0.975))],
    }


def latency_ratio(variant: Model, original: Model, processor: str, feeds: list[dict[str, np.ndarray]]) -> float:
    """Return the variant's median latency over the original's, of runs in turns."""
    where = parse_processor(processor)
    sessions = [where.open(model.serialize()) for model in (original, variant)]
    return measure_pair(sessions[0].run, sessions[1].run, feeds, TIMING).ratio().value


def right(model: Model, samples: Samples) -> np.ndarray:
    """Return for each sample whether the answer is its label."""
    session = open_session(model.proto)
    answers = [
        int(session.run(None, feeds_of(model, sample.value))[0].argmax()) == sample.label
        for sample in TERMINAL.track(samples, f"evaluate {model.name}")
    ]
    return np.array(answers)


if __name__ == "__main__":
    sys.exit(main())
