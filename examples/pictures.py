"""The pictures of the gallery, from what the other programs measured (needs `pip install 'compsel[report]'`).

    python examples/camera_stream.py BUNDLE --csv frames.csv
    python examples/pictures.py frames.csv docs/gallery

writes `camera_stream.png` (latency of every frame beside its deadline) and `compare_to_oracle.svg` (accuracy and
latency of every way to choose, from the tables that come with this project), and prints their names and sizes.
"""

import csv
import sys
from pathlib import Path

import matplotlib
from matplotlib import pyplot

import compsel
from compare_to_oracle import DATA

matplotlib.use("agg")
# the same file for the same data; letters as outlines, so that it looks alike everywhere, would be 60 kB more
matplotlib.rcParams.update({"svg.hashsalt": "compsel", "svg.fonttype": "none", "font.family": "sans-serif"})
COLOURS = ("#0b6e99", "#b3541e")


def camera(table: Path, out: Path, fps: float = 120) -> None:
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    loads = sorted({int(row["busy"]) for row in rows})
    figure, axes = pyplot.subplots(1, len(loads), figsize=(8, 3), sharey=True, squeeze=False)
    for place, load in zip(axes[0], loads, strict=True):
        for policy, colour in zip(dict.fromkeys(row["policy"] for row in rows), COLOURS, strict=False):
            ours = [row for row in rows if row["policy"] == policy and int(row["busy"]) == load]
            seen = [(int(row["frame"]), float(row["latency_ms"])) for row in ours if row["latency_ms"]]
            late = len(ours) - sum(latency <= 1000 / fps for _, latency in seen)
            name = f"{policy.replace('_', ' ')}: {late} of {len(ours)} late or dropped"
            place.plot(*zip(*seen, strict=True), ".", color=colour, label=name)
        place.axhline(1000 / fps, color="black", linewidth=0.8, linestyle="--")
        place.set(yscale="log", xlabel="frame", title=f"{load} busy processes" if load else "no busy processes")
        place.legend(fontsize=8, loc="upper left")
    low, high = axes[0][0].get_ylim()
    axes[0][0].set(ylabel="ms from frame to answer", ylim=(low, 4 * high))
    save(figure, out / "camera_stream.png")


def oracle(out: Path) -> None:
    scores = compsel.train(DATA, max_loss=0.01).comparison.scores
    figure, axes = pyplot.subplots(figsize=(6, 3.4))
    for name, score in scores.items():
        axes.plot(score.latency_ms, 100 * score.quality, "o", color=COLOURS[name == "oracle"])
        axes.annotate(name, (score.latency_ms, 100 * score.quality), (5, 5), textcoords="offset points", fontsize=9)
    axes.set(xlabel="mean latency, ms", ylabel="accuracy, %", xlim=(0, None))
    axes.margins(0.15)
    save(figure, out / "compare_to_oracle.svg")


def save(figure: pyplot.Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {"metadata": {"Date": None}} if path.suffix == ".svg" else {"dpi": 75, "pil_kwargs": {"optimize": True}}
    figure.savefig(path, bbox_inches="tight", **kind)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    camera(Path(sys.argv[1]), Path(sys.argv[2]))
    oracle(Path(sys.argv[2]))
