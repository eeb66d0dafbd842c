"""Correctness of answers: right are those of the labelled class, or those of sufficient quality."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from compsel.errors import BundleError, ImageError, SamplesError
from compsel.features.tasks import TASKS
from compsel.features.tasks.label_facts import targets_of
from compsel.inputs.samples import Samples
from compsel.inputs.samples.classes import MOST_CLASSES
from compsel.profiling.output_quality import COSINE, FIDELITY, OutputQuality, Quality, QualityCriterion
from compsel.progress import Reporter
from compsel.runtime.answer import Answer
from compsel.runtime.runtime import Runtime
from compsel.selection.policies import FixedPolicy

__all__ = ["Correctness", "answer_of", "correctness_of"]


def answer_of(runtime: Runtime, source: Any, name: str) -> Answer:
    """Answer what an app holds of a sample.

    Raises:
        ImageError: a damaged file; the message begins with `name`.
        InputError: not an input of the bundle.
    """
    try:
        return runtime(source) if not isinstance(source, Mapping) else runtime.answer(source)
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error


class Correctness(ABC):
    """Tells right answers from wrong ones; one that is withheld is wrong.

    Attributes:
        labelled: whether by what the samples say is right; else by the answers of an uncompressed network.

    >>> class Always(Correctness):
    ...     labelled = True
    ...     def _right(self, answer, index):
    ...         return True
    >>> from unittest.mock import Mock
    >>> Always().right(Mock(abstained=False), 0), Always().right(Mock(abstained=True), 0)
    (True, False)
    """

    labelled: bool

    @property
    def targets(self) -> Sequence[int] | None:
        """The right class of each sample, (n,); None where answers are not classes."""
        return None

    def right(self, answer: Answer, index: int) -> bool:
        """Whether an answer to the sample at `index` is right."""
        return not answer.abstained and self._right(answer, index)

    @abstractmethod
    def _right(self, answer: Answer, index: int) -> bool: ...


class _ClassCorrectness(Correctness):
    """By class: of the labels, or without any, those of the most accurate uncompressed network."""

    def __init__(self, runtime: Runtime, samples: Samples, reporter: Reporter) -> None:
        self.labelled = samples.labelled
        if self.labelled:
            self._targets = [label for label in samples.labels if label is not None]
            n_classes = len(answer_of(runtime, samples.source(0), samples.names[0]).top(MOST_CLASSES))
            if max(self._targets) >= n_classes:
                raise SamplesError(
                    f"labels reach {max(self._targets)}, allowed are 0 to {n_classes - 1}: the models' classes"
                )
            return
        policies = runtime.bundle.policies
        if "most_accurate" not in policies:
            reporter.say(
                "warning: accuracy is not known: the samples have no labels, and this bundle leaves out the "
                "uncompressed model to compare with: give labels, or what the build measured (--profile DIR)"
            )
        reference = runtime.with_policy(policies.get("most_accurate", policies["adaptive"]))
        places = reporter.track(range(len(samples)), "reference answers")
        self._targets = [answer_of(reference, samples.source(index), samples.names[index]).label for index in places]

    @property
    def targets(self) -> Sequence[int]:
        """The right class of each sample, (n,)."""
        return self._targets

    def _right(self, answer: Answer, index: int) -> bool:
        return answer.label == self._targets[index]


class _QualityCorrectness(Correctness):
    """By the quality of the outputs, as when the bundle was built."""

    def __init__(
        self, runtime: Runtime, samples: Samples, criterion: QualityCriterion, quality: Quality | str | None
    ) -> None:
        rating = None if quality is not None else criterion.task
        self._samples = samples
        self._output_quality = OutputQuality(
            quality, None, criterion.good_enough, task=rating, labelled=rating is not None and not criterion.reference
        )
        self.labelled = self._output_quality.uses_targets
        if self._output_quality.rates_by_labels:
            _check_targets(samples)
        self._reference: Runtime | None = None
        if not self.labelled:
            if criterion.reference not in runtime.bundle.variants:
                raise BundleError(
                    f"{criterion.reference}, which answers are compared with, is not in this bundle, since another one "
                    "is as good and faster: give what the build measured (--profile DIR, in Python profile=; by "
                    "default BUNDLE.work), or a quality, evaluate(..., quality=function)"
                )
            self._reference = runtime.with_policy(FixedPolicy(criterion.reference))
        # all answers to a sample are rated before those to the next one
        self._last: tuple[int, list[np.ndarray] | None] = (-1, None)

    def _right(self, answer: Answer, index: int) -> bool:
        if self._reference is not None and self._last[0] != index:
            source, name = self._samples.source(index), self._samples.names[index]
            self._last = index, answer_of(self._reference, source, name).outputs
        target = self._samples.target(index) if self.labelled else None
        return self._output_quality.score(answer.outputs, self._last[1], target) >= self._output_quality.threshold


def correctness_of(
    runtime: Runtime, samples: Samples, quality: Quality | str | None, reporter: Reporter
) -> Correctness:
    """Return the correctness by which the bundle was built.

    Args:
        runtime: of the bundle.
        samples: to be answered.
        quality: the user's function, for a bundle of models without class scores that was built with one: it holds
            its name, not its code.
        reporter: of progress.

    Raises:
        BundleError: the function is needed and not given, or given and not needed.
        SamplesError: labels that the models do not have.
    """
    stored = runtime.bundle.summary.get("judging")
    if stored is None:
        others = [variant.name for variant in runtime.bundle.variants.values() if variant.output == "other"]
        if others:
            raise BundleError(f"{others[0]} gives no class scores, and the bundle does not say how it is judged")
        if quality is not None:
            raise BundleError("quality: got one, and this bundle's models give class scores: leave it away")
        return _ClassCorrectness(runtime, samples, reporter)
    criterion = QualityCriterion.from_dict(stored)
    if criterion.quality not in (FIDELITY, COSINE, *TASKS) and quality is None:
        raise BundleError(
            f"quality: this bundle is judged by {criterion.quality}, which a bundle does not hold: give the function, "
            "evaluate(..., quality=function) or --quality MODULE:FUNCTION"
        )
    if quality is None and criterion.quality not in TASKS:
        quality = criterion.quality
    return _QualityCorrectness(runtime, samples, criterion, quality)


def _check_targets(samples: Samples) -> None:
    """Raise SamplesError where a sample does not say what is right."""
    missing = [name for name, target in zip(samples.names, targets_of(samples), strict=True) if target is None]
    if missing:
        raise SamplesError(
            f"{len(missing)} of {len(samples)} samples have no label ({missing[0]}), by which this bundle is judged: "
            "give labels, as it was built with"
        )
