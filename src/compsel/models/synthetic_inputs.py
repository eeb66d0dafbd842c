"""Inputs for models that come without samples: made up, of lengths that the model runs on."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from compsel.errors import InputError
from compsel.inputs.feeds import synthetic_feeds
from compsel.inputs.tensor_specs import TensorSpec
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.models.ort_errors import short_message

__all__ = ["synthetic_inputs"]

_COUNT = 4
_SIDE = 256
# of open axes: tokens, small images, then signals; the same for all inputs first, then each input its own
_LENGTHS = (8, 32, 1, 256, 512, 4096)
_OWN_LENGTHS = (1, 8, 256, 512)
_MOST_TRIES = 40


def synthetic_inputs(model: Model) -> Sequence[np.ndarray | Mapping[str, np.ndarray]]:
    """Make inputs, the same ones each time: coloured clouds for image models, noise of fitting types for others.

    Where a model leaves the length of an axis open, lengths are tried until it runs.

    Raises:
        InputError: it runs on none of them, or takes what is no tensor.
        ModelError: it does not load.

    >>> from compsel.networks import build
    >>> synthetic_inputs(build("mobilenet-v1", width=0.25, resolution=32))[0].shape
    (256, 256, 3)
    """
    if model.preprocessing is not None:
        rng = np.random.default_rng(0)
        small = rng.integers(0, 256, (_COUNT, 8, 8, 3), dtype=np.uint8)
        return [np.asarray(cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)) for image in small]
    session = open_session(model.proto)
    reason = ""
    for lengths in itertools.islice(_candidates(model.inputs), _MOST_TRIES):
        feeds = [synthetic_feeds(model.inputs, seed, lengths) for seed in range(_COUNT)]
        refused = _refused(session, feeds[0])
        if not refused:
            return feeds
        reason = reason or refused
    raise InputError(f"{model.name!r} does not run on made-up inputs ({reason}): give samples")


def _candidates(inputs: Sequence[TensorSpec]) -> Iterator[dict[str, int]]:
    """Give lengths of the open axes, by input."""
    names = [spec.name for spec in inputs if None in (spec.shape or ())[1:]]
    if not names:
        yield {}
        return
    yield from (dict.fromkeys(names, length) for length in _LENGTHS)
    if len(names) > 1:
        yield from (dict(zip(names, own, strict=True)) for own in itertools.product(_OWN_LENGTHS, repeat=len(names)))


def _refused(session: Any, feeds: Mapping[str, np.ndarray]) -> str:
    """Return why a model does not run on these feeds; "" where it does."""
    try:
        session.run(None, dict(feeds))
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        return short_message(error)
    return ""
