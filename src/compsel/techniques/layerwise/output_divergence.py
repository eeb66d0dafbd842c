"""Divergence of a variant's outputs from those of its model, on the same samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compsel.errors import SamplesError
from compsel.inputs.samples import Samples
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.models.output_kind import output_kind
from compsel.techniques.statistics.sample_feeds import SampleFeeds

__all__ = ["DivergenceMeter", "OutputDivergence"]

_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class OutputDivergence:
    """Divergence of a variant's outputs from its model's.

    Attributes:
        divergence: classifiers: mean Kullback-Leibler divergence of the model's probabilities from the variant's, in
            nats; others: squared error of the outputs over their variance. 0 for equal outputs.
        agreement: share of samples with the same top class; None for models that are no classifiers.
        accuracy: share of samples with the right top class; None without labels.

    >>> OutputDivergence(0.0, 1.0, 0.9).quality
    0.9
    """

    divergence: float
    agreement: float | None
    accuracy: float | None

    @property
    def quality(self) -> float:
        """Accuracy where it is known, else agreement, else 1 - divergence, at least 0."""
        known = self.accuracy if self.accuracy is not None else self.agreement
        return known if known is not None else max(0.0, 1.0 - self.divergence)


class DivergenceMeter:
    """Compares variants with their model on the same samples; variants take the same tensors as their model.

    Args:
        model: the reference; it is run once.
        samples: of which all have labels, or the accuracy is None.

    Raises:
        SamplesError: no samples.

    >>> from compsel.networks import build
    >>> from compsel.inputs.samples import ArraySamples
    >>> model = build("mobilenet-v1", width=0.25, resolution=32)
    >>> DivergenceMeter(model, ArraySamples([np.zeros((32, 32, 3), np.uint8)])).measure(model).agreement
    1.0
    """

    def __init__(self, model: Model, samples: Samples) -> None:
        if not len(samples):
            raise SamplesError("got no samples to compare a variant with its model on: give some")
        self.samples = samples
        self.feeds = SampleFeeds(model, samples)
        self._reference = self._first_outputs(model)
        self._kind = output_kind([self._reference[0]])
        self.baseline = self.compare(self._reference)

    def measure(self, variant: Model) -> OutputDivergence:
        """Run a variant on all samples, on one thread.

        Raises:
            ModelError: it does not load.
        """
        return self.compare(self._first_outputs(variant))

    def compare(self, outputs: Sequence[np.ndarray]) -> OutputDivergence:
        """Compare first outputs, one for each sample, with those of the model."""
        if self._kind == "other":
            errors = [float(np.square(got - want).sum()) for want, got in zip(self._reference, outputs, strict=True)]
            scale = sum(float(np.square(want - want.mean()).sum()) for want in self._reference)
            return OutputDivergence(sum(errors) / max(scale, _LEAST), None, None)
        want, got = np.concatenate(self._reference), np.concatenate(outputs)
        first, second = self._log_probabilities(want), self._log_probabilities(got)
        divergence = float((np.exp(first) * (first - second)).sum(axis=1).mean())
        top = got.argmax(axis=1)
        labels = self.samples.labels
        accuracy = float(np.mean(top == np.array(labels))) if self.samples.labelled else None
        return OutputDivergence(max(divergence, 0.0), float(np.mean(top == want.argmax(axis=1))), accuracy)

    def _log_probabilities(self, outputs: np.ndarray) -> np.ndarray:
        if self._kind == "probabilities":
            return np.asarray(np.log(np.maximum(outputs.astype(np.float64), _LEAST)))
        shifted = outputs.astype(np.float64) - outputs.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))

    def _first_outputs(self, model: Model) -> list[np.ndarray]:
        session = open_session(model.proto)
        return [np.asarray(session.run(None, feeds)[0]) for feeds in self.feeds]
