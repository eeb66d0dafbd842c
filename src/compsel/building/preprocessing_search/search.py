"""Find the preprocessing of a model of pictures: the one under which it is right most often for labelled samples."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.building.preprocessing_search.answers import SearchAnswers
from compsel.building.preprocessing_search.candidates import (
    PreprocessingCandidate,
    cut_order,
    geometries,
    normalisations,
)
from compsel.building.preprocessing_search.race import RaceResult, race
from compsel.building.preprocessing_search.resolutions import at_resolution, usual_resolutions, where_it_runs
from compsel.errors import ProfileError, UsageError
from compsel.inputs.images.conventions import CONVENTIONS
from compsel.inputs.images.encoded import EncodedImage
from compsel.inputs.images.image_input import ImageInput
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.profiling.confidence_intervals import binomial_tail
from compsel.profiling.label_check import far_more, told_apart
from compsel.profiling.label_orders import LabelOrder, label_orders

__all__ = ["HOW_TO_SAY", "FoundPreprocessing", "search_preprocessing"]

_MOST_SAMPLES = 192
_FIRST = 24
_MOST_SIZED = 96  # samples for the resolution
_MOST_KEPT = 6  # normalisations that go on to the geometries
_SIGNIFICANCE, _OTHER_SIGNIFICANCE = 0.01, 1e-4
_FEW, _MOSTLY = 20, 0.8

HOW_TO_SAY = (
    f"give --preprocess NAME ({', '.join(CONVENTIONS)}) or --preprocess resize=256,crop=224,mean=0.485/0.456/0.406,"
    "std=0.229/0.224/0.225,order=rgb"
)
Classes = NDArray[np.int64]


@dataclass(frozen=True)
class FoundPreprocessing:
    """What was found.

    Attributes:
        preprocessing: the one that fits best; of several alike, the commonest.
        sentence: what it is, how often it is right, and how the next best did.
        label_problem: what is wrong with the order of the labels, and what to do; "" where nothing is.

    >>> FoundPreprocessing(ImagePreprocessing((8, 8)), "raw: right for 90.0 % of 100 labelled images").label_problem
    ''
    """

    preprocessing: ImagePreprocessing
    sentence: str
    label_problem: str = ""


def search_preprocessing(model: Model, samples: Samples, taken: ImageInput) -> FoundPreprocessing:
    """Try the conventions of the field on labelled samples, and return what fits.

    First the numbers (mean, deviation, order of colours), then what part of a picture they are taken of.

    Args:
        model: a classifier of pictures whose preprocessing is not known.
        samples: labelled pictures.
        taken: its input.

    Raises:
        ProfileError: under none of them the model is right more often than by guessing.
        UsageError: it gives no class scores.
        ModelError: it does not run.
    """
    return _Search(model, samples, taken).run()


class _Search:
    """One search: the samples that it uses, and the answers so far."""

    def __init__(self, model: Model, samples: Samples, taken: ImageInput) -> None:
        labelled = [index for index, label in enumerate(samples.labels) if label is not None]
        drawn = np.random.default_rng(0).permutation(labelled)[:_MOST_SAMPLES]
        self.indices = [int(index) for index in drawn]
        self.labels = np.array([samples.labels[index] for index in self.indices], np.int64)
        self.taken, self.samples = taken, samples
        self.answers = SearchAnswers(model, samples)
        usual = usual_resolutions(taken, self._sizes())
        first = normalisations(taken, "whole", usual[0])[0]
        self.resolutions = where_it_runs(self.answers, first, usual, self.indices[0])
        self.resolution = self.resolutions[0]
        self.order: LabelOrder | None = None

    def run(self) -> FoundPreprocessing:
        """Race the normalisations, then the geometries of those that are left."""
        cuts = cut_order(self.resolution, exact=self._are_sized(self.resolution))
        numbers = normalisations(self.taken, cuts[0], self.resolution)
        instead = self.answers.what_instead(numbers[0])
        if instead:
            raise UsageError(
                f"{self.answers.model.name} takes pictures, and nothing says how they are prepared; labels cannot show "
                f"it, for it gives {instead}, and not a score for each class: {HOW_TO_SAY}"
            )
        self.order = self._order(numbers)
        if self.order is None:
            return self._in_another_order(numbers)
        most = len(self.indices)
        alike, worse = race(numbers, self._measure, most)
        kept = sorted(alike, key=lambda one: one.order, reverse=True)[:_MOST_KEPT]
        candidates = geometries([one.candidate for one in alike if one in kept], self.taken, self._are_square())
        candidates.sort(key=lambda one: cuts.index(one.cut))
        best, more = race(candidates, self._measure, most)
        sized = self._sized(best)
        return FoundPreprocessing(
            sized[0].candidate.preprocessing,
            _sentence(sized, sorted([*more, *worse], key=lambda one: one.accuracy, reverse=True)) + self._tried(),
            self.order.problem,
        )

    def _sized(self, best: list[RaceResult]) -> list[RaceResult]:
        """Return the best at the resolution at which it is right most often, where the model takes several."""
        if len(self.resolutions) == 1:
            return best
        candidates = [at_resolution(best[0].candidate, resolution) for resolution in self.resolutions]
        self.answers.forget_pixels()
        kept, _ = race(candidates, self._measure, min(_MOST_SIZED, len(self.indices)))
        self.answers.forget_pixels()
        return best if kept[0].candidate == best[0].candidate else kept[:1]

    def _tried(self) -> str:
        """Return which resolutions were tried."""
        if len(self.resolutions) == 1:
            return ""
        sides = ", ".join(str(h) if h == w else f"{h}x{w}" for h, w in self.resolutions)
        return f"; it takes pictures of any size: {sides} were tried, and the first that is not worse is taken"

    def _measure(self, candidate: PreprocessingCandidate, count: int) -> RaceResult:
        assert self.order is not None
        labels = self.order.of(self.labels[:count])
        classes = self.answers.classes(candidate, self.indices[:count])
        logs = self.answers.log_probabilities(candidate, self.indices[:count], labels)
        return RaceResult(candidate, classes == labels, logs)

    def _order(self, candidates: list[PreprocessingCandidate]) -> LabelOrder | None:
        """Return the order of the labels under which some candidate is right more often than by guessing.

        Another one than that of the outputs has to be right far more often; None: no known order is.
        """
        count = min(_FIRST, len(self.indices))
        while True:
            said = [self.answers.classes(candidate, self.indices[:count]) for candidate in candidates]
            labels = self.labels[:count]
            orders = label_orders(self.answers.n_classes)
            right = [max(int((classes == order.of(labels)).sum()) for classes in said) for order in orders]
            other = max(range(1, len(orders)), key=right.__getitem__)
            best = other if right[other] >= far_more(right[0]) else 0
            apart = max(told_apart(classes, labels) for classes in said)
            if apart >= far_more(right[0]) and right[best] < _MOSTLY * apart:
                return None
            level = (_OTHER_SIGNIFICANCE if best else _SIGNIFICANCE) / len(candidates)
            meant = orders[best].of(labels)
            if min(_by_chance(classes, meant, self.answers.n_classes) for classes in said) < level:
                return orders[best]
            if count == len(self.indices):
                return None
            count = min(2 * count, len(self.indices))

    def _in_another_order(self, candidates: list[PreprocessingCandidate]) -> FoundPreprocessing:
        """Return what tells the labels apart best, under whatever numbers of the classes.

        Raises:
            ProfileError: nothing does.
        """
        said = [self.answers.classes(candidate, self.indices) for candidate in candidates]
        right = [told_apart(classes, self.labels) for classes in said]
        most, n = max(right), len(self.indices)
        if most == 0:
            raise ProfileError(self._failure(candidates, said))
        best = candidates[right.index(most)]
        return FoundPreprocessing(
            best.preprocessing,
            f"preprocessing: {best}: tells {100 * most / n:.1f} % of {n} labelled images apart",
            "the labels count the classes in another order than the model's outputs: number them in that order, or "
            "give the names in that order (--classes FILE)",
        )

    def _failure(self, candidates: list[PreprocessingCandidate], said: list[Classes]) -> str:
        right = [int((classes == self.labels).sum()) for classes in said]
        n, best = len(self.indices), candidates[right.index(max(right))]
        few = ", too few to tell" if n < _FEW else ""
        share = f"{100 * max(right) / n:.1f} % of {n} labelled images{few}"
        return (
            f"preprocessing of {self.answers.model.name}: under none of {len(candidates)} conventions it is right more "
            f"often than by guessing (the best, {best.name}: {share}): check that the labels are those of its classes "
            "(--classes FILE names them in the order of its outputs) and its weights, give more "
            "samples, or say what it expects: --preprocess NAME, or "
            "--preprocess resize=256,crop=224,mean=0.5,std=0.5,order=rgb"
        )

    def _sizes(self) -> list[tuple[int, int]]:
        sizes = []
        for index in self.indices[:_FIRST]:
            value = self.samples.undecoded(index)
            sizes.append((value.height, value.width) if isinstance(value, EncodedImage) else tuple(value.shape[:2]))
        return sizes

    def _are_sized(self, resolution: tuple[int, int]) -> bool:
        return all(size == resolution for size in self._sizes())

    def _are_square(self) -> bool:
        height, width = self.resolution
        return all(rows * width == columns * height for rows, columns in self._sizes())


def _by_chance(classes: Classes, labels: Classes, n_classes: int) -> float:
    """Return how probable so many right answers are by chance, which is high where one class dominates."""
    n = len(labels)
    size = int(max(classes.max(), labels.max())) + 1
    shares = [np.bincount(values[values >= 0], minlength=size) / n for values in (classes, labels)]
    chance = max(1 / max(2, n_classes), float(shares[0] @ shares[1]))
    right = int((classes == labels).sum())
    return binomial_tail(right, n, chance) if right > 1 else 1.0


def _sentence(alike: list[RaceResult], worse: list[RaceResult]) -> str:
    best, others = alike[0], [one.candidate.name for one in alike[1:]]
    text = (
        f"preprocessing: {best.candidate}: right for {100 * best.accuracy:.1f} % of {len(best.right)} labelled images"
    )
    numbers = {one.candidate.numbers for one in alike}
    # other numbers say more of how sure it is than another cut of the same
    rivals = [one for one in worse if one.candidate.numbers not in numbers] or worse
    if rivals:
        # those that dropped out saw fewer samples: each is compared on these
        second = min(rivals, key=lambda one: _on_same(best, one) - one.accuracy)
        text += f", next best {100 * second.accuracy:.1f} % ({second.candidate.name}"
        if len(second.right) < len(best.right):
            text += f"; on {len(second.right)} of them, where this is right for {100 * _on_same(best, second):.1f} %"
        text += ")"
    if others:
        text += f"; not told apart from it, and rarer: {'; '.join(others)}"
    return text


def _on_same(best: RaceResult, other: RaceResult) -> float:
    """Return how often the best one is right for the samples that another one saw."""
    return float(best.right[: len(other.right)].mean())
