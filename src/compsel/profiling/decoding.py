"""Decoding of samples: done before costs are measured, for it is the same whatever is chosen, and timed by itself."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.variants.variant import Variant

__all__ = ["ready_value", "ready_values", "time_decoding"]


def ready_value(samples: Samples, index: int, variants: Sequence[Variant]) -> Any:
    """Return a sample as the runtime has it when a variant runs: decoded, as finely as any of them needs.

    Args:
        samples: of the modality of the variants.
        index: of the sample.
        variants: of one modality.
    """
    value = samples.undecoded(index)
    _decode(value, variants)
    return value


def ready_values(samples: Samples, count: int, variants: Sequence[Variant]) -> list[Any]:
    """Return at most `count` samples, evenly spread, see `ready_value`."""
    return [ready_value(samples, index, variants) for index in samples.spread(count).indices]


def time_decoding(samples: Samples, variants: Sequence[Variant], count: int = 30) -> float:
    """Return the mean time (ms) from what an app holds of a sample, such as encoded bytes, to the decoded value.

    It is 0 for what is in memory as variants take it.
    """
    modality = modality_of(variants[0])
    times_ms = []
    for index in samples.spread(count).indices:
        source = samples.source(index)
        begin = time.perf_counter_ns()
        value = source if isinstance(source, Mapping) else modality.decode(source)
        _decode(value, variants)
        times_ms.append(0.0 if value is source else (time.perf_counter_ns() - begin) / 1e6)
    return float(np.mean(times_ms))


def _decode(value: Any, variants: Sequence[Variant]) -> None:
    modality = modality_of(variants[0])
    if isinstance(value, modality.lazy):
        modality.decode_for(value, dict.fromkeys(variant.preprocessing for variant in variants))
