"""What the verbs take beside models and samples: options, named as on the command line."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypedDict

from compsel.building.options import DEFAULT_MEASURING, Measuring
from compsel.errors import UsageError
from compsel.features.output_confidence import Confidence
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.modalities import open_samples
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.profiling.latency import Criterion
from compsel.profiling.output_quality import OutputQuality, Quality
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.objective import Objective, Quantity

__all__ = [
    "BuildOptions",
    "Classes",
    "MeasuringOptions",
    "ObjectiveOptions",
    "Preprocess",
    "as_list",
    "as_models",
    "as_samples",
    "measuring_of",
    "objective_of",
    "parted",
    "reject_option_of",
]

Paths = str | os.PathLike[str]
Preprocess = ImagePreprocessing | str | None
Classes = Sequence[str] | str | os.PathLike[str] | None


class MeasuringOptions(TypedDict, total=False):
    """What is measured, and how: in place of a `compsel.Measuring`.

    technique: a technique to try, or several; default: what suits the models.
    processor: such as "cpu:2", or several; default: all that work here.
    state: of the device: "idle", "busy:2", "memory:1", "soak:5", or several; default: idle and three loads.
    meter: of energy; default: what this machine has.
    calibration: number of calibration samples (50).
    budget: seconds of measuring a state (60).
    quality, confidence, good_enough: of models without class scores: see `compsel.OutputQuality`.

    >>> measuring_of(None, {"technique": "int8-static", "calibration": 8}).techniques
    ['int8-static']
    """

    technique: str | Sequence[str]
    processor: str | Sequence[str]
    state: str | Sequence[str]
    meter: str
    calibration: int
    budget: float
    quality: Quality | str
    confidence: Confidence | str
    good_enough: float


class ObjectiveOptions(TypedDict, total=False):
    """What "best" means: in place of a `compsel.Objective`.

    goal: all of it in words, such as "at most 1 % less accurate".
    max_loss: how much less accurate than the best uncompressed network, as a fraction (0 without min_quality).
    no_floor: True: no floor of accuracy.
    min_quality: least accuracy, as a fraction.
    penalty: cost of a wrong answer, ms (mJ where energy is minimised).
    minimize: "latency" or "energy".
    credibility: share of usual inputs that may be taken for unusual ones, which the most accurate network answers.
    abstain: answers that are right with less than this probability are flagged, and count as wrong.

    >>> objective_of(None, {"max_loss": 0.01}).max_loss
    0.01
    """

    goal: str
    max_loss: float
    no_floor: bool
    min_quality: float
    penalty: float
    minimize: Quantity
    credibility: float
    abstain: float


class BuildOptions(MeasuringOptions, ObjectiveOptions, total=False):
    """Both: see `MeasuringOptions` and `ObjectiveOptions`.

    >>> sorted(BuildOptions.__annotations__)[:3]
    ['abstain', 'budget', 'calibration']
    """


def measuring_of(measuring: Measuring | None, options: Mapping[str, Any]) -> Measuring:
    """Return what is to be measured.

    Raises:
        UsageError: an option that does not exist, or beside a `Measuring`.
    """
    _check(options, MeasuringOptions, "measuring", measuring)
    if measuring is not None:
        return measuring
    given: dict[str, Any] = {
        f"{name}s": as_list(options[name]) for name in ("technique", "processor", "state") if name in options
    }
    given |= {name: options[name] for name in ("meter", "calibration") if name in options}
    judge = OutputQuality(*(options.get(name) for name in ("quality", "confidence", "good_enough")))
    if given.get("calibration", 1) < 1:
        raise UsageError(f"calibration: got {given['calibration']}, allowed is 1 or more")
    budget = options.get("budget")
    if budget is not None and not 0 < budget < float("inf"):
        raise UsageError(f"budget: got {budget!r}, allowed is a number of seconds above 0")
    criterion = None if budget is None else Criterion(budget_s=budget)
    return replace(DEFAULT_MEASURING, **given, criterion=criterion, output_quality=judge)


def objective_of(objective: Objective | str | None, options: Mapping[str, Any]) -> Objective:
    """Return the objective.

    Raises:
        UsageError: an option that does not exist, or two that contradict each other.
        ObjectiveError: a value that is not allowed.
    """
    _check(options, ObjectiveOptions, "objective", None)
    stated = {field.name for field in fields(Objective)} | {"no_floor", "goal"}
    given = {name: value for name, value in options.items() if name in stated and value is not None}
    goal = given.pop("goal", None)
    if goal is not None and objective is not None:
        raise UsageError("goal: got it together with an objective: give one of the two")
    objective = goal if goal is not None else objective
    penalty, no_floor = given.pop("penalty", None), given.pop("no_floor", False)
    if objective is None:
        if no_floor and "max_loss" in given:
            raise UsageError("no_floor: got it together with max_loss: give one of the two")
        without_floor = no_floor or ("min_quality" in given and "max_loss" not in given)
        floor = {"max_loss": None} if without_floor else {}
        return Objective(penalty=penalty, **{**floor, **given})
    if given or no_floor:
        raise UsageError(f"{next(iter(given), 'no_floor')}: got it beside an objective: say all of it there")
    return (
        Objective.from_goal(objective, penalty=penalty)
        if isinstance(objective, str)
        else objective
        if penalty is None
        else replace(objective, penalty=penalty)
    )


def reject_option_of(rejecting: RejectOption | None, options: Mapping[str, Any]) -> RejectOption | None:
    """Return which inputs are not chosen for, and which answers are withheld; None: all are, and none is.

    Raises:
        UsageError: options beside a `RejectOption`.
        ObjectiveError: a value that is not allowed.
    """
    given = {name: options[name] for name in ("credibility", "abstain") if options.get(name)}
    if rejecting is not None and given:
        raise UsageError(f"{next(iter(given))}: got it beside a reject_option: say all of it there")
    if not given:
        return rejecting
    return RejectOption(credibility=given.get("credibility", 0.0), abstain_below=given.get("abstain", 0.0))


def as_list(words: str | Sequence[str]) -> list[str]:
    """Return one word or several as a list.

    >>> as_list("cpu:1"), as_list(("cpu:1", "cpu:2"))
    (['cpu:1'], ['cpu:1', 'cpu:2'])
    """
    return [words] if isinstance(words, str) else list(words)


def as_models(models: Paths | Model | Sequence[Paths | Model], **options: Any) -> list[Model]:
    """Return one model or several, given as paths or opened.

    Args:
        models: what is given.
        options: of `Model.load`, for those given as paths; None is left out.

    Raises:
        UsageError: no model.
        ModelError: one that cannot be read.
    """
    given = [models] if isinstance(models, (str, os.PathLike, Model)) else list(models)
    if not given:
        raise UsageError("models: got none, give at least one: a path of an ONNX file, or a compsel.Model")
    known = {name: value for name, value in options.items() if value is not None}
    return [model if isinstance(model, Model) else Model.load(model, **known) for model in given]


def as_samples(samples: Any) -> Samples:
    """Return samples that are given as such, or as anything that `open_samples` takes.

    Raises:
        SamplesError: what it does not take, or no samples.
    """
    return open_samples(samples)


def parted(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of measuring, and those of the objective.

    Raises:
        UsageError: one that is neither.
    """
    _check(options, BuildOptions, "", None)
    measuring = {name: value for name, value in options.items() if name in MeasuringOptions.__annotations__}
    return measuring, {name: value for name, value in options.items() if name not in measuring}


def _check(options: Mapping[str, Any], kind: type, place: str, instead: object) -> None:
    allowed = kind.__annotations__
    for name in options:
        if name not in allowed:
            raise UsageError(f"got the option {name!r}, allowed are {', '.join(sorted(allowed))}")
        if instead is not None:
            raise UsageError(f"{name}: got it together with {place}: say all of it there")
