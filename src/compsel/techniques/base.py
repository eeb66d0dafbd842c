"""What every technique obeys: a model goes in, a smaller or faster model comes out, or the reason why not."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import onnx

from compsel.errors import NotApplicableError, TechniqueError, TooFewSamplesError
from compsel.inputs.samples import Samples
from compsel.models.embeddings import gives_embedding
from compsel.models.graph_outputs import restore_repeated_outputs
from compsel.models.graph_queries import is_standard
from compsel.models.layers import LAYERS
from compsel.models.model import Model

__all__ = ["Technique"]

_HALVES = {onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16}


@dataclass(frozen=True)
class Technique(ABC):
    """One way to compress. Subclasses are frozen dataclasses: their fields are the options, all with defaults.

    `apply` checks what goes in and what comes out; subclasses write `_transform`. The same model, options and
    calibration samples give the same bytes.

    Attributes:
        name: the word in tables and on the command line.
        needs_calibration: whether samples must be given.
        learns: whether it learns from samples: it is given all of them, and its quality counts out of fold only.
        most_relative_error: of the outputs, that its rounding can cause in a deep network: a variant that differs more
            from its model is broken. None: it changes the function on purpose.

    >>> from compsel.techniques import parse
    >>> parse("prune:0.8").spec
    'prune:0.8'
    >>> parse("int8-static:method=percentile,per_channel=false").spec
    'int8-static:percentile,per_channel=false'
    """

    name: ClassVar[str]
    needs_calibration: ClassVar[bool] = False
    learns: ClassVar[bool] = False
    most_relative_error: ClassVar[float | None] = None

    @property
    def spec(self) -> str:
        """The text that `compsel.techniques.parse` turns into this technique again: name, then changed options.

        Options with `metadata={"always": True}` are named even when they are the default.
        """
        changed = [
            field
            for field in fields(self)
            if field.metadata.get("always") or getattr(self, field.name) != field.default
        ]
        first = fields(self)[0].name if fields(self) else None
        # the first option stands without its name: "prune:0.5", "resolution:192"
        options = ",".join(
            ("" if field.name == first else f"{field.name}=") + _text(getattr(self, field.name)) for field in changed
        )
        return f"{self.name}:{options}" if options else self.name

    @classmethod
    def suggestions(cls, model: Model) -> "tuple[Technique, ...]":
        """Return what is tried on `model` when no technique is asked for; those that do not apply are left out.

        What learns from samples is made where it is asked for.
        """
        return () if cls.learns else (cls(),)

    def check(self, model: Model) -> None:  # noqa: B027 - most techniques see only at work whether they apply
        """Raise NotApplicableError when it is plain, before any work, that the technique does nothing for `model`."""

    def nodes(self, model: Model) -> tuple[str, ...]:
        """Return the names of the nodes that `apply` can leave as they are, in graph order; () for none."""
        return ()

    def apply(self, model: Model, calibration: Samples | None = None, leaving: Collection[str] = ()) -> Model:
        """Compress `model`.

        Args:
            model: what to compress; it stays as it is.
            calibration: samples, for techniques that need them; they are read one by one.
            leaving: names of nodes that stay as they are, of those that `nodes` names.

        Raises:
            NotApplicableError: the technique does nothing for this model; the message is the reason.
            TechniqueError: samples are needed and were not given, or the technique broke its own contract.
        """
        self.check(model)
        if self.needs_calibration and (calibration is None or len(calibration) == 0):
            raise TechniqueError(f"{self.name} needs calibration samples: got none, give at least one")
        try:
            rest = frozenset(leaving)
            result = self._transform_rest(model, calibration, rest) if rest else self._transform(model, calibration)
        except TooFewSamplesError as error:
            raise NotApplicableError(f"{self.spec}: {error}") from error
        if result.proto is not model.proto:
            restore_repeated_outputs(result.proto.graph, model.proto.graph)
        for side in ("inputs", "outputs"):
            if [spec.name for spec in getattr(result, side)] != [spec.name for spec in getattr(model, side)]:
                raise TechniqueError(f"{self.name} changed the names of the {side} of {model.name!r}: this is a defect")
        return result.with_proto(result.proto, technique=self._label(model))

    def _check_quantisable(self, model: Model, layers: tuple[str, ...] = LAYERS) -> None:
        """Raise NotApplicableError unless the main graph has one of these layers, and computes them in float32."""
        self._check_float(model)
        found = [node for node in model.proto.graph.node if is_standard(node, *layers)]
        if not found:
            known = ", ".join(layers)
            raise NotApplicableError(f"{self.name}: {model.name!r} has none of the layers {known} in its main graph")
        types = _constant_types(model.proto.graph)
        kinds = {types[name] for node in found for name in node.input if name in types}
        if kinds and kinds <= _HALVES:
            raise NotApplicableError(f"{self.name}: {model.name!r} computes in float16: compress the float32 model")

    def _check_float(self, model: Model) -> None:
        """Raise NotApplicableError where the graph is quantised."""
        if any("QuantizeLinear" in node.op_type or "Integer" in node.op_type for node in model.proto.graph.node):
            raise NotApplicableError(f"{self.name}: {model.name!r} is quantised already: compress the float model")

    def _n_classes(self, model: Model) -> int:
        """Return how many class scores a model gives; raise NotApplicableError where it gives none."""
        shape = model.outputs[0].shape
        if shape is None or len(shape) != 2 or shape[1] is None or gives_embedding(model):
            raise self._no_class_scores(model)
        if shape[1] == 1:
            raise NotApplicableError(
                f"{self.name}: {model.name!r} gives one number, and a head is learned for two or more class scores"
            )
        return shape[1]

    def _no_class_scores(self, model: Model) -> NotApplicableError:
        return NotApplicableError(
            f"{self.name}: {model.name!r} has no class scores (n, classes): fit a head first (compsel head)"
        )

    @abstractmethod
    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        """Return the compressed model."""

    def _transform_rest(self, model: Model, calibration: Samples | None, leaving: frozenset[str]) -> Model:
        """Return the compressed model with some of its `nodes` as they are."""
        raise TechniqueError(f"{self.name} leaves no single nodes as they are: got {sorted(leaving)}")

    def _label(self, model: Model) -> str:
        if self.name == "none":
            return model.technique
        return self.spec if model.technique == "none" else f"{model.technique}+{self.spec}"


def _constant_types(graph: onnx.GraphProto) -> dict[str, int]:
    """Return the element types of the constants of a graph, by name."""
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for node in graph.node:
        if is_standard(node, "Constant"):
            types.update((node.output[0], entry.t.data_type) for entry in node.attribute if entry.name == "value")
    return types


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
