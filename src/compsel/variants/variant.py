"""A variant on disk, and an engine: a variant that is loaded on a processor and takes inputs as an app gives them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from compsel.features.confidence import OutputReader
from compsel.features.fusion import LEAST_PROBABILITY, Evidence, Scores, read_evidence, softmax
from compsel.inputs.modalities import modality_of, preprocessing_from_dict
from compsel.inputs.preprocessing import Preprocessing
from compsel.inputs.tensor_specs import TensorSpec, check_feeds
from compsel.inputs.tensors import TENSORS
from compsel.processors.base import Processor

__all__ = ["LOG_PROBABILITIES", "TOP_CLASSES", "TOP_PROBABILITIES", "Engine", "Variant"]

# outputs that `compsel.variants.evidence_outputs` appends to a graph that takes pixels
LOG_PROBABILITIES = "compsel_log_probabilities"
TOP_PROBABILITIES = "compsel_top_probabilities"
TOP_CLASSES = "compsel_top_classes"
_EVIDENCE = (LOG_PROBABILITIES, TOP_PROBABILITIES, TOP_CLASSES)


@dataclass(frozen=True)
class Variant:
    """What a technique made of a model: files in a folder, and what is known about them.

    Attributes:
        name: "<model>/<technique>", unique in its bundle or profile.
        model: name of the model that it was made of.
        technique: what made it; "none" for the model itself.
        tensor_file: the graph that takes the model's own tensors, relative to the folder.
        pixels_file: the same with the normalisation folded in, takes uint8 pixels; None for tensor models.
        weights_file: the weights that both graphs share; None when they are inside.
        sha256: of graph and weights, the identity of the variant in measured tables.
        size_bytes: of the files that one graph needs.
        inputs, outputs: of the tensor graph.
        preprocessing: how an input becomes the tensors; None for tensor models.
        output: what the first output is: class scores as "logits" or "probabilities", or something "other".
    """

    name: str
    model: str
    technique: str
    tensor_file: str
    pixels_file: str | None
    weights_file: str | None
    sha256: str
    size_bytes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    preprocessing: Preprocessing | None
    output: Literal["logits", "probabilities", "other"]

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the variant."""
        return tuple(name for name in (self.tensor_file, self.pixels_file, self.weights_file) if name is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        content = asdict(self)
        if self.preprocessing is not None:
            content["preprocessing"] = self.preprocessing.to_dict()
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Variant":
        """Read the JSON form."""
        fields = dict(content)
        for key in ("inputs", "outputs"):
            fields[key] = tuple(
                TensorSpec(spec["name"], spec["dtype"], None if spec["shape"] is None else tuple(spec["shape"]))
                for spec in content[key]
            )
        if content["preprocessing"] is not None:
            fields["preprocessing"] = preprocessing_from_dict(content["preprocessing"])
        return cls(**fields)


class Engine:
    """A variant on a processor, loaded.

    Args:
        variant: what to run.
        folder: where its files are.
        processor: where to run it.
        tensors: take the model's own tensors even though it could take values of its modality.
        reader: of what answers without class scores are evidence for; None: of nothing.

    Raises:
        ModelError: the graph cannot be loaded.
        ProcessorError: the processor is not available.
    """

    def __init__(
        self,
        variant: Variant,
        folder: str | os.PathLike[str],
        processor: Processor,
        *,
        tensors: bool = False,
        reader: OutputReader | None = None,
    ) -> None:
        self.variant = variant
        self._reader = reader
        self.processor = processor
        self.takes_pixels = variant.pixels_file is not None and not tensors
        file = variant.pixels_file if self.takes_pixels else variant.tensor_file
        assert file is not None
        self.session = processor.open(Path(folder) / file)
        self._modality = TENSORS if tensors else modality_of(variant)
        self._outputs = [spec.name for spec in variant.outputs]
        shows_evidence = set(_EVIDENCE) <= {spec.name for spec in self.session.outputs}
        self._with_evidence = [*self._outputs, *_EVIDENCE] if shows_evidence else None

    def prepare(self, value: Any) -> Mapping[str, np.ndarray]:
        """Turn a value of the model's modality, or named tensors, into what the session is fed.

        Raises:
            InputError: not an input of this model.
        """
        if isinstance(value, Mapping):
            check_feeds(self.session.inputs, value)
            return value
        return self._modality.graph_feeds(self.variant, value)

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        """Run one inference."""
        return self.session.run(feeds, outputs)

    def __call__(self, value: Any) -> list[np.ndarray]:
        """Prepare and run."""
        return self.session.run(self.prepare(value), self._outputs)

    def answer(self, value: Any) -> tuple[list[np.ndarray], Scores | None]:
        """Prepare and run, and read what the answer says about every class, or about itself.

        Returns:
            The outputs, and the scores; None where the model gives those of several inputs, or no class scores and
            there is no reader.
        """
        feeds = self.prepare(value)
        if self._with_evidence is None:
            outputs = self.session.run(feeds, self._outputs)
            if self.variant.output == "other":
                return outputs, None if self._reader is None else self._reader.scores(outputs)
            return outputs, self._scores(outputs[0])
        *outputs, log_probabilities, probabilities, classes = self.session.run(feeds, self._with_evidence)
        row = log_probabilities[0]
        return outputs, Scores(row, Evidence(classes, probabilities, len(row)))

    def _scores(self, output: np.ndarray) -> Scores | None:
        if len(output) != 1:
            return None
        scores = np.asarray(output[0], np.float32)
        probabilities = softmax(scores) if self.variant.output == "logits" else scores
        logs = np.log(np.maximum(probabilities, np.float32(LEAST_PROBABILITY)))
        return Scores(logs, read_evidence(probabilities))

    def close(self) -> None:
        """Free threads and memory."""
        self.session.close()
