"""How often a model as it is names the right class."""

import os

from compsel.features.tasks import recognise
from compsel.features.tasks.graph_facts import facts_of
from compsel.features.tasks.label_facts import label_facts
from compsel.features.tasks.scores import class_probabilities
from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.models.exported_outputs import read_as_graph
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
        model: says how samples become feeds, and which outputs are class scores.
        file: its ONNX file.
        samples: with labels.
        processor: where to run it.

    Raises:
        ModelError, ProcessorError, InputError: it does not run on them.
    """
    modality, task = modality_of(model), recognise(facts_of(model, label_facts(samples)))
    if not task.classes:
        return None
    names = [spec.name for spec in model.outputs]
    right: list[bool] = []
    session = processor.open(file)
    try:
        for sample in samples:
            outputs = session.run(modality.feeds(model, sample.value))
            outputs = [*read_as_graph(model.exported_outputs, names, outputs)]
            kind = task.score_kind or output_kind(outputs)
            scores = None if kind == "other" else class_probabilities(outputs[0], kind)
            if scores is None or sample.label is None or sample.label >= len(scores):
                return None
            right.append(int(scores.argmax()) == sample.label)
    finally:
        session.close()
    return normal_mean(right)
