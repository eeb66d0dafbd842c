"""What the verbs take beside models and samples: options, named as on the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypedDict

from compsel.building.options import DEFAULT_MEASURING, Measuring
from compsel.building.time_limit import seconds_of
from compsel.device.energy import open_meter
from compsel.errors import UsageError
from compsel.features.output_confidence import Confidence
from compsel.parallel.backend import Backend, backend_of
from compsel.processors import parse_available
from compsel.profiling.latency import Criterion
from compsel.profiling.output_quality import OutputQuality, Quality
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.objective import Objective, Quantity

__all__ = [
    "BuildOptions",
    "MeasuringOptions",
    "ObjectiveOptions",
    "as_list",
    "measuring_of",
    "objective_of",
    "parted",
    "reject_option_of",
]


class MeasuringOptions(TypedDict, total=False):
    """What is measured, and how: in place of a `compsel.Measuring`.

    technique: a technique to try, or several; default: what suits the models.
    processor: such as "cpu:2", or several; default: all that work here.
    state: of the device: "idle", "busy:2", "memory:1", "soak:5", or several; default: idle and three loads.
    meter: of energy; default: what this machine has.
    calibration: number of calibration samples (50).
    budget: seconds of measuring a state (60).
    time_limit: about so long may all of it take, such as "10 min", "1h" or seconds: less is measured then, and what was
        left out is said; default: no limit.
    quality, confidence, good_enough: of models without class scores: see `compsel.OutputQuality`.
    task: the kind of answers, such as "binary", "multilabel", "segmentation"; default: recognised from the graph and
        the labels.
    jobs, backend: where what depends on no device is computed: how many processes of this machine, or a
        `compsel.Backend`; default: what `joblib.parallel_config` has set up, else as many processes as usable cores,
        where that pays. What choices cost is measured on this device, alone.

    >>> measuring_of(None, {"technique": "int8-static", "calibration": 8}).techniques
    ['int8-static']
    """

    technique: str | Sequence[str]
    processor: str | Sequence[str]
    state: str | Sequence[str]
    meter: str
    calibration: int
    budget: float
    time_limit: str | float
    quality: Quality | str
    confidence: Confidence | str
    good_enough: float
    task: str
    jobs: int
    backend: Backend


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
    ['abstain', 'backend', 'budget']
    """


def measuring_of(measuring: Measuring | None, options: Mapping[str, Any]) -> Measuring:
    """Return what is to be measured; every word is checked now, not after hours.

    Raises:
        UsageError: an option that does not exist, or beside a `Measuring`.
        TechniqueError, ProcessorError, ProfileError, EnergyError: a word that is not allowed, or not here.
    """
    _check(options, MeasuringOptions, "measuring", measuring)
    if measuring is not None:
        return measuring
    given: dict[str, Any] = {
        f"{name}s": as_list(options[name]) for name in ("technique", "processor", "state") if name in options
    }
    given |= {name: options[name] for name in ("meter", "calibration", "task") if name in options}
    given["backend"] = backend_of(options.get("backend"), options.get("jobs"))
    judge = OutputQuality(options.get("quality"), options.get("confidence"), options.get("good_enough"))
    if given.get("calibration", 1) < 1:
        raise UsageError(f"calibration: got {given['calibration']}, allowed is 1 or more")
    budget = options.get("budget")
    if budget is not None and not 0 < budget < float("inf"):
        raise UsageError(f"budget: got {budget!r}, allowed is a number of seconds above 0")
    if budget is not None:
        given["criterion"] = Criterion(budget_s=budget)
    if options.get("time_limit") is not None:
        given["time_limit_s"] = seconds_of(options["time_limit"])
    found = replace(DEFAULT_MEASURING, **given, output_quality=judge)
    found.check()
    for word in found.processors or ():
        parse_available(word)
    if found.meter is not None:
        open_meter(found.meter).close()
    return found


def objective_of(objective: Objective | str | None, options: Mapping[str, Any]) -> Objective:
    """Return the objective; whether there is a meter for energy, who measures or trains finds out.

    Raises:
        UsageError: an option that does not exist, or two that contradict each other.
        ObjectiveError: a value that is not allowed, or that choosing cannot promise.
    """
    wanted = _objective(objective, options)
    wanted.check_measured(energy=True)
    return wanted


def _objective(objective: Objective | str | None, options: Mapping[str, Any]) -> Objective:
    _check(options, ObjectiveOptions, "objective", None)
    stated = {field.name for field in fields(Objective)} | {"no_floor", "goal"}
    given = {name: value for name, value in options.items() if name in stated and value is not None}
    goal = given.pop("goal", None)
    if goal is not None and objective is not None:
        raise UsageError("goal: got it together with an objective: give one of the two")
    if goal is not None and (given.keys() - {"penalty"} or given.get("no_floor")):
        other = next(name for name in given if name != "penalty")
        raise UsageError(f"goal: got it together with {other}: say all of it in the goal")
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
