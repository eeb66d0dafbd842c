"""How often a model as it is names the right class."""

import os

import numpy as np

from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.models.output_kind import output_kind
from compsel.processors.base import Processor
from compsel.profiling.confidence_intervals import Estimate, normal_mean

__all__ = ["labelled_part", "measured_accuracy"]


def labelled_part(samples: Samples | None, most: int) -> Samples | None:
    """Return at most so many labelled samples, spread over all; None where there are none."""
    if samples is None:
        return None
    labelled = [index for index, label in enumerate(samples.labels) if label is not None]
    return samples.subset(labelled).spread(min(most, len(labelled))) if labelled else None


def measured_accuracy(
    model: Model, file: str | os.PathLike[str], samples: Samples, processor: Processor
) -> Estimate | None:
    """Return the share of right answers; None for a model whose first output is no class scores, or has other classes.

    Args:
        model: says how samples become feeds.
        file: its ONNX file.
        samples: with labels.
        processor: where to run it.

    Raises:
        ModelError, ProcessorError, InputError: it does not run on them.
    """
    modality = modality_of(model)
    right: list[bool] = []
    session = processor.open(file)
    try:
        for sample in samples:
            outputs = session.run(modality.feeds(model, sample.value))
            if output_kind(outputs) == "other" or sample.label is None or sample.label >= outputs[0].shape[1]:
                return None
            right.append(int(np.argmax(outputs[0][0])) == sample.label)
    finally:
        session.close()
    return normal_mean(right)
