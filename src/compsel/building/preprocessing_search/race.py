"""Race candidates over samples: those that are significantly worse than the best one drop out (Birattari et al. 2002).

All see the same samples, so comparisons are paired: by whether answers are right, with the exact test of McNemar
(1947), and by how probable they make the labels, with a t-test of the differences of logarithms, which needs far fewer
samples where candidates are alike. F-Race (Birattari, Stuetzle, Paquete, Varrentrapp: A Racing Algorithm for
Configuring Metaheuristics, GECCO 2002) does the same with Friedman's test.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.building.preprocessing_search.candidates import PreprocessingCandidate
from compsel.profiling.confidence_intervals import binomial_tail

__all__ = ["RaceResult", "is_worse", "race"]

_SIGNIFICANCE = 0.005
_T = 3.0  # standard errors: one-sided 0.1 %; a race looks several times
_FIRST = 24
_LEAST_LOG_DIFFERENCE = 1e-3
_ALIKE = 0.02


@dataclass(frozen=True)
class RaceResult:
    """How a candidate did on the samples that it saw.

    Attributes:
        candidate: it.
        right: (n,), whether each answer was right.
        log_probabilities: (n,), of the labels.

    >>> from compsel.inputs.images.preprocessing import ImagePreprocessing
    >>> candidate = PreprocessingCandidate("a", "crop", ImagePreprocessing((8, 8)))
    >>> RaceResult(candidate, np.array([True, False]), np.zeros(2)).accuracy
    0.5
    """

    candidate: PreprocessingCandidate
    right: NDArray[np.bool_]
    log_probabilities: NDArray[np.float64]

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return float(self.right.mean())

    @property
    def order(self) -> tuple[int, float]:
        """What the best one has most of."""
        return int(self.right.sum()), float(self.log_probabilities.sum())


def race(
    candidates: Sequence[PreprocessingCandidate],
    measure: Callable[[PreprocessingCandidate, int], RaceResult],
    most: int,
) -> tuple[list[RaceResult], list[RaceResult]]:
    """Measure candidates on more and more samples, without those that are significantly worse than the best.

    Args:
        candidates: the commonest first.
        measure: gives the result of a candidate on the first so many samples.
        most: how many samples there are.

    Returns:
        Those that cannot be told apart from the best one, in their order; and those that are worse, the best first.
    """
    left, worse = list(candidates), []
    count = min(_FIRST, most)
    while True:
        results = [measure(candidate, count) for candidate in left]
        best = max(results, key=lambda result: result.order)
        worse += [result for result in results if is_worse(result, best)]
        kept = [result for result in results if not is_worse(result, best)]
        if len(kept) == 1 or count == most or (count > _FIRST and all(_are_alike(one, best) for one in kept)):
            return kept, sorted(worse, key=lambda result: result.accuracy, reverse=True)
        left, count = [result.candidate for result in kept], min(2 * count, most)


def _are_alike(result: RaceResult, best: RaceResult) -> bool:
    """Whether two are right for the same samples but for one in fifty: more samples would hardly tell them apart."""
    return float((result.right != best.right).mean()) <= _ALIKE


def is_worse(result: RaceResult, best: RaceResult) -> bool:
    """Whether one is significantly worse than another, on the samples of both."""
    n = min(len(result.right), len(best.right))
    right, theirs = result.right[:n], best.right[:n]
    lost, won = int((theirs & ~right).sum()), int((right & ~theirs).sum())
    if won > lost:
        return False
    if lost and binomial_tail(lost, lost + won, 0.5) < _SIGNIFICANCE:
        return True
    differences = result.log_probabilities[:n] - best.log_probabilities[:n]
    error = float(differences.std(ddof=1)) / math.sqrt(n) if n > 1 else math.inf
    mean = float(differences.mean())
    return n >= _FIRST and mean < -_LEAST_LOG_DIFFERENCE and mean < -_T * error
