"""Contents of reports that nothing was measured for: a bundle of each modality, and an evaluation of it."""

from typing import Any

import cv2
import numpy as np

from compsel.evaluation.report.content import ReportContent, SizeCostTable, StateCost
from compsel.inputs.samples import ListedSamples
from compsel.profiling.candidates import Candidate
from compsel.profiling.dominance import Domination

NONE, SMALL, SLOW = "net/none", "net/int8-static", "net/int8-dynamic"
SIZES = (4.0, 4.5, 32.0, 250.0, 256.0)  # some so near each other that their names would stand one upon another
SIZE_COSTS = {NONE: (2.0, 2.1, 8.0, 59.0, 60.0), SMALL: (1.0, 1.1, 2.0, 8.9, 9.0)}
STATES = ("idle", "busy:2")
EVIL = '</script><img src=x onerror="alert(1)">'


class Shown(ListedSamples):
    """Inputs of a modality: drawn pictures, or texts of which the first is not to be trusted."""

    def __init__(self, modality: str, n: int) -> None:
        super().__init__([f"input {number}" for number in range(n)])
        self._modality = modality

    def value(self, index: int) -> Any:
        if self._modality == "text":
            return EVIL if index == 0 else f"a text with the number {index}, of some words"
        pixels = np.random.default_rng(index).integers(0, 255, (120, 160, 3), np.uint8)
        return cv2.imencode(".png", pixels)[1].tobytes()


def content(modality: str = "image", evaluation: dict[str, Any] | None = None, **more: Any) -> ReportContent:
    """Return what a cascade of two variants, one of them uncompressed, and a dominated one look like."""
    candidates = (
        Candidate(NONE, 19.0, 0.90, "cpu:2", 8.0, 7.9, 8.1),
        Candidate(SMALL, 5.0, 0.88, "cpu:2", 2.0, 1.9, 2.1),
        Candidate(SLOW, 5.0, 0.80, "cpu:1", 9.0, 8.9, 9.1, Domination(NONE, 1.125, 0.1), "dequantizes every weight"),
    )
    costs = tuple(
        StateCost(one.variant, processor, (one.latency_ms, 2 * one.latency_ms), (1.2 * one.latency_ms,) * 2)
        for one in candidates
        for processor in ("cpu:1", "cpu:2")
    )
    fields: dict[str, Any] = {
        "candidates": candidates,
        "device": {"cpu": "a CPU", "usable_cores": 2, "system": "Linux"},
        "n_samples": 400,
        "origin": "made up",
        "labelled": True,
        "shipped": (NONE, SMALL),
        "states": STATES,
        "costs": costs,
        "objective": "as little latency as possible",
        "summary": summary(),
        "evaluation": evaluation,
        "sizes": "",
        "modality": modality,
        "files_mb": {NONE: 19.0, SMALL: 5.0},
        "adaptive": (SMALL, NONE),
        "memory_mb": {NONE: 110.0, SMALL: 70.0},
        "size_costs": SizeCostTable(
            "tokens", SIZES, {NONE: (2.0, 2.1, 8.0, 59.0, 60.0), SMALL: (1.0, 1.1, 2.0, 8.9, 9.0)}
        ),
    }
    return ReportContent("bundle", "shop", **{**fields, **more})


def summary() -> dict[str, Any]:
    """Return what training found."""
    score = {"gap_closed": 0.5, "gap_low": 0.4, "gap_high": 0.6}
    points = [
        {"penalty_ms": penalty, "latency_ms": 2.0 + 0.1 * place, "accuracy": 0.88 + 0.005 * place}
        for place, penalty in enumerate((1.0, 10.0, 100.0))
    ]
    return {
        "shipped": "cascade",
        "reason": "cascade is faster",
        "comparison": {
            "single best": {"quality": 0.88, "latency_ms": 2.0, "ways": {SMALL: 1.0}, **score},
            "cascade": {"quality": 0.89, "latency_ms": 2.4, "ways": {SMALL: 1.0}, **score},
            "most accurate": {"quality": 0.90, "latency_ms": 8.0, "ways": {NONE: 1.0}, **score},
            "oracle": {"quality": 0.93, "latency_ms": 2.1, "ways": {SMALL: 1.0}, **score},
        },
        "shipped_score": {"quality": 0.89, "latency_ms": 2.4, "ways": {SMALL: 0.9, f"{SMALL} > {NONE}": 0.1}},
        "expectation": {"accuracy_difference": [-0.01, -0.02, 0.0], "speedup_vs_most_accurate": [3.3, 3.1, 3.5]},
        "portfolio": [{"variant": SMALL, "quality": 0.88, "latency_ms": 2.0}],
        "curves": {
            "shipped": True,
            "states": {name: {"points": points, "point": points[1]} for name in STATES},
            "calibration": {"error": 0.02, "bins": bins()},
            "learning": [
                {"n": n, "accuracy": 0.88, "latency_ms": 2.4, "cost_ms": cost, "cost_ms_folds": [cost] * 5}
                for n, cost in ((100, 9.0), (200, 8.0), (400, 7.0))
            ],
        },
    }


