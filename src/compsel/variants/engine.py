"""An engine: a variant loaded on a processor, which takes inputs as an app gives them."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from compsel.errors import InputError
from compsel.features.fusion import MIN_PROBABILITY, Evidence, Scores, read_evidence
from compsel.features.output_confidence import OutputReader
from compsel.features.tasks.scores import class_probabilities
from compsel.inputs.modalities import modality_of
from compsel.inputs.tensor_specs import check_feeds
from compsel.inputs.tensors import TENSORS
from compsel.inputs.text import TEXT
from compsel.processors.base import Processor
from compsel.variants.variant import Value, Variant

__all__ = ["LOG_PROBABILITIES", "TOP_CLASSES", "TOP_PROBABILITIES", "Engine"]

# outputs that `compsel.variants.evidence_outputs` appends to the graph that an app runs
LOG_PROBABILITIES = "compsel_log_probabilities"
TOP_PROBABILITIES = "compsel_top_probabilities"
TOP_CLASSES = "compsel_top_classes"
_WARM_UP_TEXT = "the quick brown fox"
_EVIDENCE = (LOG_PROBABILITIES, TOP_PROBABILITIES, TOP_CLASSES)


class Engine:
    """A variant on a processor, loaded: an ONNX Runtime session with the variant's preprocessing.

    Args:
        variant: what to run.
        folder: where its files are.
        processor: where to run it.
        tensors: take the model's own tensors even though it could take values of its modality; whoever gives them has
            checked their names and forms.
        reader: reads the confidence of answers without class scores; None: they have none.

    Raises:
        ModelError: the graph cannot be loaded.
        ProcessorError: the processor is not available.

    >>> import tempfile
    >>> from compsel.networks import build
    >>> from compsel.processors import CpuProcessor
    >>> from compsel.variants.writer import write_variant
    >>> folder = tempfile.mkdtemp()
    >>> variant = write_variant(build("mobilenet-v1", width=0.25, resolution=32), folder, "logits")
    >>> engine = Engine(variant, folder, CpuProcessor(1))
    >>> [output.shape for output in engine(np.zeros((48, 64, 3), np.uint8))]
    [(1, 1000)]
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
        self.variant = variant = variant.opened(Path(folder))
        self._reader = reader
        self._tensors = tensors
        self.processor = processor
        self.takes_pixels = variant.pixels_file is not None and not tensors
        self.session = processor.open(Path(folder) / (variant.tensor_file if tensors else variant.graph_file))
        self._modality = TENSORS if tensors else modality_of(variant)
        self._outputs = [spec.name for spec in variant.outputs]
        shows_evidence = set(_EVIDENCE) <= {spec.name for spec in self.session.outputs}
        self._with_evidence = [*self._outputs, *_EVIDENCE] if shows_evidence else None

    def prepare(self, value: Value) -> Mapping[str, np.ndarray]:
        """Turn a value of the model's modality, or named tensors, into what the session is fed.

        Raises:
            InputError: not an input of this model.
        """
        if isinstance(value, Mapping):
            if not self._tensors:
                check_feeds(self.session.inputs, value)
            return value
        return self._modality.graph_feeds(self.variant, value)

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        """Run one inference."""
        return self.session.run(feeds, outputs)

    def __call__(self, value: Value) -> list[np.ndarray]:
        """Prepare and run."""
        return self.session.run(self.prepare(value), self._outputs)

    def warm_up(self) -> None:
        """Run a made-up input, where the modality has one that fits by construction: the first inference is slow."""
        if self.takes_pixels:
            spec = self.session.inputs[0]
            self.run({spec.name: np.zeros([axis or 1 for axis in spec.shape or ()], np.uint8)})
        elif self._modality is TEXT:
            with contextlib.suppress(InputError):  # a tokenizer that knows no such word
                self(_WARM_UP_TEXT)

    def answer(self, value: Value) -> tuple[list[np.ndarray], Scores | None]:
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
        if len(log_probabilities) != 1:
            return outputs, None
        row = log_probabilities[0]
        return outputs, Scores(row, Evidence(classes, probabilities, len(row)))

    def _scores(self, output: np.ndarray) -> Scores | None:
        probabilities = class_probabilities(output, self.variant.output)
        if probabilities is None:
            return None
        logs = np.log(np.maximum(probabilities, np.float32(MIN_PROBABILITY)))
        return Scores(logs, read_evidence(probabilities))

    def close(self) -> None:
        """Free threads and memory."""
        self.session.close()
