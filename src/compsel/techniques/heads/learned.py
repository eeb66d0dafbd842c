"""What a model says of the samples that it learned from: it travels in the metadata of its graph."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ModelError
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.storage.strict_json import parse_json
from compsel.techniques.heads.folds import sample_hashes

__all__ = [
    "LEARNED_KEY",
    "Learned",
    "hashes_from_text",
    "hashes_to_text",
    "learned_from",
    "learned_of",
    "with_learned",
]

#: where the JSON form stands in the metadata of an ONNX file
LEARNED_KEY = "compsel.learned"


@dataclass(frozen=True)
class Learned:
    """How a model learned, and from which samples.

    Attributes:
        kind: "head", "early-exit", "student" or "static-encoder".
        options: those that were found, such as "l2", the regularisation.
        hashes: uint64 (n,), sorted hashes of the samples that it was fitted on.

    >>> learned = Learned("head", {"l2": 1e-5}, np.array([7, 9], np.uint64))
    >>> Learned.from_json(learned.to_json()).hashes
    array([7, 9], dtype=uint64)
    """

    kind: str
    options: Mapping[str, Any]
    hashes: NDArray[np.uint64] = field(repr=False)

    def to_json(self) -> str:
        """Return the text that travels in the metadata."""
        samples = hashes_to_text(self.hashes)
        return json.dumps({"kind": self.kind, "options": dict(self.options), "samples": samples}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Learned":
        """Read what `to_json` gave.

        Raises:
            ModelError: not such a text.
        """
        try:
            content = parse_json(text)
            return cls(str(content["kind"]), dict(content["options"]), hashes_from_text(content["samples"]))
        except (ValueError, TypeError, KeyError, binascii.Error) as error:
            raise ModelError(f"{LEARNED_KEY} in the model's metadata cannot be read: {error}: fit it again") from error


def hashes_to_text(hashes: NDArray[np.uint64]) -> str:
    """Return hashes, sorted, as text."""
    return base64.b64encode(np.unique(hashes).astype("<u8").tobytes()).decode("ascii")


def hashes_from_text(text: str) -> NDArray[np.uint64]:
    """Read what `hashes_to_text` gave.

    Raises:
        ValueError: not such a text.

    >>> hashes_from_text(hashes_to_text(np.array([9, 7], np.uint64)))
    array([7, 9], dtype=uint64)
    """
    return np.frombuffer(base64.b64decode(text, validate=True), "<u8").astype(np.uint64)


def learned_of(model: Model) -> Learned | None:
    """Return what a model says of its samples; None for one that learned from none.

    Raises:
        ModelError: metadata that cannot be read.
    """
    text = next((entry.value for entry in model.proto.metadata_props if entry.key == LEARNED_KEY), None)
    return None if text is None else Learned.from_json(text)


def with_learned(model: Model, learned: Learned) -> Model:
    """Return a model that says what it learned from."""
    proto = model.copy_proto()
    kept = [entry for entry in proto.metadata_props if entry.key != LEARNED_KEY]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)
    proto.metadata_props.add(key=LEARNED_KEY, value=learned.to_json())
    return model.with_proto(proto)


def learned_from(model: Model, samples: Samples) -> NDArray[np.bool_]:
    """Return which of the samples a model was fitted on, bool (n,): its answers to them say nothing of its quality.

    Raises:
        ModelError: metadata that cannot be read.

    >>> from compsel.networks import build
    >>> from compsel.inputs.samples import ArraySamples
    >>> model, samples = build("mobilenet-v1", width=0.25, resolution=32), ArraySamples([{"x": np.ones(2)}])
    >>> learned_from(model, samples)
    array([False])
    >>> learned_from(with_learned(model, Learned("head", {}, sample_hashes(samples))), samples)
    array([ True])
    """
    learned = learned_of(model)
    if learned is None:
        return np.zeros(len(samples), np.bool_)
    return np.isin(sample_hashes(samples), learned.hashes)
