"""What every technique obeys: a model goes in, a smaller or faster model comes out, or the reason why not."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from compsel.errors import TechniqueError
from compsel.model import Model
from compsel.samples import Samples

__all__ = ["Technique"]


@dataclass(frozen=True)
class Technique(ABC):
    """One way to compress. Subclasses are frozen dataclasses: their fields are the options, all with defaults.

    `apply` checks what goes in and what comes out; subclasses write `_transform`. The same model, options and
    calibration samples give the same bytes.

    Attributes:
        name: the word in tables and on the command line.
        needs_calibration: whether samples must be given.
    """

    name: ClassVar[str]
    needs_calibration: ClassVar[bool] = False

    @property
    def spec(self) -> str:
        """The text that `compsel.techniques.parse` turns into this technique again: name, then changed options."""
        changed = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }
        options = ",".join(f"{key}={_text(value)}" for key, value in changed.items())
        return f"{self.name}:{options}" if options else self.name

    def apply(self, model: Model, calibration: Samples | None = None) -> Model:
        """Compress `model`.

        Args:
            model: what to compress; it stays as it is.
            calibration: samples, for techniques that need them; they are read one by one.

        Raises:
            NotApplicableError: the technique does nothing for this model; the message is the reason.
            TechniqueError: samples are needed and were not given, or the technique broke its own contract.
        """
        if self.needs_calibration and (calibration is None or len(calibration) == 0):
            raise TechniqueError(f"{self.name} needs calibration samples: got none, give at least one")
        result = self._transform(model, calibration)
        if [spec.name for spec in result.inputs] != [spec.name for spec in model.inputs]:
            raise TechniqueError(f"{self.name} changed the names of the inputs of {model.name!r}: this is a defect")
        if [spec.name for spec in result.outputs] != [spec.name for spec in model.outputs]:
            raise TechniqueError(f"{self.name} changed the names of the outputs of {model.name!r}: this is a defect")
        chain = self.spec if model.technique == "none" else f"{model.technique}+{self.spec}"
        return result.with_proto(result.proto, technique="none" if self.name == "none" else chain)

    @abstractmethod
    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        """Return the compressed model."""


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
