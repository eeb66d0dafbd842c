"""The tables of an evaluation as pandas sees them.

policies  one row a policy, or a static choice of variant (policy: its name, kind: "policy" or "static"): accuracy,
          mean_ms, p50_ms, p95_ms, p99_ms, energy_mj, choice (the most frequent one) and its share
samples   one row a policy and sample: policy, kind, sample (its number), right, latency_ms, and where they were kept
          label (the class that was answered), decode_ms, features_ms, selector_ms
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from compsel.errors import UsageError, require

if TYPE_CHECKING:
    import pandas as pd

    from compsel.evaluation.results import Evaluation, PolicyResult

__all__ = ["evaluation_frame"]

_KEPT = {"labels": "label", "decode_ms": "decode_ms", "features_ms": "features_ms", "selector_ms": "selector_ms"}


def evaluation_frame(evaluation: "Evaluation", what: str = "policies") -> "pd.DataFrame":
    """Return a table of an evaluation; the module says its columns.

    Raises:
        UsageError: no such table.
        MissingDependencyError: pandas is not installed.
    """
    pandas = require("pandas", "train")
    if what == "policies":
        return pandas.DataFrame([_policy(name, kind, result) for name, kind, result in _results(evaluation)])
    if what != "samples":
        raise UsageError(f"to_frame: got {what!r}, allowed are policies, samples")
    parts = [pandas.DataFrame(_samples(name, kind, result)) for name, kind, result in _results(evaluation)]
    return pandas.concat(parts, ignore_index=True)


def _results(evaluation: "Evaluation") -> Iterator[tuple[str, str, "PolicyResult"]]:
    for kind, results in (("policy", evaluation.results), ("static", evaluation.static)):
        for name, result in results.items():
            yield name, kind, result


def _policy(name: str, kind: str, result: "PolicyResult") -> dict[str, Any]:
    summary = result.summary()
    choice, count = next(iter(result.choices.most_common(1)), (None, 0))
    return {
        "policy": name,
        "kind": kind,
        "accuracy": summary["accuracy"],
        **{f"{key}_ms": value for key, value in summary["latency_ms"].items()},
        "energy_mj": result.energy_mj,
        "choice": choice,
        "share": count / len(result.right),
    }


def _samples(name: str, kind: str, result: "PolicyResult") -> dict[str, Any]:
    kept = {column: getattr(result, field) for field, column in _KEPT.items() if len(getattr(result, field))}
    alike = {"policy": name, "kind": kind, "sample": range(len(result.right))}
    return {**alike, "right": result.right, "latency_ms": result.latency_ms, **kept}
