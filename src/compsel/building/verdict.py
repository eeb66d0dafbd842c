"""The verdict on a build: does what ships beat what a sceptic would ship, on samples that it was not trained on?

The comparison is the one by which training decided what ships (`compsel.selection.judging.single_choices`).
"""

from dataclasses import asdict
from typing import Any

import numpy as np

from compsel.evaluation.verdict import Verdict, judge
from compsel.selection.certificate.paired import paired_upper_bound
from compsel.selection.dataset import Outcome
from compsel.selection.judging.single_choices import AgainstSingle
from compsel.selection.training.non_inferiority import paired_difference
from compsel.selection.training.trained import Trained

__all__ = ["against_single", "expectations", "findings", "shipped_outcome", "verdict_of"]

_EXACT = 2500  # samples
# MLPerf Inference rules, "Model": shares of the accuracy of the uncompressed network
_MLPERF = {"no loss": 0.999, "small loss": 0.99}


def against_single(trained: Trained) -> AgainstSingle:
    """Return what ships against the best single choice, in what is minimised."""
    return trained.singles.against(shipped_outcome(trained))


def verdict_of(trained: Trained) -> Verdict:
    """Return what that comparison says of what ships, in words."""
    ours, comparison = shipped_outcome(trained), trained.comparison
    return judge(
        ours,
        comparison.outcomes["oracle"],
        trained.static,
        against_single(trained),
        trained.groups,
        trained_on=len(ours.quality),
        unit=comparison.unit,
    )


def shipped_outcome(trained: Trained) -> Outcome:
    """Return the answers to judge what ships by: to each sample those of a policy that was not trained on it.

    Where one variant ships for every input it is that variant's, whatever others the folds would have shipped.
    """
    ways = list(trained.shipped.ways)
    alone = ways[0] if len(ways) == 1 else ""
    return trained.static.get(alone, trained.comparison.outcomes[trained.comparison.winner])


def findings(trained: Trained) -> dict[str, Any]:
    """Return as JSON what training found: in bundles, and in what commands write."""
    comparison = trained.comparison
    return {
        "shipped": comparison.winner,
        "reason": comparison.reason,
        "comparison": {name: asdict(score) for name, score in comparison.scores.items()},
        "shipped_score": asdict(trained.shipped),
        "expectation": asdict(trained.expectation),
        "margin": trained.margin,
        "verdict": verdict_of(trained).to_dict(),
        "portfolio": [asdict(addition) for addition in trained.fitted[comparison.winner].portfolio],
    }


def expectations(trained: Trained) -> list[str]:
    """Return in words what is expected of what ships, and how it differs from what was judged."""
    expected, shipped, judged = (
        trained.expectation,
        trained.shipped,
        trained.comparison.scores[trained.comparison.winner],
    )
    accuracy, speedup = expected.accuracy_difference, expected.speedup_vs_most_accurate
    unit = trained.comparison.unit
    lines = [
        f"on {expected.n} other samples like these expect, with 95 % confidence: {100 * accuracy.value:+.1f} points "
        f"({100 * accuracy.low:+.1f} to {100 * accuracy.high:+.1f}) against the most accurate network, "
        f"{speedup.value:.2f} times as fast ({speedup.low:.2f} to {speedup.high:.2f})"
    ]
    ways = ", ".join(f"{share:.0%} {way}" for way, share in list(shipped.ways.items())[:4])
    lines.append(f"shipped: {ways}; {shipped.quality:.1%} at {shipped.latency_ms:.2f} {unit} expected")
    lines.append(
        f"judged, in the folds: {judged.quality:.1%} at {judged.latency_ms:.2f} {unit}, {len(judged.ways)} ways"
        f"{'' if len(judged.ways) == len(shipped.ways) else ', for what is trained differs from fold to fold'}"
    )
    loss = _loss(trained)
    return [*lines, loss] if loss else lines


def _loss(trained: Trained) -> str:
    """Return what the held-out answers show of the loss of accuracy, in MLPerf's words where they can show it."""
    outcomes = trained.comparison.outcomes
    ours, accurate = outcomes[trained.comparison.winner].quality, trained.static[trained.most_accurate].quality
    differences = ours - accurate
    if trained.most_accurate in trained.shipped.ways and len(trained.shipped.ways) == 1:
        return ""  # it is that network
    if trained.groups is not None:
        return ""  # the test is of independent samples
    if not np.isin(differences, (-1.0, 0.0, 1.0)).all() or not accurate.any():
        return ""
    if len(differences) <= _EXACT:
        bound = paired_upper_bound(int((differences < 0).sum()), int((differences > 0).sum()), len(differences))
    else:  # the exact test takes minutes, and says the same
        bound = -paired_difference(ours, accurate).low()
    kept = 1.0 - max(bound, 0.0) / float(accurate.mean())
    words = next((f"{word}: " for word, least in _MLPERF.items() if kept >= least), "")
    return (
        f"{words}with 95 % confidence at most {100 * max(bound, 0.0):.2f} points less accurate than the most accurate "
        f"network, so at least {100 * kept:.1f} % of its accuracy"
    )
