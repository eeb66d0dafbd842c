"""Static vectors of tokens in the place of a model of texts: a hundredth of its work."""

from dataclasses import dataclass
from typing import ClassVar

from compsel.errors import NotApplicableError, TechniqueError
from compsel.inputs.samples import Samples
from compsel.inputs.texts.preprocessing import TextPreprocessing
from compsel.models.embeddings import gives_embedding
from compsel.models.model import Model
from compsel.techniques.base import Technique
from compsel.techniques.heads.targets import class_targets
from compsel.techniques.students.static_encoder import static_encoder
from compsel.techniques.students.text_student import fit_text_student

__all__ = ["Student"]

_WIDTH = 256


@dataclass(frozen=True)
class Student(Technique):
    """Learn what a model of texts does with static vectors of its own tokens (Model2Vec).

    In place of a classifier: these, n-grams and a linear head; it learns the labels of the samples, where those lack
    the answers of the whole model. In place of an encoder that gives an embedding: a static encoder, which learns the
    whole model's embeddings of the samples.

    Attributes:
        width: principal components of the vectors. None: 256 for a classifier, for an encoder all. 0: for a classifier
            n-grams only.

    >>> Student(128).spec
    'student:128'
    """

    name: ClassVar[str] = "student"
    needs_calibration: ClassVar[bool] = True
    learns: ClassVar[bool] = True

    width: int | None = None

    def __post_init__(self) -> None:
        if self.width is not None and self.width < 0:
            raise TechniqueError(f"student: got width {self.width}, allowed is 0 or more")

    def check(self, model: Model) -> None:
        """Raise NotApplicableError where the model is no classifier or encoder of texts with a tokenizer."""
        preprocessing = model.preprocessing
        if not isinstance(preprocessing, TextPreprocessing) or not preprocessing.tokenizer:
            raise NotApplicableError(f"student: {model.name!r} has no tokenizer (for images: compsel student)")
        if gives_embedding(model):
            self._check_encoder(model)
            return
        if len(model.outputs) != 1:
            raise self._no_class_scores(model)
        self._n_classes(model)

    def _check_encoder(self, model: Model) -> None:
        got = [f"{spec.name} {spec.shape}" for spec in model.outputs]
        if len(got) != 1 or len(model.outputs[0].shape or ()) != 2:
            raise NotApplicableError(
                f"student: {model.name!r} gives {', '.join(got)}; a static encoder gives one embedding (n, features): "
                "export the encoder with its pooling"
            )
        if self.width == 0:
            raise NotApplicableError(f"student: got width 0 for the encoder {model.name!r}, allowed is 1 or more")

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        assert calibration is not None
        assert isinstance(model.preprocessing, TextPreprocessing)
        if gives_embedding(model):
            return static_encoder(model, calibration, self.width, model.outputs[0].name)
        width = _WIDTH if self.width is None else self.width
        fitted = fit_text_student(
            calibration,
            class_targets(calibration, self._n_classes(model), model),
            model.preprocessing,
            encoder=model if width else None,
            width=width,
            inputs=model.inputs,
            output=model.outputs[0].name,
            name=model.name,
            labels=model.labels,
        )
        return fitted.model
