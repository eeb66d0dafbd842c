"""The outputs of `Runtime.run`: those of the model's own file, by its names and in its order."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from onnxruntime import RunOptions

from compsel.errors import InputError, did_you_mean
from compsel.models.ort_errors import InvalidFeedError, both
from compsel.models.signature import ModelSignature, NodeArg
from compsel.variants.variant import Variant

__all__ = ["SessionInterface"]


class SessionInterface:
    """What `onnxruntime.InferenceSession` would show of the outputs of a model, whatever variant of it runs.

    Args:
        variant: of the model.

    Attributes:
        outputs: of the model's file.
        signature: what the file shows of itself; made of the variant, where a bundle is older than that.

    >>> from compsel.inputs.tensor_specs import TensorSpec
    >>> spec = TensorSpec("y", "float32", (None, 2))
    >>> variant = Variant("a/none", "a", "none", "a.onnx", None, None, "0", 9, (spec,), (spec,), None, "logits")
    >>> SessionInterface(variant).picked([[1.0, 2.0]], ["y", "y"])
    [[1.0, 2.0], [1.0, 2.0]]
    """

    def __init__(self, variant: Variant) -> None:
        places = {spec.name: place for place, spec in enumerate(variant.outputs)}
        exported = [(one, places.get(one.source)) for one in variant.exported_outputs]
        self._exported = [(one, place) for one, place in exported if place is not None]
        self.outputs = [one.spec(variant.outputs[place]) for one, place in self._exported] or list(variant.outputs)
        self._places = {spec.name: place for place, spec in enumerate(self.outputs)}
        self.signature = self._signature(variant)

    def _signature(self, variant: Variant) -> ModelSignature:
        kept = variant.signature
        if kept is not None:
            shown = [[one.name for one in part] for part in (kept.inputs, kept.outputs)]
            if shown == [[spec.name for spec in part] for part in (variant.inputs, self.outputs)]:
                return kept
        told = ModelSignature.of_specs(variant.inputs, self.outputs, variant.defaults)
        maps = {one.name: one.keys for one, _ in self._exported if one.keys}
        outputs = [
            NodeArg(one.name, f"seq(map({'string' if isinstance(maps[one.name][0], str) else 'int64'},tensor(float)))")
            if one.name in maps
            else one
            for one in told.outputs
        ]
        return replace(told, outputs=tuple(outputs), metadata=None if kept is None else kept.metadata)

    def check(self, names: Sequence[str] | None, run_options: object) -> None:
        """Raise for names of outputs that there are not, and for options that are none.

        Raises:
            InputError: also what ONNX Runtime raises then (InvalidArgument, TypeError).
        """
        if run_options is not None and not isinstance(run_options, RunOptions):
            raise both(InputError, TypeError)(
                f"run_options: got {type(run_options).__name__}, allowed are onnxruntime.RunOptions, or None"
            )
        if isinstance(names, (str, bytes)):
            raise both(InputError, TypeError)(f"outputs: got {names!r}, allowed is a list of names: give [{names!r}]")
        unknown = [name for name in names or () if name not in self._places]
        if unknown:
            allowed = list(self._places)
            raise InvalidFeedError(
                f"outputs: got {unknown}, allowed are {allowed}{did_you_mean(str(unknown[0]), allowed)}"
            )

    def picked(self, outputs: Sequence[Any], names: Sequence[str] | None) -> list[Any]:
        """Return the outputs with these names, or all, made of those of a variant, in its order."""
        places = range(len(self.outputs)) if not names else [self._places[name] for name in names]
        if not self._exported:
            return [outputs[place] for place in places]
        return [self._exported[place][0].value(outputs[self._exported[place][1]]) for place in places]
