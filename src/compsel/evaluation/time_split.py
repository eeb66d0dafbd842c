"""Where the milliseconds of an answer go: decoding, preprocessing, features, deciding, and each variant."""

import time
from collections import Counter
from typing import Any

import numpy as np

from compsel.evaluation.results import PolicyResult
from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.profiling.decoding import ready_values
from compsel.runtime.runtime import Runtime

__all__ = ["time_split"]

_SAMPLES = 30


def time_split(runtime: Runtime, samples: Samples, ours: PolicyResult) -> dict[str, Any]:
    """Return the mean times (ms) of one answer of a policy as JSON; they add up to its mean latency, or nearly.

    A runtime times preprocessing as a part of the stage that needs it: here it is timed again, by itself, on up to 30
    samples, and taken out of the stages.

    Args:
        runtime: of the bundle.
        samples: that were answered.
        ours: what the policy did with them.

    Returns:
        `decode`, `preprocess`, `features`, `selector`, and `stages`: by variant, its inference.
    """
    times = Counter(name for way in ours.ways for name in way.split(" > "))
    variants = runtime.bundle.variants
    values = ready_values(samples, _SAMPLES, [variants[name] for name in times])
    preprocess: dict[str, float] = {}
    for name, count in times.items():
        modality, variant, taken = modality_of(variants[name]), variants[name], []
        for value in values:
            begin = time.perf_counter_ns()
            modality.graph_feeds(variant, value)
            taken.append((time.perf_counter_ns() - begin) / 1e6)
        # no more than the stage took with it
        preprocess[name] = min(float(np.median(taken)) * count / len(ours.ways), ours.stages_ms[name])
    return {
        "decode": float(ours.decode_ms.mean()),
        "preprocess": sum(preprocess.values()),
        "features": float(ours.features_ms.mean()),
        "selector": float(ours.selector_ms.mean()),
        "stages": {name: ours.stages_ms[name] - preprocess[name] for name in times},
    }
