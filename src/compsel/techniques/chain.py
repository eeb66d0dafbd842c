"""Several techniques, one after the other."""

from dataclasses import dataclass
from typing import ClassVar

from compsel.errors import TechniqueError
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.techniques.base import Technique

__all__ = ["Chain"]

_CALIBRATION = 50  # of the samples that one technique learns from, those that the others are calibrated with


@dataclass(frozen=True)
class Chain(Technique):
    """Techniques that are applied in order.

    >>> from compsel.techniques import parse
    >>> parse("resolution:192+int8-static").spec
    'resolution:192+int8-static'
    """

    name: ClassVar[str] = "chain"

    techniques: tuple[Technique, ...] = ()

    def __post_init__(self) -> None:
        if len(self.techniques) < 2:
            raise TechniqueError(f"chain: got {len(self.techniques)} techniques, allowed are 2 or more")
        late = next((technique for technique in self.techniques[1:] if technique.learns), None)
        if late is not None:
            raise TechniqueError(f"chain: {late.name} learns from the whole model's features: put it first")

    @property
    def spec(self) -> str:
        """The specs of the techniques, with "+" between them."""
        return "+".join(technique.spec for technique in self.techniques)

    @property
    def needs_calibration(self) -> bool:  # type: ignore[override]  # one of the class elsewhere
        """Whether one of them needs samples."""
        return any(technique.needs_calibration for technique in self.techniques)

    @property
    def learns(self) -> bool:  # type: ignore[override]  # one of the class elsewhere
        """Whether one of them learns from samples."""
        return any(technique.learns for technique in self.techniques)

    @classmethod
    def suggestions(cls, model: Model) -> tuple[Technique, ...]:
        """Return nothing: the caller combines."""
        return ()

    def check(self, model: Model) -> None:
        """Raise NotApplicableError when the first one does not apply; the others see what the first one made."""
        self.techniques[0].check(model)

    def nodes(self, model: Model) -> tuple[str, ...]:
        """Return those of the last one."""
        return self.techniques[-1].nodes(model)

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        return self._transform_rest(model, calibration, frozenset())

    def _transform_rest(self, model: Model, calibration: Samples | None, leaving: frozenset[str]) -> Model:
        few = calibration
        if calibration is not None and self.learns:
            few = calibration.spread(_CALIBRATION)
        for technique in self.techniques:
            left = leaving if technique is self.techniques[-1] else ()
            model = technique.apply(model, calibration if technique.learns else few, left)
        return model
