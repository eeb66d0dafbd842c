"""Output divergence of a compressed model from the original, measured on samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compsel.errors import SamplesError
from compsel.inputs.samples import Samples
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.models.output_comparison import kl_divergence, log_probabilities, same_top_class, unexplained_variance
from compsel.models.output_kind import output_kind
from compsel.techniques.statistics.sample_feeds import SampleFeeds

__all__ = ["DivergenceMeter", "OutputDivergence"]


@dataclass(frozen=True, slots=True)
class OutputDivergence:
    """How far the outputs of a variant are from its model's.

    Attributes:
        divergence: classifiers: mean Kullback-Leibler divergence of the variant's probabilities from the model's, in
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
    """Measures the output divergence of variants from one model; they take the same tensors as the model.

    Args:
        model: the reference; it is run once, and its outputs are kept.
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
            return OutputDivergence(unexplained_variance(outputs, self._reference), None, None)
        scores, reference = np.concatenate(outputs), np.concatenate(self._reference)
        divergence = kl_divergence(log_probabilities(scores, self._kind), log_probabilities(reference, self._kind))
        labels = self.samples.labels
        accuracy = float(np.mean(scores.argmax(axis=1) == np.array(labels))) if self.samples.labelled else None
        agreement = float(np.mean(same_top_class(scores, reference)))
        return OutputDivergence(max(float(divergence.mean()), 0.0), agreement, accuracy)

    def _first_outputs(self, model: Model) -> list[np.ndarray]:
        session = open_session(model.proto)
        return [np.asarray(session.run(None, feeds)[0]) for feeds in self.feeds]
