"""Simulated classifiers: a cheap one that knows when it is unsure, and a dear one that is right more often."""

import numpy as np

from compsel.features.fusion import Evidence, read_evidence, stack_evidence
from compsel.selection.dataset import SelectionDataset

N_CLASSES = 40


def simulated_evidence(
    generator: np.random.Generator, labels: np.ndarray, difficulty: np.ndarray, skill: float
) -> Evidence:
    """Return what a classifier of some skill says: the logit of the right class is higher for easy samples."""
    rows = []
    for label, hard in zip(labels, difficulty, strict=True):
        logits = generator.normal(size=N_CLASSES)
        logits[label] += skill * (1.0 - hard) + 1.0
        powers = np.exp(logits - logits.max())
        rows.append(read_evidence((powers / powers.sum()).astype(np.float32)))
    return stack_evidence(rows)


def simulated_dataset(n: int = 400, seed: int = 0, skills: tuple[float, ...] = (6.0, 12.0)) -> SelectionDataset:
    """Return a dataset of models "m0", "m1", ... of rising skill and cost, the dearest uncompressed."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, N_CLASSES, n)
    difficulty = generator.uniform(0, 1, n)
    evidence = tuple(simulated_evidence(generator, labels, difficulty, skill) for skill in skills)
    quality = np.stack([one.classes[:, 0] == labels for one in evidence], axis=1).astype(np.float64)
    count = len(skills)
    return SelectionDataset(
        tuple(f"m{number}/none" for number in range(count)),
        np.array([1.0 * 6.0**number for number in range(count)]),
        np.arange(count) == count - 1,
        quality,
        evidence,
        labels.astype(np.int64),
        {"image": generator.normal(size=(n, 3)).astype(np.float32)},
        {"image": 0.1},
    )
