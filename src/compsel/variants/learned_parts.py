"""What techniques that learn made of models: fitted once, then compressed further, or fitted anew for a fold."""

from collections.abc import Mapping

from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.techniques import parse as parse_technique

__all__ = ["LearnedParts", "split_spec"]


def split_spec(spec: str) -> tuple[str, str]:
    """Return the part of a technique that learns, "none" where none does, and what is applied to what it made.

    >>> split_spec("early-exit:2+int8-dynamic"), split_spec("student"), split_spec("fuse+int8-dynamic")
    (('early-exit:2', 'int8-dynamic'), ('student', 'none'), ('none', 'fuse+int8-dynamic'))
    """
    first, _, rest = spec.partition("+")
    return (first, rest or "none") if parse_technique(first).learns else ("none", spec)


class LearnedParts:
    """Fits what learns on all samples, once for each model and technique.

    Args:
        models: by name.
        samples: what they learn from.

    >>> from compsel.inputs.samples import ArraySamples
    >>> from compsel.networks import build
    >>> model = build("mobilenet-v1", width=0.25, resolution=32)
    >>> LearnedParts({model.name: model}, ArraySamples([])).of(model.name, "none") is model
    True
    """

    def __init__(self, models: Mapping[str, Model], samples: Samples) -> None:
        self.models = models
        self.samples = samples
        self._made: dict[tuple[str, str], Model] = {}

    def of(self, model: str, learning: str) -> Model:
        """Return what a technique that learns made of a model; the model itself for "none".

        Raises:
            NotApplicableError: it does not apply, or the samples are too few.
        """
        if learning == "none":
            return self.models[model]
        key = (model, learning)
        if key not in self._made:
            self._made[key] = parse_technique(learning).apply(self.models[model], self.samples)
        return self._made[key]

    def known(self, model: str, learning: str) -> Model | None:
        """Return what a technique made of a model, where it has learned by now."""
        return self._made.get((model, learning))

    def learned(self, model: str, learning: str, made: Model) -> None:
        """Take what a technique made of a model elsewhere."""
        self._made[model, learning] = made
