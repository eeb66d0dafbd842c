"""What the answers of models are and what counts as right: recognised before anything is measured, and said."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from compsel.building.options import Measuring
from compsel.errors import ProfileError, UsageError
from compsel.features.tasks import recognise
from compsel.features.tasks.base import Task
from compsel.features.tasks.graph_facts import facts_of
from compsel.features.tasks.label_facts import label_facts, targets_of
from compsel.features.tasks.similarity import Similarity
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.profiling.label_check import check_labels
from compsel.profiling.label_doubts import label_doubts
from compsel.profiling.output_quality import COSINE, OutputQuality
from compsel.profiling.quality import reference_of
from compsel.profiling.quality_table import read_quality
from compsel.progress import Reporter
from compsel.variants.variant import OutputKind, Variant

__all__ = [
    "check_answers",
    "judge_of",
    "outputs_of",
    "say_how_judged",
    "settled",
    "warn_of_labels",
    "warn_of_quality",
]

_HARDLY_ANY = 0.1  # of the answers of the uncompressed model are good enough


def judge_of(models: Sequence[Model], samples: Samples, measuring: Measuring) -> OutputQuality:
    """Return what rates answers, with the kind of answers: the one that is named, or that graph and labels show.

    Where a function rates answers, or reads their confidence, nothing is recognised.

    Raises:
        UsageError: a task of classes beside what is for models without class scores.
    """
    judge = measuring.output_quality
    given = judge.quality is not None or judge.confidence is not None
    if given and measuring.task is None:
        return judge
    labels = label_facts(samples)
    task = recognise(facts_of(models[0], labels), measuring.task)
    if task.classes and judge.specified:
        if measuring.task is not None:
            raise UsageError(
                f"task: got {task.name} together with quality, confidence or good_enough: leave these away"
            )
        return judge
    labelled = task.by_labels and labels.kind != "none" and all(one is not None for one in targets_of(samples))
    quality = COSINE if task.name == "embedding" and judge.quality is None else judge.quality
    return replace(judge, task=task, labelled=labelled and not task.classes, quality=quality)


def outputs_of(judge: OutputQuality, models: Sequence[Model], samples: Samples) -> dict[str, OutputKind | None]:
    """Return what the first output of each model, by its name, is to be taken for; None: told by its values.

    Raises:
        ProfileError: models whose answers are not of one kind.
    """
    if judge.task is None:
        return dict.fromkeys((model.name for model in models), "other" if judge.specified else None)
    labels, kinds = label_facts(samples), {}
    for model in models:
        task = judge.task if model is models[0] else recognise(facts_of(model, labels), judge.task.name)
        same = task == judge.task or (task.classes and judge.task.classes)
        if not same:
            raise ProfileError(
                f"{models[0].name} and {model.name} give their answers in other forms ({judge.task} and {task}): "
                "export them alike"
            )
        kinds[model.name] = task.score_kind if task.classes else "other"
    return kinds


def settled(judge: OutputQuality, originals: Sequence[Variant]) -> OutputQuality:
    """Return what rates answers, once the models have given some: what was taken for class scores may be none."""
    classes = judge.task is not None and judge.task.classes
    return replace(judge, task=Similarity()) if classes and any(one.output == "other" for one in originals) else judge


def say_how_judged(
    variants: Sequence[Variant], samples: Samples, judge: OutputQuality, named: bool, reporter: Reporter
) -> None:
    """Say in a line what the answers are and what counts as right, and in others what labels are not used for.

    Args:
        variants: with the uncompressed ones.
        samples: that judge.
        judge: what rates answers.
        named: whether the kind of answers was given.
        reporter: is told.
    """
    reference = reference_of(variants).name
    task = judge.task
    plain = task is not None and task.classes
    labelled = judge.labelled or (plain and any(label is not None for label in samples.labels))
    if task is not None:
        line = task.sentence(labelled=labelled, reference=reference, good_enough=None if plain else judge.threshold)
        reporter.say(line.removesuffix("; --task to change") if named else line)
    if plain and not labelled and any(one is not None for one in targets_of(samples)):
        reporter.say("labels are ignored: they are no classes, which are whole numbers from 0, or names")
    if plain or judge.rates_by_labels:
        return
    if judge.uses_targets:
        reporter.say(f"answers are judged by {judge.name}: good enough from {judge.threshold:g}")
        return
    reporter.say(f"answers are compared with those of {reference} ({judge.name}): good enough from {judge.threshold:g}")
    if any(label is not None for label in samples.labels) or any(one is not None for one in targets_of(samples)):
        _say_ignored(variants, task, reporter)


def _say_ignored(variants: Sequence[Variant], task: Task | None, reporter: Reporter) -> None:
    if task is not None and task.by_labels:
        reporter.say("labels are ignored: some samples have none")
        return
    reporter.say(
        f"labels are ignored: {variants[0].model} gives no class scores to compare them with; to use them, say what "
        "the answers are (--task, task=), or give a function of outputs and label (--quality, quality=)"
    )


def check_answers(
    originals: Sequence[Variant], folder: Path, n_classes: int, random_weights: Sequence[str], reporter: Reporter
) -> None:
    """Raise ProfileError where no uncompressed model predicts the labels better than guessing; say a doubt."""
    tables = {variant.model: read_quality(folder, variant) for variant in originals if variant.output != "other"}
    if not tables:
        return
    labels = next(iter(tables.values()))["label"].astype(np.int64)
    known = labels >= 0
    answers = {name: table["classes"][known, 0].astype(np.int64) for name, table in tables.items()}
    doubt = check_labels(labels[known], answers, n_classes, random_weights)
    if doubt:
        reporter.say(f"warning: labels: {doubt}")


def warn_of_labels(samples: Samples, judge: OutputQuality, reporter: Reporter) -> None:
    """Say in a line each what makes labels say little, before anything is measured with them."""
    if judge.uses_targets or (judge.task is not None and judge.task.classes):
        for line in label_doubts(samples, targets_of(samples)):
            reporter.say(f"warning: labels: {line}")


def warn_of_quality(variants: Sequence[Variant], folder: Path, judge: OutputQuality, reporter: Reporter) -> None:
    """Say so where hardly any answer of the uncompressed model is good enough."""
    if not judge.uses_targets:
        return
    reference = reference_of(variants)
    quality = read_quality(folder, reference)["quality"].astype(np.float64)
    share = float((quality >= judge.threshold).mean())
    if share < _HARDLY_ANY:
        shapes = ", ".join(f"{spec.name} {spec.shape}" for spec in reference.outputs)
        what = "the labels" if judge.rates_by_labels else "the function"
        reporter.say(
            f"warning: {share:.1%} of the answers of {reference.name} are good enough ({judge.name} of at least "
            f"{judge.threshold:g}; the median is {float(np.median(quality)):.3g}): look at {what} and "
            f"--good-enough; its outputs are {shapes}"
        )
