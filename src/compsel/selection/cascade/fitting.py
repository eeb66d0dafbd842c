"""Learn a cascade from what every variant said about labelled samples."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from compsel.features.evidence import OutputEvidence
from compsel.features.fusion import Evidence, fuse
from compsel.selection.cascade.calibration import FOLDS, calibrate, out_of_fold_probabilities, split
from compsel.selection.cascade.calibration_prior import CalibrationPrior, shipped_prior
from compsel.selection.cascade.decision_graph import Cascade, Node
from compsel.selection.cascade.input_difficulty import InputDifficulty, easy_probability, standardise
from compsel.selection.cascade.pooling import pool_weights
from compsel.selection.training.folds import assign_folds

__all__ = ["fit_cascade"]

Floats = NDArray[np.float64]
_GRID = 24  # points on which values are kept
_BANDWIDTH = 0.5  # of the kernel that smooths transitions, in log-odds
_DIFFICULTY_RIDGE = 30.0  # many features that say little each
_EASY_RIDGE = 1.0  # on the log-odds of looking easy
_LEAST_SPREAD = 1e-6


# many parameters: names, evidence and labels are what is always given; the others are independent of each other
def fit_cascade(
    names: Sequence[str],
    evidence: Sequence[Evidence],
    labels: NDArray[np.integer],
    *,
    max_stages: int = 3,
    seed: int = 0,
    groups: NDArray[np.integer] | None = None,
    features: tuple[str, NDArray[np.float32]] | None = None,
    unlabelled: Sequence[Evidence] = (),
) -> Cascade:
    """Learn pool weights, calibrations and transitions of every set of at most `max_stages` variants.

    Args:
        names: of the variants.
        evidence: what each variant said about the n samples.
        labels: (n,), class of each sample.
        max_stages: the most variants that may run for one input.
        seed: of the folds from which out-of-fold probabilities come.
        groups: (n,), samples of one group share a fold; None: each is by itself.
        features: name of an extractor and its features (n, n_features), by which inputs look easy or not; None: by
            nothing before a variant has run.
        unlabelled: what each variant said about further inputs, without features: they count in transitions.

    Returns:
        A policy; costs and the penalty come later, with `Cascade.plan`.
    """
    labels = np.asarray(labels)
    folds = assign_folds(len(labels), FOLDS, groups, seed)
    sets = [members for size in range(1, max_stages + 1) for members in combinations(range(len(names)), size)]
    nodes: dict[tuple[int, ...], Node] = {}
    scores: dict[tuple[int, ...], Floats] = {}
    difficulty, easy = None, np.empty((len(labels), 0))
    n_inputs = len(labels) + (len(unlabelled[0].classes) if unlabelled else 0)
    root, scores[()] = Node((), np.ones(0), np.zeros(0), 0.0, np.array([0.5])), np.full(n_inputs, 0.5)
    if features is not None:
        difficulty, log_odds = _fit_difficulty(*features, _weakest(evidence, labels), folds)
        easy, scores[()] = log_odds[:, None], easy_probability(log_odds)
        root = replace(root, grid=_evenly(scores[()]))
    others = () if features is not None else unlabelled
    for members in sets:
        stages, further = ([said[member] for member in members if said] for said in (evidence, others))
        nodes[members], scores[members] = _fit_node(members, stages, labels, easy, folds, further)
    return Cascade(
        tuple(names),
        tuple(_with_edges(node, nodes, scores, len(names)) for node in [root, *nodes.values()]),
        difficulty,
        *_confidence(evidence[0]),
    )


def _fit_node(
    members: tuple[int, ...],
    stages: Sequence[Evidence],
    labels: NDArray[np.integer],
    easy: Floats,
    folds: NDArray[np.integer],
    unlabelled: Sequence[Evidence],
) -> tuple[Node, Floats]:
    """Return the node of a set of variants, without edges, and the probability of being right of every sample.

    Of samples with labels it is the one out of fold; those without labels come last.
    """
    weights = pool_weights(stages, labels)
    fused = fuse(stages, weights)
    right = fused.classes == labels
    known = np.concatenate([fused.features, easy], axis=1)
    prior = _prior(stages, easy.shape[1])
    coefficients, intercept = calibrate(known, right, prior=prior)
    scores = out_of_fold_probabilities(known, right, folds, prior, (coefficients, intercept))
    if unlabelled:
        log_odds = fuse(unlabelled, weights).features @ coefficients + intercept
        scores = np.concatenate([scores, 1.0 / (1.0 + np.exp(-log_odds))])
    return Node(members, weights, coefficients, intercept, _grid(scores)), scores


def _prior(stages: Sequence[Evidence], n_further: int) -> CalibrationPrior | None:
    """Return what other models say about such a calibration; nothing, for answers without class scores."""
    prior = None if isinstance(stages[0], OutputEvidence) else shipped_prior(len(stages))
    return None if prior is None else prior.with_features(n_further, _EASY_RIDGE)


def _confidence(evidence: Evidence) -> tuple[str, int]:
    """Return what gave the numbers of answers without class scores, and how many there are."""
    return (evidence.source, evidence.confidence.shape[1]) if isinstance(evidence, OutputEvidence) else ("", 0)


def _weakest(evidence: Sequence[Evidence], labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    return min((stage.classes[:, 0] == labels for stage in evidence), key=lambda right: float(right.mean()))


def _fit_difficulty(
    extractor: str, features: NDArray[np.float32], right: NDArray[np.bool_], folds: NDArray[np.integer]
) -> tuple[InputDifficulty, Floats]:
    """Fit the difficulty of inputs, and return it with the log-odds (n,) that it gives each sample out of fold."""
    known = ~np.isnan(features)
    counts = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, features, 0.0).sum(axis=0, dtype=np.float64) / counts
    spread = np.sqrt((np.where(known, features - centre, 0.0) ** 2).sum(axis=0) / counts) + _LEAST_SPREAD
    deviations = standardise(features, centre, spread)
    log_odds = np.empty(len(right))
    for fold in range(FOLDS):
        train, test = split(folds, fold)
        coefficients, intercept = calibrate(deviations[train], right[train], _DIFFICULTY_RIDGE)
        log_odds[test] = deviations[test] @ coefficients + intercept
    coefficients, intercept = calibrate(deviations, right, _DIFFICULTY_RIDGE)
    return InputDifficulty(extractor, centre, spread, coefficients, intercept), log_odds


def _evenly(scores: Floats) -> Floats:
    """Return a grid whose points stand for as many samples each."""
    return np.unique(np.quantile(scores, (np.arange(_GRID) + 0.5) / _GRID))


def _grid(scores: Floats) -> Floats:
    return np.unique(np.quantile(scores, np.linspace(0, 1, _GRID)))


def _with_edges(
    node: Node, nodes: dict[tuple[int, ...], Node], scores: dict[tuple[int, ...], Floats], n_variants: int
) -> Node:
    kernel = _kernel(node.grid, scores[node.members])
    edges = {}
    for variant in range(n_variants):
        target = nodes.get(tuple(sorted((*node.members, variant))))
        if variant not in node.members and target is not None:
            edges[variant] = kernel @ _on_grid(scores[target.members], target.grid)
    return Node(node.members, node.weights, node.coefficients, node.intercept, node.grid, edges)


def _kernel(grid: Floats, scores: Floats) -> Floats:
    """Return the share (n_grid, n) that each sample has in each grid point: a Gaussian in log-odds."""
    distance = (_log_odds(grid)[:, None] - _log_odds(scores)[None, :]) / _BANDWIDTH
    weights = np.exp(-0.5 * distance**2) + 1e-12
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _on_grid(scores: Floats, grid: Floats) -> Floats:
    """Return each score as a mixture (n, n_grid) of its two neighbours on the grid."""
    mixture = np.zeros((len(scores), len(grid)))
    rows = np.arange(len(scores))
    if len(grid) == 1:
        mixture[:, 0] = 1.0
        return mixture
    upper = np.clip(np.searchsorted(grid, scores), 1, len(grid) - 1)
    share = np.clip((scores - grid[upper - 1]) / (grid[upper] - grid[upper - 1]), 0.0, 1.0)
    mixture[rows, upper] = share
    mixture[rows, upper - 1] = 1.0 - share
    return mixture


def _log_odds(probability: Floats) -> Floats:
    return np.asarray(np.log((probability + 1e-4) / (1.0 - probability + 1e-4)))
