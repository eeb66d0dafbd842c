"""Quality of the outputs of models without class scores: likeness to the uncompressed model's, or a user's function."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from compsel.errors import ProfileError, SelectorError
from compsel.features.output_confidence import Confidence, OutputReader, code_hash, function_of, name_of
from compsel.features.tasks import TASKS, task_of
from compsel.features.tasks.base import Task
from compsel.features.tasks.similarity import Similarity
from compsel.models.output_comparison import likeness

__all__ = ["COSINE", "FIDELITY", "OutputQuality", "Quality", "QualityCriterion"]

FIDELITY, COSINE = "fidelity", "cosine"
GOOD_ENOUGH = 0.9
# takes the outputs of one inference and what the sample says is right, gives a number from 0 to 1
Quality = Callable[[list[np.ndarray], Any], float]


@dataclass(frozen=True, slots=True)
class QualityCriterion:
    """How the answers of a profile were rated, as it is stored in profiles and bundles.

    Attributes:
        quality: "fidelity", "cosine", the name of a task, or that of a user's function.
        confidence: "generic", the name of a task, or that of a user's function.
        good_enough: an answer of at least this quality counts as right.
        reference: name of the variant whose outputs the others are compared with; "" where labels or a user's function
            rate.
        options: of the task.

    >>> QualityCriterion.from_dict(QualityCriterion(good_enough=0.95).to_dict()).good_enough
    0.95
    """

    quality: str = FIDELITY
    confidence: str = "generic"
    good_enough: float = GOOD_ENOUGH
    reference: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        content = asdict(self)
        if not self.options:
            del content["options"]  # files of before have none
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "QualityCriterion":
        """Read the JSON form."""
        return cls(
            str(content["quality"]),
            str(content["confidence"]),
            float(content["good_enough"]),
            str(content["reference"]),
            dict(content.get("options", {})),
        )

    @property
    def task(self) -> Task | None:
        """The kind of answers that rates, or reads the confidence; None where functions do both."""
        name = next((one for one in (self.quality, self.confidence) if one in TASKS), None)
        return None if name is None else task_of(name, self.options)


@dataclass(frozen=True)
class OutputQuality:
    """How answers without class scores are rated, and how their confidence is read.

    Attributes:
        quality: "fidelity": 1 minus the relative (Euclidean) error to the outputs of the uncompressed model, at least
            0. "cosine": of the angle to them, at least 0. Or a function (or "module:function") that takes the outputs
            of one inference and what the sample says is right (`Samples.target`), and gives 0 (useless) to 1 (right).
            None: fidelity.
        confidence: see `OutputReader`.
        good_enough: an answer of at least this quality counts as right. None: what the task says, else 0.9.
        task: the kind of answers; it rates them and reads their confidence where no function is given.
        labelled: whether samples say what is right, so that the task rates by that.

    Raises:
        SelectorError: something that is no function.
        ProfileError: a `good_enough` that is no share.

    >>> rated = OutputQuality(lambda outputs, target: 1 - abs(outputs[0].item() - target), good_enough=0.7)
    >>> rated.score([np.array([0.75])], None, 1.0), rated.threshold
    (0.75, 0.7)
    >>> OutputQuality("cosine").score([np.array([1.0, 0.0])], [np.array([2.0, 0.0])], None)
    1.0
    """

    quality: Quality | str | None = None
    confidence: Confidence | str | None = None
    good_enough: float | None = None
    task: Task | None = None
    labelled: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ProfileError(f"good_enough: got {self.good_enough}, allowed is a quality above 0, at most 1")
        # functions that do not exist are an error now, not after hours of measuring
        _ = self.reader, self._function

    @property
    def specified(self) -> bool:
        """Whether anything was given: then the models give no class scores, whatever their outputs look like."""
        return any(given is not None for given in (self.quality, self.confidence, self.good_enough))

    @property
    def threshold(self) -> float:
        """The quality from which an answer counts as right."""
        if self.good_enough is None:
            return GOOD_ENOUGH if self._rating is None else self._rating.good_enough
        return self.good_enough

    @cached_property
    def reader(self) -> OutputReader:
        """Reads the confidence of an answer."""
        return OutputReader(self._reading if self.confidence is None and self._reading is not None else self.confidence)

    @property
    def _rating(self) -> Task | None:
        """The task, where it rates answers by what they decide."""
        decides = self.quality is None and self.task is not None and not self.task.classes
        return self.task if decides and not isinstance(self.task, Similarity) else None

    @property
    def _reading(self) -> Task | None:
        """The task, where it says how sure an answer is."""
        task = self.task
        return task if task is not None and task.reads_confidence and not task.classes else None

    @cached_property
    def _function(self) -> Callable[..., Any] | None:
        return (
            None
            if self.quality in (None, FIDELITY, COSINE)
            else function_of(self.quality, "quality", (FIDELITY, COSINE))
        )

    @property
    def rates_by_labels(self) -> bool:
        """Whether the task rates answers, by labels."""
        return self.labelled and self._rating is not None

    @property
    def uses_targets(self) -> bool:
        """Whether answers are rated by what the samples say is right: by a user's function, or by the task."""
        return self._function is not None or self.rates_by_labels

    @property
    def name(self) -> str:
        """What rates answers: "fidelity", "cosine", the name of the task or that of a function."""
        if self._rating is not None:
            return self._rating.name
        return str(self.quality or FIDELITY) if self._function is None else name_of(self._function)

    @property
    def identity(self) -> str:
        """What rates answers and what reads the confidence, with hashes of their source code."""
        code = "" if self._function is None else code_hash(self._function)
        found = f"{self.name} {code} | {self.reader.identity}"
        return f"{found} | {self._options}" if self._options else found

    @property
    def _options(self) -> dict[str, Any]:
        task = self._rating or (self._reading if self.confidence is None else None)
        return {} if task is None else task.options()

    def criterion(self, reference: str) -> QualityCriterion:
        """Return its stored form; `reference` is the name of the variant that others are compared with."""
        compared = "" if self.uses_targets else reference
        return QualityCriterion(self.name, self.reader.name, self.threshold, compared, self._options)

    def score(self, outputs: list[np.ndarray], reference: Sequence[np.ndarray] | None, target: Any) -> float:
        """Return the quality of the outputs of one inference, from 0 to 1.

        Args:
            outputs: of the inference.
            reference: outputs of the uncompressed model; None where a user's function rates.
            target: what the sample says is right.

        Raises:
            SelectorError: the function failed, or gave something else than a number from 0 to 1.
        """
        if self._rating is not None:
            if self.labelled:
                return self._rating.quality(outputs, target)
            assert reference is not None
            return self._rating.quality(outputs, self._rating.decide(reference))
        if self._function is None:
            assert reference is not None
            return likeness(outputs, reference, cosine=self.quality == COSINE)
        try:
            given = float(self._function(outputs, target))
        except Exception as error:  # whatever a user's function raises
            raise SelectorError(f"quality {self.name}: failed with {error!r}: mend the function") from error
        if not 0 <= given <= 1:
            raise SelectorError(f"quality {self.name}: gave {given}, allowed is a number from 0 to 1")
        return given
