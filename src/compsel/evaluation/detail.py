"""What an evaluation tells beside its figures: every input, calibration, the curve, where time goes, what was seen."""

from typing import Any

from compsel.bundle.bundle import Bundle
from compsel.evaluation.answered_inputs import answered_inputs
from compsel.evaluation.correctness import Correctness
from compsel.evaluation.first_answers import FirstAnswers
from compsel.evaluation.price_of_errors import price_curve
from compsel.evaluation.reliability import reliability
from compsel.evaluation.results import PolicyResult
from compsel.evaluation.time_split import time_split
from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.profiling.sample_sketch import known_share, sketch_to_text
from compsel.runtime.runtime import Runtime
from compsel.techniques.heads.folds import sample_hashes
from compsel.techniques.heads.learned import hashes_from_text

__all__ = ["detail_of"]


def detail_of(
    runtime: Runtime, samples: Samples, correctness: Correctness, first: FirstAnswers, ours: PolicyResult
) -> dict[str, Any]:
    """Return the keys of an evaluation's JSON that its report is made from.

    Args:
        runtime: of the bundle.
        samples: that were answered.
        correctness: says what is right.
        first: what every variant said.
        ours: what the adaptive policy did.

    Returns:
        `modality`, "image", "text" or "tensors"; `seen`, the share of the samples that the bundle was built with (None:
        not known); `time_ms`, see `time_split`; `calibration`, see `reliability`; `curve`, see `price_curve`; `inputs`,
        see `answered_inputs`.
    """
    bundle = runtime.bundle
    return {
        "modality": modality_of(next(iter(bundle.variants.values()))).name,
        "seen": known_share(sample_hashes(samples), _sketch(bundle)),
        "time_ms": time_split(runtime, samples, ours),
        "calibration": reliability(ours.confidence, ours.right),
        "curve": price_curve(bundle.policies["adaptive"], first.evidence, correctness.targets, ours, runtime.costs),
        "inputs": answered_inputs(samples.names, ours, correctness.targets, bundle.labels or samples.label_names),
    }


def _sketch(bundle: Bundle) -> str:
    """Return what a bundle says of its samples; one that says nothing may know those that its variants learned from."""
    learned = hashes_from_text(bundle.summary.get("learned_from", ""))
    return str(bundle.summary.get("samples_sketch", "")) or (sketch_to_text(learned) if len(learned) else "")
