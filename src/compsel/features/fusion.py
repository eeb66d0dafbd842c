"""Fusion of the answers of several stages: the most probable class of all together, and features of how sure it is.

The same arithmetic runs when a policy is trained (on a table of samples) and on the device (on one input), so that
both decide alike.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from compsel.features.evidence import Evidence, Fused, OutputEvidence, Scores, stack_evidence
from compsel.features.output_sketch import compare
from compsel.values import dataclass

__all__ = [
    "MIN_PROBABILITY",
    "ODDS_SMOOTHING",
    "TOP",
    "Candidates",
    "Evidence",
    "Fused",
    "Scores",
    "candidates",
    "fuse",
    "fuse_one",
    "n_features",
    "read_evidence",
    "softmax",
    "stack_evidence",
]

# classes kept of each answer: the right one is hardly ever beyond, and a table stays small
TOP = 10
_LEAST_REST = 1e-6  # of the probability that the classes beyond share
MIN_PROBABILITY = 1e-12  # keeps logarithms finite
ODDS_SMOOTHING = 1e-4  # keeps log-odds finite; differences beyond it say nothing about being right


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of logits, over the last axis.

    >>> softmax(np.array([0.0, 0.0], np.float32))
    array([0.5, 0.5], dtype=float32)
    """
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    powers /= powers.sum(axis=-1, keepdims=True)
    return np.asarray(powers, np.float32)


def read_evidence(probabilities: NDArray[np.float32], top: int = TOP) -> Evidence:
    """Return the evidence in the probabilities (n_classes,) of one answer.

    >>> read_evidence(np.array([0.1, 0.7, 0.2], np.float32)).classes
    array([[1, 2, 0]], dtype=int32)
    """
    count = len(probabilities)
    if count > 4 * top:
        some = probabilities.argpartition(count - top)[count - top :]
        some = some[(-probabilities[some]).argsort(kind="stable")]
    else:
        some = (-probabilities).argsort(kind="stable")[:top]
    return Evidence(some.astype(np.int32)[None], probabilities[some][None], count)


def n_features(stages: int) -> int:
    """Number of features that `fuse` gives for so many stages."""
    return 2 if stages == 1 else 5


@dataclass(frozen=True, slots=True)
class Candidates:
    """The classes that any stage named, with what every stage says about them.

    Attributes:
        classes: (n, n_candidates); a class that two stages named stands there twice.
        counted: bool (n, n_candidates), False for a class that stands further to the left already.
        log_probabilities: (n, n_candidates, n_stages).
        log_rest: (n, n_stages), of each class that the stage did not name: what it left over, spread evenly.
        n_others: (n,), number of classes that no stage named.
    """

    classes: NDArray[np.integer]
    counted: NDArray[np.bool_]
    log_probabilities: NDArray[np.float64]
    log_rest: NDArray[np.float64]
    n_others: NDArray[np.float64]


def candidates(stages: Sequence[Evidence]) -> Candidates:
    """Collect what stages say about the same n inputs."""
    classes = np.concatenate([stage.classes for stage in stages], axis=1)
    same = classes[:, :, None] == classes[:, None, :]
    counted = same.argmax(axis=2) == np.arange(classes.shape[1])
    logs, rests = [], []
    for stage in stages:
        probabilities = stage.probabilities.astype(np.float64)
        rest = np.maximum(1.0 - probabilities.sum(axis=1), _LEAST_REST) / max(
            stage.n_classes - stage.classes.shape[1], 1
        )
        named = classes[:, :, None] == stage.classes[:, None, :]
        mass = np.matmul(named, probabilities[:, :, None])[:, :, 0]
        logs.append(np.log(np.where(named.any(axis=2), np.maximum(mass, MIN_PROBABILITY), rest[:, None])))
        rests.append(np.log(rest))
    others = stages[0].n_classes - counted.sum(axis=1)
    return Candidates(classes, counted, np.stack(logs, axis=2), np.stack(rests, axis=1), others.astype(np.float64))


