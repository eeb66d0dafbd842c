"""The JSON form of an evaluation, which others script against: every key is there, null where it is not known."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from compsel.device.fingerprint import device_fingerprint
from compsel.evaluation.lacking import lacking_words
from compsel.evaluation.result_words import POLICIES
from compsel.storage.files import without_nan

if TYPE_CHECKING:
    from compsel.evaluation.results import Evaluation

__all__ = ["COMPARED", "json_form"]

# what the adaptive policy is compared with
COMPARED = ("current", "most_accurate", "best_static", "hindsight_static")


def json_form(evaluation: "Evaluation") -> dict[str, Any]:
    """Return the JSON form; figures that do not exist, and policies that are not here, are None."""
    adaptive = evaluation.results["adaptive"]
    mean = float(adaptive.latency_ms.mean())
    features, selector = float(adaptive.features_ms.mean()), float(adaptive.selector_ms.mean())
    contenders, all_measured = evaluation.hindsight.contenders, evaluation.all_measured
    return {
        "n": len(adaptive.right),
        "labelled": evaluation.labelled,
        "verdict": evaluation.verdict.to_dict(),
        "certificate": None if evaluation.certificate is None else asdict(evaluation.certificate),
        "device": device_fingerprint(),
        "sizes": evaluation.sizes,
        "energy": {"meter": evaluation.meter, "estimated": evaluation.energy_estimated} if evaluation.meter else None,
        "policies": {name: result.to_dict() for name, result in evaluation.results.items()},
        "result": evaluation.result.to_dict(),
        "names": {name: name if name in evaluation.results else None for name in POLICIES},
        "lacking": lacking_words(evaluation.left_out, contenders, all_measured=all_measured),
        "hindsight_static": {**asdict(evaluation.hindsight), "all_measured": all_measured},
        "static": {name: result.summary() for name, result in evaluation.static.items()},
        "overhead_ms": {
            "decode": float(adaptive.decode_ms.mean()) if len(adaptive.decode_ms) else 0.0,
            "features": features,
            "selector": selector,
            "total": features + selector,
            "share_of_mean_latency": (features + selector) / mean,
        },
        "summary": _summary(evaluation),
        **evaluation.detail,
    }


def _summary(evaluation: "Evaluation") -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for other in COMPARED:
        if other in evaluation.results and not (other == "hindsight_static" and evaluation.is_alone):
            figures |= evaluation.against(other).to_dict(other)
        else:
            for figure in (f"speedup_vs_{other}", f"accuracy_vs_{other}"):
                figures |= {figure: None, f"{figure}_95": [None, None]}
    # the oracle's mean latency divided by ours
    oracle = None if evaluation.is_alone else evaluation.against("oracle").speedup
    gap, low, high = evaluation.gap_closed
    return {
        **figures,
        "oracle_latency_fraction": None if oracle is None else oracle.value,
        "oracle_latency_fraction_95": [None, None] if oracle is None else [oracle.low, oracle.high],
        "gap_closed": without_nan(gap),
        "gap_closed_95": without_nan([low, high]),
        "penalty_ms": evaluation.penalty,
    }
