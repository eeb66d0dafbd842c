"""What the main picture shows, as data: accuracy against latency as measured by an evaluation, and in every state.

A view has a `name`, a `note`, `points` and a `curve`. A point has the figures that are shown beside it, `kind`, which
is one of `compsel.evaluation.report.words.KINDS`, and `x` and `y`: mean latency (ms) and right answers (%).
"""

from collections.abc import Mapping
from typing import Any

from compsel.evaluation.report.content import ReportContent
from compsel.evaluation.report.words import inputs_word, state_words
from compsel.evaluation.result_words import POLICIES, percent_words
from compsel.profiling.candidates import Candidate

__all__ = ["views"]

View = dict[str, Any]
Point = dict[str, Any]
_KIND_OF = {
    "adaptive": "adaptive",
    "current": "uncompressed",
    "oracle": "oracle",
    "hindsight_static": "sceptic",
    "most_accurate": "uncompressed",
}


def views(content: ReportContent) -> list[View]:
    """Return the views, the first of which is shown first: that of the evaluation, where there is one."""
    found = [_of_evaluation(content, content.evaluation)] if content.evaluation is not None else []
    found += [_of_state(content, place) for place in range(len(content.states))]
    return [view for view in found if view["points"]]


def _of_evaluation(content: ReportContent, evaluation: Mapping[str, Any]) -> View:
    known = {one.variant: one for one in content.candidates}
    points = []
    for name, policy in _different(evaluation["policies"]).items():
        latency = policy["latency_ms"]
        figures = {"p50": latency.get("p50"), "p95": latency.get("p95"), "p99": latency.get("p99")}
        point = _point(_KIND_OF.get(name, "other"), POLICIES.get(name, name), latency["mean"], policy["accuracy"])
        runs = _most_frequent(policy.get("choices", {}))
        points.append({**point, **figures, "runs": runs, "energy": policy.get("energy_mj")})
    for name, figures in evaluation.get("static", {}).items():
        latency = figures["latency_ms"]
        one = known.get(name)
        points.append(
            {
                **_point("static", name, latency["mean"], figures["accuracy"]),
                **_parts(name, ""),
                **{key: latency.get(key) for key in ("p50", "p95", "p99")},
                "size": None if one is None else one.size_mb,
            }
        )
    curve = [[one["latency_ms"], 100 * one["accuracy"], one["penalty_ms"]] for one in evaluation.get("curve", ())]
    note = (
        f"Measured end to end on {evaluation['n']:,} {inputs_word(content.modality)}, all in one run, interleaved. "
        "Single variants were answered once each; policies several times."
    )
    if curve:
        note += " The line is computed from the answers of the variants, and scaled to the time that was measured."
    return {"name": "as evaluated", "note": note, "points": points, "curve": curve}


def _different(policies: Mapping[str, Any]) -> dict[str, Any]:
    """Return the policies without those that did the same as one that has a sign of its own."""
    signed = {name: policy["latency_ms"]["mean"] for name, policy in policies.items() if name in _KIND_OF}
    return {
        name: policy
        for name, policy in policies.items()
        if name in signed or policy["latency_ms"]["mean"] not in signed.values()
    }


def _of_state(content: ReportContent, place: int) -> View:
    """Every choice in one state, and the policies as cross-validation saw them."""
    state = content.states[place]
    quality = {one.variant: one for one in content.candidates}
    beaten = {one.variant for one in content.candidates if one.domination is not None}
    points = []
    for cost in content.costs:
        one = quality.get(cost.variant)
        if one is None:
            continue
        kind = "dominated" if cost.variant in beaten else "static"
        points.append({**_static(one, kind, cost.processor, cost.latency_ms[place]), "p95": cost.p95_ms[place]})
    costed = {cost.variant for cost in content.costs}
    if place == 0:
        points += [
            _static(one, "dominated" if one.variant in beaten else "static", one.processor, one.latency_ms)
            for one in content.candidates
            if one.variant not in costed
        ]
    points += _marked(content, points)
    curve, own = _curve(content, state)
    if own is not None:
        points.append(own)
    elif place == 0:
        points += _shipped(content)
    if place == 0:
        points += _oracle(content)
    where = "on an idle device" if place == 0 else f"beside {state_words(state)}"
    note = (
        f"As the build measured it on {content.n_samples:,} {inputs_word(content.modality)}, {where}. "
        "Latencies run from the decoded input to the outputs."
    )
    if curve:
        note += " This bundle and its line: on inputs that it was not trained on (cross-validation)."
    return {"name": state_words(state), "note": note, "points": points, "curve": curve}


def _static(one: Candidate, kind: str, processor: str, latency_ms: float) -> Point:
    why = "" if one.domination is None else f"dominated by {one.domination.by}"
    return {
        **_point(kind, one.variant, latency_ms, one.quality),
        **_parts(one.variant, processor),
        "size": one.size_mb,
        "note": why,
    }


def _marked(content: ReportContent, points: list[Point]) -> list[Point]:
    """Return the uncompressed network and the best static choice, each on the processor that is fastest now."""
    comparison = content.summary.get("comparison", {})
    found = []
    for score, kind, label in (
        ("most accurate", "uncompressed", POLICIES["most_accurate"]),
        ("single best", "sceptic", POLICIES["best_static"]),
    ):
        ways = list(comparison.get(score, {}).get("ways", {}))
        places = [point for point in points if ways and point["label"] == ways[0]]
        if places:
            fastest = min(places, key=lambda point: float(point["x"]))
            found.append({**fastest, "kind": kind, "label": label, "runs": fastest["label"]})
    return found


def _curve(content: ReportContent, state: str) -> tuple[list[list[float]], Point | None]:
    """Return the curve of the build in a state, and where the policy lies on it; None where it does not ship."""
    curves = content.summary.get("curves") or {}
    found = curves.get("states", {}).get(state)
    if found is None:
        return [], None
    curve = [[one["latency_ms"], 100 * one["accuracy"], one["penalty_ms"]] for one in found["points"]]
    if not curves.get("shipped"):
        return curve, None
    return curve, _point("adaptive", POLICIES["adaptive"], found["point"]["latency_ms"], found["point"]["accuracy"])


def _shipped(content: ReportContent) -> list[Point]:
    name = content.summary.get("shipped", "")
    score = content.summary.get("comparison", {}).get(name)
    if score is None:
        return []
    return [_point("adaptive", POLICIES["adaptive"], score["latency_ms"], score["quality"])]


def _oracle(content: ReportContent) -> list[Point]:
    score = content.summary.get("comparison", {}).get("oracle")
    return [] if score is None else [_point("oracle", POLICIES["oracle"], score["latency_ms"], score["quality"])]


def _point(kind: str, label: str, latency_ms: float, accuracy: float) -> Point:
    return {"kind": kind, "label": label, "x": float(latency_ms), "y": 100 * float(accuracy)}


def _parts(variant: str, processor: str) -> Point:
    model, _, technique = variant.partition("/")
    return {"model": model, "technique": technique, "processor": processor}


def _most_frequent(choices: Mapping[str, float]) -> str:
    if not choices:
        return ""
    name = max(choices, key=lambda choice: choices[choice])
    return f"{name} ({percent_words(choices[name])})"
