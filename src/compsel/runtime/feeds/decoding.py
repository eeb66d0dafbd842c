"""Decoding inside a call: once, as finely as its policy needs, and counted: in the answer, and in the deadline."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from compsel.features import EXTRACTORS
from compsel.inputs.modality import Modality
from compsel.runtime.answer import Answer
from compsel.runtime.elapsed import elapsed_ns
from compsel.runtime.planning.planner import Limits
from compsel.selection.policies import Policy
from compsel.variants.variant import Variant

__all__ = ["LazyDecoder", "limits_after", "with_decoding", "with_waiting"]

_MS = 1e6
_NOTHING_MS = 1e-3


class LazyDecoder:
    """Decodes values that are still encoded, for all that a policy may run: a second stage then need not do it again.

    Args:
        modality: of the values.
        variants: by name.

    >>> from compsel.inputs.image import IMAGE
    >>> from compsel.selection.policies import FixedPolicy
    >>> LazyDecoder(IMAGE, {}).decode("an array is no file", FixedPolicy("net/none"))
    0
    """

    def __init__(self, modality: Modality, variants: Mapping[str, Variant]) -> None:
        self._modality = modality
        self._variants = variants
        self._readers: dict[tuple[tuple[str, ...], str], tuple[Any, ...]] = {}

    def decode(self, value: Any, policy: Policy) -> int:
        """Decode a value, unless it is as finely as the variants and the features of a policy need; return the ns.

        Raises:
            InputError: a damaged one.
        """
        if not isinstance(value, self._modality.lazy):
            return 0
        started = time.perf_counter_ns()
        key = policy.variants, policy.extractor
        readers = self._readers.get(key)
        if readers is None:
            preprocessings = dict.fromkeys(self._variants[name].preprocessing for name in policy.variants)
            extractors = (EXTRACTORS[policy.extractor](),) if policy.extractor else ()
            readers = self._readers[key] = (*preprocessings, *extractors)
        self._modality.decode_for(value, readers)
        return elapsed_ns(started)


def limits_after(limits: Limits, decode_ns: int) -> Limits:
    """Return the limits of a call, with the deadline that decoding leaves for the rest.

    >>> limits_after(Limits(deadline_ms=20.0), 12_000_000).deadline_ms
    8.0
    """
    if limits.deadline_ms is None:
        return limits
    return replace(limits, deadline_ms=max(_NOTHING_MS, limits.deadline_ms - decode_ns / _MS))


def with_decoding(answer: Answer, decode_ns: int, asked: Limits, left: Limits) -> Answer:
    """Return an answer that says what decoding took, and speaks of the deadline that was asked for, not what was left.

    >>> answer = Answer([], 10.0, (), selector_ms=8.5, constraints_met=False, note="no choice meets deadline_ms=2")
    >>> with_decoding(answer, 8_000_000, Limits(deadline_ms=10.0), Limits(deadline_ms=2.0)).note
    'no choice meets deadline_ms=10 (8.0 ms of it went to decoding)'
    """
    decode_ms = decode_ns / _MS
    note = _asked_note(answer.note, asked, left, f"{decode_ms:.1f} ms of it went to decoding")
    # a clock that jumped back since shows no less than what was decoded and what ran
    selector_ms = max(0.0, answer.selector_ms - decode_ms)
    latency_ms = answer.latency_ms + selector_ms + decode_ms - answer.selector_ms
    return answer._replace(latency_ms=latency_ms, decode_ms=decode_ms, selector_ms=selector_ms, note=note)


def with_waiting(answer: Answer, waited_ns: int, asked: Limits, left: Limits) -> Answer:
    """Return an answer that says how long the call waited before, and speaks of the deadline that was asked for.

    >>> with_waiting(Answer([], 2.0, ()), 3_000_000, Limits(), Limits()).latency_ms
    5.0
    """
    waited_ms = waited_ns / _MS
    note = _asked_note(answer.note, asked, left, f"{waited_ms:.1f} ms of it went to waiting")
    return answer._replace(waited_ms=waited_ms, latency_ms=answer.latency_ms + waited_ms, note=note)


def _asked_note(note: str, asked: Limits, left: Limits, spent: str) -> str:
    if asked.deadline_ms is None or (planned := f"deadline_ms={left.deadline_ms:g}") not in note:
        return note
    return f"{note.replace(planned, f'deadline_ms={asked.deadline_ms:g}')} ({spent})"
