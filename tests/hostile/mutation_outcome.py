"""What comes of loading a bundle that somebody changed, and of letting it answer."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import compsel
from compsel.bundle.bundle import Bundle
from compsel.errors import CompselError
from compsel.processors import CpuProcessor
from compsel.variants.engine import Engine

__all__ = ["SAME", "answers_of", "known_answers", "outcome"]

IMAGE = np.random.default_rng(0).integers(0, 256, (80, 64, 3), np.uint8)
SAME, OTHER = "the same answer", "another answer"
_DEADLINE_MS = 5.0


def answers_of(bundle: Path, **options: Any) -> list[np.ndarray]:
    """Load a bundle and return what it answers, with and without a deadline."""
    with warnings.catch_warnings(), compsel.load(bundle, **options) as runtime:
        # values near the limits of floating point overflow on their way to being refused
        warnings.simplefilter("ignore", RuntimeWarning)
        return [runtime(IMAGE).outputs[0], runtime(IMAGE, deadline_ms=_DEADLINE_MS).outputs[0]]


def known_answers(bundle: Path) -> list[np.ndarray]:
    """Return all that an intact bundle may answer: which it is depends on the load of the device."""
    loaded = Bundle.load(bundle)
    alone = [Engine(variant, bundle / "variants", CpuProcessor(1))(IMAGE)[0] for variant in loaded.variants.values()]
    fused = [answer for _ in range(3) for answer in answers_of(bundle)]
    return [*alone, *fused]


def outcome(bundle: Path, known: Sequence[np.ndarray] | None = None, **options: Any) -> str:
    """Load a bundle, answer an input, and return what came of it: an answer, or the name of the error.

    Args:
        bundle: its folder.
        known: what the bundle answered before it was changed; None: nobody looks.
        options: of `compsel.load`.

    Raises:
        Exception: anything that is none of the package's own errors.
    """
    try:
        answers = answers_of(bundle, **options)
    except CompselError as error:
        return type(error).__name__
    if known is None:
        return SAME
    alike = [any(_alike(answer, one) for one in known) for answer in answers]
    return SAME if all(alike) else OTHER


def _alike(answer: np.ndarray, known: np.ndarray) -> bool:
    return answer.shape == known.shape and bool(np.allclose(answer, known, rtol=1e-3, atol=1e-3, equal_nan=True))
