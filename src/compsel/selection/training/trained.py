"""What training gives: the kinds of policy compared on held-out samples, the winner and the baselines."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.selection.dataset import Outcome
from compsel.selection.judging.single_choices import AgainstSingle, SingleChoices
from compsel.selection.training.expectation import Expectation, Optimism, Score
from compsel.selection.training.trainers import FittedPolicy

__all__ = ["SINGLE_BEST", "Comparison", "Trained"]

SINGLE_BEST = "single best"


@dataclass(frozen=True)
class Comparison:
    """Every kind on the same held-out samples.

    Attributes:
        scores: by kind; with "single best", "most accurate" and "oracle" among them.
        winner: the kind that is shipped.
        reason: why.
        penalty: cost of a wrong answer in the costs.
        outcomes: by kind, what it gave for each held-out sample.
        optimism: by kind, how much better it was on the samples of the folds that it was trained on.
        missing: by kind that may ship, how much quality it lacks for the floor.
        barred: by such kind, why it may not ship; "" where it may.
        against: by such kind, its held-out answers against the best single choice: what does not beat it is not
            shipped.
        unit: of the costs: "ms", or "mJ" where energy is minimised, which then stands in place of latencies.
    """

    scores: dict[str, Score]
    winner: str
    reason: str
    penalty: float
    outcomes: dict[str, Outcome]
    optimism: dict[str, Optimism]
    missing: dict[str, float]
    barred: dict[str, str]
    against: dict[str, AgainstSingle]
    unit: str = "ms"


@dataclass(frozen=True)
class Trained:
    """The winner, trained on all samples, and the baselines.

    Attributes:
        fitted: by kind; the winner is `fitted[comparison.winner]`.
        comparison: how the winner was found.
        shipped: the winner, trained on all samples, as it should be on others: how it differs from what was judged.
        expectation: what is expected of it on as many other samples.
        static: by variant, what always running it gives for the samples.
        most_accurate: name of the most accurate uncompressed network on all samples.
        margin: how far below the objective's floor the quality may lie, with 95 % confidence.
        singles: the single choices again, as the rule for what ships compares with them.
        groups: (n,), of the samples; None: each is by itself.
    """

    fitted: dict[str, FittedPolicy]
    comparison: Comparison
    shipped: Score
    expectation: Expectation
    static: dict[str, Outcome]
    most_accurate: str
    margin: float
    singles: SingleChoices
    groups: NDArray[np.intp] | None = None

    def __repr__(self) -> str:
        unit = self.comparison.unit
        return (
            f"{type(self).__name__}({self.comparison.winner}: {100 * self.shipped.quality:.1f} % at "
            f"{self.shipped.latency_ms:.2f} {unit} expected; {len(self.static)} variants)"
        )

    def _repr_html_(self) -> str:
        from compsel.markup.card import Table, card

        rows = [
            (name, f"{100 * score.quality:.2f} %", f"{score.latency_ms:.2f}", f"{score.faster:.2f}")
            for name, score in self.comparison.scores.items()
        ]
        header = ("selector", "quality", f"mean {self.comparison.unit}", "times as fast as single best")
        facts = [
            ("ships", self.comparison.winner),
            ("why", self.comparison.reason),
            ("ways", ", ".join(f"{share:.0%} {way}" for way, share in self.shipped.ways.items())),
        ]
        return card("Trained", facts, [Table(header, rows, "cross-validated, on samples that were not trained on")])
