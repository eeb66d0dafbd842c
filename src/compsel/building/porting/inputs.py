"""Inputs of a size that latencies are measured with where there are no samples."""

import math
from typing import Any

import numpy as np

from compsel.inputs.image import IMAGE
from compsel.inputs.modalities import modality_of
from compsel.inputs.synthetic_feeds import synthetic_feeds
from compsel.inputs.text import TEXT
from compsel.profiling.sizes import InputsOfSize
from compsel.variants.variant import Variant

__all__ = ["made_up_inputs"]

_IMAGE = (480, 640, 3)
_TOKENS = 16
_TEXTS = 4  # a tokenizer remembers the last one: in turns, each is encoded


def made_up_inputs(variant: Variant, size: float | None = None) -> InputsOfSize:
    """Return inputs that a variant takes: noise, or words of its tokenizer.

    Args:
        variant: counts the units of a size.
        size: what they have about; None: size plays no role, or is not known.
    """
    modality = modality_of(variant)
    if modality is TEXT:
        texts = TEXT.synthetic(variant, _TEXTS, lambda _: "")
        return InputsOfSize(size or math.nan, [TEXT.resized(text, size or _TOKENS, variant) for text in texts])
    value: Any = synthetic_feeds(variant.inputs, seed=0)
    if modality is IMAGE:
        value = np.random.default_rng(0).integers(0, 256, _IMAGE).astype(np.uint8)
    if size is None:
        return InputsOfSize(math.nan, [value])
    return InputsOfSize(size, [modality.resized(value, size, variant)])
