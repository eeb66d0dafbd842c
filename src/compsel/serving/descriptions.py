"""Answers as JSON: classes with probabilities, the way taken and why, where the time went."""

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from compsel.features.tasks.scores import class_probabilities
from compsel.runtime import Answer
from compsel.runtime.answer import Stage
from compsel.serving.answering import AnsweredRequest

__all__ = ["describe_answer", "describe_request", "response_parameters"]

_SHOWN_CLASSES = 5
_SHOWN_NUMBERS = 8


def describe_request(answered: AnsweredRequest, original: str | None, names: Sequence[str]) -> dict[str, Any]:
    """Return an answer, and that of the uncompressed model, as JSON can hold them.

    Args:
        answered: the answers.
        original: name of the uncompressed model; None: there is none.
        names: of the classes; empty: the bundle's.
    """
    return {
        **describe_answer(answered.answer, names),
        "waited_ms": answered.waited_ms,
        "uncompressed": None if answered.original is None else describe_answer(answered.original, names),
        "uncompressed_name": original,
    }


def describe_answer(answer: Answer, names: Sequence[str] = ()) -> dict[str, Any]:
    """Return an answer as JSON can hold it.

    >>> scores = np.log(np.array([[0.8, 0.2]], np.float32))
    >>> answer = Answer([scores], 3.0, (Stage("net/none", "cpu:1", 2.9, 3.0),), output="logits")
    >>> describe_answer(answer, ("cat", "dog"))["name"]
    'cat'
    """
    classes = _classes(answer, names)
    return {
        "label": classes[0]["label"] if classes else None,
        "name": classes[0]["name"] if classes else None,
        "classes": classes,
        "outputs": [] if classes else [_numbers(output) for output in answer.outputs],
        "confidence": _confidence(answer),
        "abstained": answer.abstained,
        "constraints_met": answer.constraints_met,
        "note": answer.note,
        "choice": answer.choice,
        "latency_ms": answer.latency_ms,
        "parts_ms": {
            "decode": answer.decode_ms,
            "features": answer.features_ms,
            "selector": answer.selector_ms,
            "stages": sum(stage.latency_ms for stage in answer.stages),
        },
        "stages": _stages(answer),
    }


def response_parameters(answered: AnsweredRequest, names: Sequence[str] = ()) -> dict[str, Any]:
    """Return the parameters of a response of the Open Inference Protocol: words and numbers, no lists."""
    answer = answered.answer
    classes = _classes(answer, names, 1)
    said = {"label": classes[0]["label"], "name": classes[0]["name"]} if classes else {}
    confidence = _confidence(answer)
    return {
        **said,
        **({} if confidence is None else {"confidence": confidence}),
        "choice": answer.choice,
        "latency_ms": answer.latency_ms,
        "waited_ms": answered.waited_ms,
        "abstained": answer.abstained,
        "constraints_met": answer.constraints_met,
        "note": answer.note,
    }


def _has_classes(answer: Answer) -> bool:
    if answer.output == "other" or not answer.outputs:
        return False
    return class_probabilities(answer.outputs[0], answer.output) is not None


def _classes(answer: Answer, names: Sequence[str], most: int = _SHOWN_CLASSES) -> list[dict[str, Any]]:
    if not _has_classes(answer):
        return []
    known = names or answer.labels
    found = []
    for index, share in answer.ranked(most):
        name = known[index] if index < len(known) else f"class {index}"
        found.append({"label": index, "name": name, "probability": _finite(share)})
    return found


def _confidence(answer: Answer) -> float | None:
    """Return how likely the answer is right: as its policy sees it, else as its scores say; None: neither does."""
    sure = answer.stages[-1].probability_right if answer.stages else None
    if sure is not None:
        return sure
    return _finite(answer.confidence) if _has_classes(answer) else None


def _stages(answer: Answer) -> list[dict[str, Any]]:
    planned = answer.planned
    described = []
    ran: list[int] = []
    for number, stage in enumerate(answer.stages, start=1):
        needed = None
        if planned is not None and stage.variant in planned.policy.variants:
            ran.append(planned.policy.variants.index(stage.variant))
            needed = planned.plan.stops_from(ran)
        last = number == len(answer.stages)
        described.append(
            {
                "variant": stage.variant,
                "processor": stage.processor,
                "latency_ms": stage.latency_ms,
                "expected_ms": _finite(stage.expected_ms),
                "confidence": stage.probability_right,
                "threshold": needed,
                "escalated": not last,
                "why": _why(stage, needed, last),
            }
        )
    return described


def _why(stage: Stage, needed: float | None, last: bool) -> str:
    """Say in a sentence why the answer was given, or not yet.

    >>> _why(Stage("net/none", "cpu:1", 2.9, 3.0, 0.62), 0.8, last=False)
    '62.0 % sure to be right, 80.0 % are needed here: another variant was asked.'
    """
    sure = stage.probability_right
    if sure is None:
        return "Chosen before it ran: its answer is taken however sure it is." if last else "Another variant was asked."
    said = f"{100 * sure:.1f} % sure to be right"
    if needed is None:
        return f"{said}: " + ("the answer was given." if last else "another variant was asked.")
    wanted = f"{100 * needed:.1f} % are needed here"
    if not last:
        return f"{said}, {wanted}: another variant was asked."
    if needed == 0:
        return f"{said}: no further variant is worth its time here, the answer was given."
    return (
        f"{said}, {wanted}: the answer was given."
        if sure >= needed
        else f"{said}: a further variant would not have been worth its time, the answer was given."
    )


def _numbers(output: Any) -> dict[str, Any]:
    array = output if isinstance(output, np.ndarray) else np.array([str(output)], object)
    values = [value.item() if isinstance(value, np.generic) else value for value in islice(array.flat, _SHOWN_NUMBERS)]
    shown = [_finite(value) if isinstance(value, float) else value for value in values]
    return {"dtype": str(array.dtype), "shape": list(array.shape), "values": [_plain(value) for value in shown]}


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float, str, type(None), Mapping)) else str(value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
