"""Inputs for models that come without samples: synthetic ones, of lengths that the model runs on."""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from compsel.errors import CrashError, one_line
from compsel.inputs.modalities import modality_of
from compsel.models.graph_session import open_session
from compsel.models.model import Model

__all__ = ["refusal", "synthetic_inputs"]

_COUNT = 4


def synthetic_inputs(model: Model) -> Sequence[Any]:
    """Make inputs of the model's modality, the same ones each time.

    Raises:
        InputError: it runs on none that were tried, or takes what is no tensor.
        ModelError: it does not load.

    >>> from compsel.networks import build
    >>> synthetic_inputs(build("mobilenet-v1", width=0.25, resolution=32))[0].shape
    (256, 256, 3)
    """
    session = cache(partial(open_session, model.proto))  # opened at the first trial: not every modality needs one
    try:
        return modality_of(model).synthetic(model, _COUNT, lambda feeds: refusal(session(), feeds))
    except CrashError as error:
        raise CrashError(f"{model.name!r}: {error}") from error


def refusal(session: Any, feeds: Mapping[str, np.ndarray]) -> str:
    """Return why a model does not run on feeds; "" where it does."""
    try:
        session.run(None, dict(feeds))
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        return one_line(error)
    return ""
