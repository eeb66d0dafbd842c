"""Make a benchmark set of inputs as cameras give them, from labelled photographs.

Every photograph becomes `--versions` images: one kind of corruption each (or none, in a share that is as large as that
of every kind), at one of five severities; kinds and severities are mixed evenly, by the seed. `labels.csv` has the
columns file,label,group,corruption,severity: versions of one photograph share a group, so that cross-validation keeps
them together.

    python benchmarks/camera_inputs.py PHOTOGRAPHS --out camera/ --versions 2
"""

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np

import compsel
from compsel.cli.terminal import TERMINAL
from corruptions import CORRUPTIONS, SEVERITIES, corrupt

CLEAN = "none"


def draw_kinds(n: int, versions: int, seed: int) -> np.ndarray:
    """Return (n, versions) of kinds: each as often as the others, and no kind twice for a photograph."""
    generator = np.random.default_rng(seed)
    kinds = [CLEAN, *CORRUPTIONS]
    if not 1 <= versions <= len(kinds):
        raise SystemExit(f"--versions: got {versions}, allowed are 1 to {len(kinds)}")
    start = generator.permutation(n) % len(kinds)
    # the same steps around a shuffled circle for all: even counts, different kinds
    circle = generator.permutation(len(kinds))
    steps = generator.permutation(len(kinds))[:versions]
    return np.array(kinds)[circle[(start[:, None] + steps[None]) % len(kinds)]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path, help="folder of images with labels.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder of the set")
    parser.add_argument("--versions", type=int, default=1, help="images from each photograph (default 1)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    photographs = compsel.ImageFolder(arguments.photographs)
    if not photographs.labelled:
        raise SystemExit(f"{arguments.photographs}: has no labels.csv: label the photographs")
    kinds = draw_kinds(len(photographs), arguments.versions, arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for index in TERMINAL.track(range(len(photographs)), "camera inputs"):
        photograph = photographs[index]
        for version, kind in enumerate(kinds[index].tolist()):
            generator = np.random.default_rng([arguments.seed, index, version])
            severity = 0 if kind == CLEAN else int(generator.choice(SEVERITIES))
            image = photograph.value if kind == CLEAN else corrupt(photograph.value, kind, severity, generator)
            name = f"{Path(photograph.name).stem}-{kind}-{severity}.png"
            cv2.imwrite(str(arguments.out / name), image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
            rows.append((name, photograph.label, photograph.name, kind, severity))
    with (arguments.out / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("file", "label", "group", "corruption", "severity"))
        writer.writerows(rows)
    print(f"{arguments.out}: {len(rows)} images of {len(photographs)} photographs")


if __name__ == "__main__":
    main()