def bins() -> list[dict[str, Any]]:
    """Return two bins of calibration."""
    return [
        {"n": 100, "confidence": sure, "right": right, "right_95": [right - 0.05, right + 0.04]}
        for sure, right in ((0.7, 0.66), (0.95, 0.93))
    ]


def evaluation(n: int = 60, modality: str = "image", **more: Any) -> dict[str, Any]:
    """Return what `compsel evaluate --json` writes of n inputs: every tenth is escalated, every 12th wrong."""

    def policy(accuracy: float, ms: float, energy_mj: float | None = 30.0) -> dict[str, Any]:
        latency = {"mean": ms, "p50": ms, "p95": 1.5 * ms, "p99": 2 * ms}
        choices = {f"{SMALL}@cpu:2": 1.0}
        return {"accuracy": accuracy, "latency_ms": latency, "energy_mj": energy_mj, "choices": choices}

    names = ("most_accurate", "best_static", "hindsight_static")
    compared: dict[str, Any] = {f"speedup_vs_{name}": 2.0 for name in names}
    compared |= {f"speedup_vs_{name}_95": [1.8, 2.2] for name in names}
    compared |= {f"accuracy_vs_{name}": -0.005 for name in names}
    compared |= {f"accuracy_vs_{name}_95": [-0.02, 0.01] for name in names}
    rows = [
        {
            "name": f"input {number}",
            "way": f"{SMALL} > {NONE}" if number % 10 == 0 else SMALL,
            "right": float(number % 12 != 0),
            "latency_ms": 2.0 + number % 7,
            "confidence": 0.5 + number % 50 / 100,
            "answered": "cat",
            "wanted": "cat" if number % 12 else "dog",
        }
        for number in range(n)
    ]
    found = {
        "n": n,
        "labelled": True,
        "modality": modality,
        "seen": 0.0,
        "device": {},
        "energy": {"meter": "a meter", "estimated": False},
        "policies": {
            "adaptive": policy(0.917, 2.4),
            "most_accurate": policy(0.922, 8.0, 90.0),
            "best_static": policy(0.90, 2.2),
            "oracle": policy(0.95, 2.1),
            "hindsight_static": policy(0.92, 4.8),
        },
        "static": {
            name: {"accuracy": accuracy, "latency_ms": {"mean": ms, "p50": ms, "p95": ms, "p99": ms}}
            for name, accuracy, ms in ((NONE, 0.922, 8.0), (SMALL, 0.90, 2.0), (SLOW, 0.2, 9.0))
        },
        "hindsight_static": {"variant": NONE, "as_accurate": True, "contenders": 3, "all_measured": True},
        "verdict": {
            "beats_hindsight_static": True,
            "sentence": "adaptive beats net/none: 2.00x",
            "reasons": ["but <b>"],
        },
        "overhead_ms": {"total": 0.1},
        "time_ms": {
            "decode": 0.6,
            "preprocess": 0.2,
            "features": 0.0,
            "selector": 0.05,
            "stages": {SMALL: 1.3, NONE: 0.3},
        },
        "calibration": {"error": 0.03, "bins": bins()},
        "curve": [
            {"penalty_ms": 10.0**place, "latency_ms": 2.2 + 0.2 * place, "accuracy": 0.90 + 0.01 * place}
            for place in range(3)
        ],
        "inputs": rows,
        "summary": compared,
    }
    return {**found, **more}
