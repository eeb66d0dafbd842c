"""A linear model of n-grams and static vectors in the place of a text classifier: a hundredth of its work."""

from dataclasses import dataclass
from typing import ClassVar

from compsel.errors import NotApplicableError, TechniqueError
from compsel.inputs.samples import Samples
from compsel.inputs.texts.preprocessing import TextPreprocessing
from compsel.models.model import Model
from compsel.techniques.base import Technique
from compsel.techniques.heads.targets import class_targets
from compsel.techniques.students.text_student import fit_text_student

__all__ = ["Student"]


@dataclass(frozen=True)
class Student(Technique):
    """Learn a text classifier's task with static vectors of its own tokens (Model2Vec), n-grams and a linear head.

    It learns the labels of the samples; where those lack, the answers of the whole model.

    Attributes:
        width: principal components of the vectors; 0: n-grams only.

    >>> Student(128).spec
    'student:128'
    """

    name: ClassVar[str] = "student"
    needs_calibration: ClassVar[bool] = True
    learns: ClassVar[bool] = True

    width: int = 256

    def __post_init__(self) -> None:
        if self.width < 0:
            raise TechniqueError(f"student: got width {self.width}, allowed is 0 or more")

    def check(self, model: Model) -> None:
        """Raise NotApplicableError where the model is no classifier of texts with a tokenizer."""
        preprocessing = model.preprocessing
        if not isinstance(preprocessing, TextPreprocessing) or not preprocessing.tokenizer:
            raise NotApplicableError(f"student: {model.name!r} has no tokenizer (for images: compsel student)")
        if len(model.outputs) != 1:
            raise self._no_class_scores(model)
        self._n_classes(model)

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        assert calibration is not None
        assert isinstance(model.preprocessing, TextPreprocessing)
        fitted = fit_text_student(
            calibration,
            class_targets(calibration, self._n_classes(model), model),
            model.preprocessing,
            encoder=model if self.width else None,
            width=self.width,
            inputs=model.inputs,
            output=model.outputs[0].name,
            name=model.name,
            labels=model.labels,
        )
        return fitted.model
