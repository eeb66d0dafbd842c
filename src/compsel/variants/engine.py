"""An engine: a variant loaded on a processor, which takes inputs as an app gives them."""

import contextlib
import math
import os
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compsel.errors import InputError, ModelError
from compsel.inputs.modalities import MODALITIES, modality_of
from compsel.inputs.tensor_specs import check_feeds
from compsel.processors.base import Processor, Session
from compsel.variants.output_contract import NAN, OutputContract
from compsel.variants.variant import Value, Variant

if TYPE_CHECKING:
    from compsel.features.evidence import Scores
    from compsel.features.output_confidence import OutputReader

__all__ = ["LOG_PROBABILITIES", "TOP_CLASSES", "TOP_PROBABILITIES", "Engine"]

# outputs that `compsel.variants.evidence_outputs` appends to the graph that an app runs
LOG_PROBABILITIES = "compsel_log_probabilities"
TOP_PROBABILITIES = "compsel_top_probabilities"
TOP_CLASSES = "compsel_top_classes"
_CPU = "CPUExecutionProvider"
# a whole batch is not kept: the next input may be smaller
_MOST_KEPT_BYTES = 4 << 20
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
        known_good: the first feeds that were answered well, by which a fault of the processor is told from one of the
            input (`works`); the engines of one graph share it. None: outputs are not checked. Else `answer` and a call
            refuse outputs that are not what the variant promises.
        graph: the file to open, for `tensors` or not, as `folder` has it or had it; None: what lies there now.
        session: that file, opened on that processor already; None: it is opened.

    Attributes:
        can_be_stopped: whether `stop` surely ends what runs.

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

    # many parameters: what is opened, where it is, and what an app asks for besides
    def __init__(
        self,
        variant: Variant,
        folder: str | os.PathLike[str],
        processor: Processor,
        *,
        tensors: bool = False,
        reader: "OutputReader | None" = None,
        known_good: dict[str, np.ndarray] | None = None,
        graph: os.PathLike[str] | None = None,
        session: Session | None = None,
    ) -> None:
        self.variant = variant = variant.opened(Path(folder))
        self._known_good = known_good
        self._contract = None if known_good is None else OutputContract(variant)
        self._reader = reader
        self._tensors = tensors
        self.processor = processor
        self.takes_pixels = variant.pixels_file is not None and not tensors
        self.session = session or processor.open(graph or Path(folder) / variant.opened_file(tensors=tensors))
        self._stop: Callable[[int], None] | None = getattr(self.session, "stop", None)
        self.can_be_stopped = self._stop is not None and processor.provider == _CPU
        self._modality = MODALITIES["tensors"] if tensors else modality_of(variant)
        self._outputs = [spec.name for spec in variant.outputs]
        shows_evidence = set(_EVIDENCE) <= {spec.name for spec in self.session.outputs}
        self._with_evidence = [*self._outputs, *_EVIDENCE] if shows_evidence else None

    def prepare(self, value: Value) -> Mapping[str, np.ndarray]:
        """Turn a value of the model's modality, or named tensors, into what the session is fed.

        Raises:
            InputError: not an input of this model.
        """
        # most values are told by their own type: to ask for a `Mapping` takes several times as long
        if self._tensors and isinstance(value, dict):
            return value
        if not isinstance(value, np.ndarray) and isinstance(value, Mapping):
            if not self._tensors:
                check_feeds(self.session.inputs, value)
            return value
        return self._modality.graph_feeds(self.variant, value)

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        """Run one inference."""
        return self.session.run(feeds, outputs)

    def __call__(self, value: Value) -> list[np.ndarray]:
        """Prepare and run."""
        return self.answer(value, with_scores=False)[0]

    def works(self) -> bool | None:
        """Run the first input that was ever answered well; None where none was yet.

        What fails on it is broken; what does not, failed because of another input.
        """
        feeds = self._known_good
        if not feeds:
            return None
        try:
            outputs = self.session.run(feeds, self._outputs)
        except Exception:  # whatever a session raises
            return False
        return self._contract is None or not self._contract.violation(outputs)

    def _check(self, outputs: list[np.ndarray], feeds: Mapping[str, np.ndarray]) -> None:
        """Refuse outputs that are not what the variant promises; keep the first feeds that were answered.

        Raises:
            ModelError: wrong outputs.
        """
        assert self._contract is not None and self._known_good is not None
        violation = self._contract.violation(outputs)
        if violation and not (violation.endswith(NAN) and _holds_nan(feeds)):
            raise ModelError(f"{self.variant.name} on {self.processor.name}: {violation}")
        if not self._known_good and not violation and _is_worth_keeping(feeds):
            with contextlib.suppress(TypeError):  # a value of ONNX Runtime's own cannot be copied
                self._known_good.update(deepcopy(dict(feeds)))

    def warm_up(self) -> None:
        """Run a made-up input, where the modality has one that fits by construction: the first inference is slow."""
        if self.takes_pixels:
            spec = self.session.inputs[0]
            shape = [axis or 1 for axis in spec.shape or ()]
            # no constant picture: a model that divides by its contrast gives NaN for one
            feeds = {spec.name: np.arange(math.prod(shape), dtype=np.uint8).reshape(shape)}
            outputs = self.run(feeds, self._outputs)
            if self._contract is not None and not self._contract.violation(outputs).endswith(NAN):
                self._check(outputs, feeds)
        elif self._modality.typical is not None:
            with contextlib.suppress(InputError):  # a tokenizer that knows no such word
                self(self._modality.typical)

    def answer(self, value: Value, with_scores: bool = True) -> "tuple[list[np.ndarray], Scores | None]":
        """Prepare and run, and read what the answer says about every class, or about itself.

        Args:
            value: of the model's modality, or named tensors.
            with_scores: whether the answer is read.

        Returns:
            The outputs, and the scores; None where the model gives those of several inputs, or no class scores and
            there is no reader.
        """
        feeds = self.prepare(value)
        if self._with_evidence is None or not with_scores:
            outputs = self.session.run(feeds, self._outputs)
            if self._contract is not None:
                self._check(outputs, feeds)
            return outputs, self._read(outputs) if with_scores else None
        *outputs, log_probabilities, probabilities, classes = self.session.run(feeds, self._with_evidence)
        if self._contract is not None:
            self._check(outputs, feeds)
        if len(log_probabilities) != 1:
            return outputs, None
        from compsel.features.evidence import Evidence, Scores  # an app with one choice reads none

        row = log_probabilities[0]
        return outputs, Scores(row, Evidence(classes, probabilities, len(row)))

    def answer_rows(
        self, feeds: Mapping[str, np.ndarray], count: int, *, with_scores: bool = True
    ) -> "list[tuple[list[np.ndarray], Scores | None]]":
        """Run a batch of independent rows, and read what the answer to each says, as `answer` does for one input.

        Args:
            feeds: prepared, of all rows.
            count: of rows.
            with_scores: whether the answers are read.

        Raises:
            ModelError: also where an output does not have as many rows.
        """
        found = self.session.run(feeds, (with_scores and self._with_evidence) or self._outputs)
        outputs, shown = found[: len(self._outputs)], found[len(self._outputs) :]
        if self._contract is not None:
            self._check(outputs, feeds if count == 1 else {name: value[:1] for name, value in feeds.items()})
        if count > 1 and any(np.shape(output)[:1] != (count,) for output in found):
            raise ModelError(f"{self.variant.name} on {self.processor.name}: gave outputs without a row for each input")
        rows = [[output[row : row + 1] for output in outputs] for row in range(count)] if count > 1 else [outputs]
        if not shown:
            return [(row, self._read(row) if with_scores else None) for row in rows]
        logs, probabilities, classes = shown
        if len(logs) != count:
            return [(row, None) for row in rows]
        from compsel.features.evidence import Evidence, Scores

        n_classes = logs.shape[-1]
        evidence = [Evidence(classes[row : row + 1], probabilities[row : row + 1], n_classes) for row in range(count)]
        return [(row, Scores(log, one)) for row, log, one in zip(rows, logs, evidence, strict=True)]

    def _read(self, outputs: list[np.ndarray]) -> "Scores | None":
        if self.variant.output == "other":
            return None if self._reader is None else self._reader.scores(outputs)
        return self._scores(outputs[0])

    def _scores(self, output: np.ndarray) -> "Scores | None":
        from compsel.features.fusion import MIN_PROBABILITY, Scores, read_evidence
        from compsel.features.tasks.scores import class_probabilities

        probabilities = class_probabilities(output, self.variant.output)
        if probabilities is None:
            return None
        logs = np.log(np.maximum(probabilities, np.float32(MIN_PROBABILITY)))
        return Scores(logs, read_evidence(probabilities))

    @property
    def has_answered(self) -> bool:
        """Whether any input was answered well so far, here or on another processor."""
        return bool(self._known_good)

    def stop(self, thread: int) -> None:
        """Tell what a thread runs now to end, with an error; only where the session can."""
        if self._stop is not None:
            self._stop(thread)

    def close(self) -> None:
        """Free threads and memory."""
        self.session.close()


def _is_worth_keeping(feeds: Mapping[str, np.ndarray]) -> bool:
    """Whether feeds tell broken processors from others: those without elements do not; and whether they are small."""
    if not all(getattr(values, "size", 1) for values in feeds.values()):
        return False
    return sum(getattr(values, "nbytes", 0) for values in feeds.values()) <= _MOST_KEPT_BYTES


def _holds_nan(feeds: Mapping[str, np.ndarray]) -> bool:
    """Whether an input is no number itself: then so may be the answer."""
    arrays = [values for values in feeds.values() if isinstance(values, np.ndarray) and values.dtype.kind == "f"]
    return any(not np.isfinite(values).all() for values in arrays)