def fuse(stages: Sequence[Evidence], weights: NDArray[np.float64]) -> Fused:
    """Fuse the evidence of stages: a product of their probabilities, each to the power of its weight.

    That is the logarithmic opinion pool (Genest and Zidek, Statistical Science 1(1), 1986, section 3). Classes that a
    stage did not name share evenly what it left over.

    Args:
        stages: what each stage said about the same n inputs.
        weights: (n_stages,), the powers.

    Returns:
        For answers without class scores, what `compsel.features.output_sketch.compare` says. Else the fused
        classes, and as features the log-odds of the fused probability and its log-ratio to the second class; with
        several stages also those two of the heaviest stage alone, and the share of stages that agree.
    """
    outputs = [stage for stage in stages if isinstance(stage, OutputEvidence)]
    if outputs:
        return compare(outputs, weights)
    if len(stages) == 1:
        stage = stages[0]
        return Fused(stage.classes[:, 0].astype(np.intp), np.stack(_margins(stage), axis=1))
    found = candidates(stages)
    scores = np.where(found.counted, found.log_probabilities @ weights, -np.inf)
    rows = np.arange(len(scores))
    top = scores.argmax(axis=1)
    best = found.classes[rows, top].astype(np.intp)
    powers = np.exp(scores - scores[rows, top][:, None])
    total = powers.sum(axis=1) + found.n_others * np.exp(found.log_rest @ weights - scores[rows, top])
    powers[rows, top] = 0.0
    first, second = 1.0 / total, powers.max(axis=1) / total
    agree = sum((stage.classes[:, 0] == best for stage in stages), np.zeros(len(rows))) / len(stages)
    heavy = _margins(stages[int(weights.argmax())])
    return Fused(best, np.stack([_log_odds(first), _log_ratio(first, second), *heavy, agree], axis=1))


def fuse_one(stages: Sequence[Evidence], weights: Sequence[float]) -> tuple[int, list[float]]:
    """Fuse the evidence of one input: `fuse` without arrays, for the hot path of an app.

    Args:
        stages: each of one row.
        weights: the powers.

    Returns:
        The fused class, and the features of `fuse`.
    """
    if isinstance(stages[0], OutputEvidence):
        fused = fuse(stages, np.array(weights))
        return int(fused.classes[0]), fused.features[0].tolist()
    if len(stages) == 1:
        probabilities = stages[0].probabilities
        second = probabilities.item(1) if probabilities.size > 1 else 0.0
        return stages[0].classes.item(0), _margins_of(probabilities.item(0), second)
    rows = [(stage.classes[0].tolist(), stage.probabilities[0].tolist()) for stage in stages]
    scores: dict[int, float] = {}
    base = 0.0
    for (classes, probabilities), stage, weight in zip(rows, stages, weights, strict=True):
        rest = math.log(max(1.0 - sum(probabilities), _LEAST_REST) / max(stage.n_classes - len(classes), 1))
        base += weight * rest
        # relative to what the stage says about a class that it does not name
        for one, probability in zip(classes, probabilities, strict=True):
            scores[one] = scores.get(one, 0.0) + weight * (math.log(max(probability, MIN_PROBABILITY)) - rest)
    best = max(scores, key=scores.__getitem__)
    top = scores.pop(best)
    powers = [math.exp(score - top) for score in scores.values()]
    total = 1.0 + sum(powers) + (stages[0].n_classes - len(scores) - 1) * math.exp(-top)
    first, second = 1.0 / total, max(powers, default=0.0) / total
    agree = sum(classes[0] == best for classes, _ in rows) / len(rows)
    heavy = rows[max(range(len(rows)), key=weights.__getitem__)][1]
    return best, [*_margins_of(first, second), *_margins_of(*(*heavy, 0.0)[:2]), agree]


def _margins_of(first: float, second: float) -> list[float]:
    return [
        math.log((first + ODDS_SMOOTHING) / (1.0 - first + ODDS_SMOOTHING)),
        math.log((first + ODDS_SMOOTHING) / (second + ODDS_SMOOTHING)),
    ]


def _margins(stage: Evidence) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    probabilities = stage.probabilities[:, :2].astype(np.float64)
    first = probabilities[:, 0]
    second = probabilities[:, 1] if probabilities.shape[1] > 1 else np.zeros_like(first)
    return _log_odds(first), _log_ratio(first, second)


def _log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log((probability + ODDS_SMOOTHING) / (1.0 - probability + ODDS_SMOOTHING)))


def _log_ratio(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log((first + ODDS_SMOOTHING) / (second + ODDS_SMOOTHING)))
