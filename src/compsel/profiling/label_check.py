"""Check that labels and answers belong together: a wrong class order or weights that were never loaded show here.

Chance is what answers would reach that are independent of the labels, with the same frequencies of both: the chance
agreement of Cohen (A coefficient of agreement for nominal scales, 1960). It is high where one class dominates, and for
a model that always gives the same answer it is that model's accuracy. More than chance is a one-sided binomial test.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError
from compsel.profiling.confidence_intervals import binomial_tail
from compsel.profiling.label_orders import label_orders

__all__ = ["check_labels", "far_more", "told_apart"]

_SIGNIFICANCE = 0.01
_EXPLAINED = 0.001  # significance of a cause: many are tried
_LEAST, _MOSTLY = 3, 0.8
_USEFUL = 0.2  # of the way from chance to always right: what a poor but working network reaches
_SEEN = 20  # so many equal answers are no accident
_HARDLY_VARIES = 0.5
_FAR = 5

Classes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Agreement:
    """How often the answers of a network are the labels, and how often that would be so by chance."""

    name: str
    answers: Classes
    right: int
    n: int
    chance: float

    @classmethod
    def of(cls, name: str, answers: Classes, labels: Classes, n_classes: int) -> "_Agreement":
        right, n = int((answers == labels).sum()), len(labels)
        varied = len(np.unique(labels)) > 1  # of one label alone nothing is independent
        return cls(name, answers, right, n, _chance(answers, labels) if varied else 1 / n_classes)

    @property
    def probability(self) -> float:
        """That guessing is right as often."""
        return binomial_tail(self.right, self.n, self.chance)

    @property
    def useless(self) -> bool:
        """Whether a network that works would hardly ever be right so rarely."""
        if self.n >= _SEEN and len(np.unique(self.answers)) == 1:
            return True
        wrong = (1 - _USEFUL) * (1 - self.chance)
        return binomial_tail(self.n - self.right, self.n, wrong) < _SIGNIFICANCE


def check_labels(
    labels: Classes, answers: Mapping[str, Classes], n_classes: int, random_weights: Collection[str] = ()
) -> str:
    """Raise where no network predicts the labels better than chance.

    Args:
        labels: (n,), of samples that have one.
        answers: by uncompressed network, the class (n,) that it gives each sample.
        n_classes: of the networks.
        random_weights: names of networks whose weights were never trained, where that is known.

    Returns:
        A doubt, where there are too few samples to tell; else "".

    Raises:
        ProfileError: no network is better than chance, with what may be wrong.

    >>> labels = np.arange(30)
    >>> check_labels(labels, {"net": labels}, 30)
    ''
    >>> check_labels(labels, {"net": labels + 1}, 31)
    Traceback (most recent call last):
    compsel.errors.ProfileError: labels: ... labels +1 would be right for 100.0 % ...
    """
    found = [_Agreement.of(name, said, labels, n_classes) for name, said in answers.items()]
    if not found or not len(labels):
        return ""
    best = max(found, key=lambda one: one.right)
    if min(one.probability for one in found) < _SIGNIFICANCE / len(found):
        if max(told_apart(one.answers, labels) for one in found) >= far_more(best.right):
            _refuse_other_order(best, _mistaken(found, labels, n_classes))
        return ""
    cause = _mistaken(found, labels, n_classes)
    text = (
        f"no network predicts them better than guessing: the best one, {best.name}, is right for "
        f"{_percent(best.right / best.n)} of {best.n} samples, guessing for {_percent(best.chance)}"
    )
    if cause or best.useless:
        cause = cause or _weights(best, labels, random_weights)
        raise ProfileError(f"labels: {text}: {cause}; or build without labels, where agreement with the network counts")
    return "" if best.right / best.n > best.chance + _USEFUL * (1 - best.chance) else f"few samples, but {text}"


def _chance(answers: Classes, labels: Classes) -> float:
    """Return how often answers are the labels that are independent of them."""
    size = int(max(answers.max(), labels.max())) + 1
    counts = (np.bincount(values, minlength=size) / len(labels) for values in (answers, labels))
    return float(np.prod([*counts], axis=0).sum())


def far_more(right: int) -> int:
    """Return how many right answers another order of the labels needs to be believed, where this one gives `right`.

    >>> far_more(10)
    25
    """
    return 2 * right + _FAR


def _refuse_other_order(best: _Agreement, cause: str) -> None:
    """Raise ProfileError where labels are right more often than by chance only for the classes that stay in place."""
    if cause:
        raise ProfileError(
            f"labels: they fit the answers only in another order: the best network, {best.name}, is right for "
            f"{_percent(best.right / best.n)} of {best.n} samples: {cause}; or build without labels"
        )


def _mistaken(found: Collection[_Agreement], labels: Classes, n_classes: int) -> str:
    """Return which other numbers would make the labels right; "" where none are known."""
    n = len(labels)
    shifts = [(one.name, *_shifted(one, labels)) for one in found]
    orders = [(one.name, told_apart(one.answers, labels)) for one in found]
    name, shift, shifted = max(shifts, key=lambda one: one[2])
    another, ordered = max(orders, key=lambda one: one[1])
    # what a constant explains, another order explains too
    if shifted and shifted >= _MOSTLY * ordered:
        return (
            f"labels {shift:+d} would be right for {_percent(shifted / n)} ({name}): the numbers are off by "
            f"{abs(shift)}, such as by a background class: shift them in labels.csv"
        )
    if known := _known_order(found, labels, n_classes, ordered):
        return known
    if ordered:
        return (
            f"in another order of the classes {_percent(ordered / n)} would be right ({another}): number the labels in "
            "the order of the model's outputs"
        )
    return ""


def _known_order(found: Collection[_Agreement], labels: Classes, n_classes: int, ordered: int) -> str:
    """Return which order that people get would make the labels right, and what to do; "" where none does."""
    for order in label_orders(n_classes)[1:]:
        meant = order.of(labels)
        right, name = max((int((one.answers == meant).sum()), one.name) for one in found)
        chance = 1 / max(2, n_classes)
        if right >= _LEAST and right >= _MOSTLY * ordered and binomial_tail(right, len(labels), chance) < _EXPLAINED:
            return f"{order.problem}; {_percent(right / len(labels))} would be right then ({name})"
    return ""


def _shifted(one: _Agreement, labels: Classes) -> tuple[int, int]:
    """Return the constant that, added to the labels, makes most of them right, and how many; 0, 0 by chance."""
    shifts, counts = np.unique(one.answers - labels, return_counts=True)
    shift, count = int(shifts[counts.argmax()]), int(counts.max())
    inside = labels + shift >= 0
    if shift == 0 or count < _LEAST or not inside.any():
        return 0, 0
    chance = _chance(one.answers[inside], labels[inside] + shift)
    return (shift, count) if binomial_tail(count, one.n, chance) < _EXPLAINED / len(shifts) else (0, 0)


def told_apart(answers: Classes, labels: Classes) -> int:
    """Return how many labels (n,) the answers (n,) tell apart, under whatever numbers; 0 where that is chance.

    Each sample is given the commonest label of the other samples with the same answer, where that is one.

    >>> told_apart(np.array([5, 5, 5, 7, 7, 7] * 4), np.array([0, 0, 0, 1, 1, 1] * 4))
    24
    """
    chance = float(np.bincount(labels).max()) / len(labels)
    table = np.zeros((int(answers.max()) + 1, int(labels.max()) + 2), np.int64)
    np.add.at(table, (answers, labels), 1)
    second, first = np.sort(table, axis=1)[:, -2:].T
    right = int(first[first - 1 > second].sum())
    return right if right >= _LEAST and binomial_tail(right, len(labels), chance) < _EXPLAINED else 0


def _weights(best: _Agreement, labels: Classes, random_weights: Collection[str]) -> str:
    """Return what may be wrong where the labels themselves show nothing."""
    if best.name in random_weights:
        return f"the weights of {best.name} are random: export it with --weights"
    counts = np.bincount(best.answers)
    share = float(counts.max()) / best.n
    if share > _HARDLY_VARIES and share > 2 * np.bincount(labels).max() / best.n:
        return (
            f"it answers class {counts.argmax()} for {_percent(share)} of them: check that its weights were loaded, "
            "and its preprocessing"
        )
    return "check the order of the classes (labels count the model's outputs, from 0), its weights and preprocessing"


def _percent(share: float) -> str:
    return f"{100 * share:.{1 if share >= 0.01 else 2}f} %"
