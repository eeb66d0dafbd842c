"""Static vectors of tokens from an encoder: its vocabulary run through it once, reduced, weighted (Model2Vec).

Tulkens and van Dongen, Model2Vec, 2024: the output of the encoder for each token by itself, reduced by PCA, and
weighted by log(1 + rank), as if frequencies followed Zipf's law; vocabularies stand in the order of frequency.
"""

import numpy as np
from numpy.typing import NDArray

from compsel.errors import NotApplicableError
from compsel.inputs.samples import ArraySamples
from compsel.inputs.text import fixed_length, ids_input, mask_input, positions, positions_input
from compsel.inputs.texts.tokenizer import Tokenizer
from compsel.models.blocks import find_blocks
from compsel.models.model import Model
from compsel.techniques.heads.pooled_features import pooled_features

__all__ = ["static_vectors", "vocabulary_vectors"]


def static_vectors(encoder: Model, tokenizer: Tokenizer, width: int) -> NDArray[np.float32]:
    """Return a vector of each token, weighted by its frequency: float32 (ids, at most `width`).

    Args:
        encoder: a transformer of texts, with or without a classifier on it.
        tokenizer: its tokenizer.
        width: most principal components that are kept.

    Raises:
        NotApplicableError: its inputs have a fixed length, or no layers are found in its graph.
    """
    blocks = find_blocks(encoder)
    if not blocks:
        raise NotApplicableError(f"student: {encoder.name!r} gives no vectors of its tokens: no layers are found in it")
    vectors = vocabulary_vectors(encoder, tokenizer, blocks[-1].output)
    centred = vectors - vectors.mean(axis=0)
    _, components = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    reduced = centred @ components[:, ::-1][:, :width].astype(np.float32)
    rank = np.arange(len(reduced), dtype=np.float32)[:, None]
    return np.asarray(reduced * np.log1p(rank), np.float32)


def vocabulary_vectors(encoder: Model, tokenizer: Tokenizer, tensor: str) -> NDArray[np.float32]:
    """Return a tensor of an encoder, averaged over tokens, for each token by itself between the special ones.

    Args:
        encoder: takes tokens.
        tokenizer: its tokenizer.
        tensor: name of one in its graph.

    Returns:
        float32 (ids, features).

    Raises:
        NotApplicableError: its inputs have a fixed length: then the whole vocabulary would take hours.
    """
    if fixed_length(encoder.inputs) is not None:
        raise NotApplicableError(
            f"student: {encoder.name!r} gives no vectors of its tokens: its texts have a fixed length"
        )
    before, after = tokenizer.frame()
    ids, mask, places = (find(encoder.inputs) for find in (ids_input, mask_input, positions_input))
    ones = np.ones((1, len(before) + 1 + len(after)), np.int64)
    feeds = []
    for token in range(tokenizer.size()):
        values = {spec.name: np.zeros_like(ones) for spec in encoder.inputs}
        values[str(ids)] = np.array([[*before, token, *after]], np.int64)
        if mask is not None:
            values[mask] = ones
        if places is not None:
            values[places] = positions(ones.shape[1])
        feeds.append({spec.name: values[spec.name].astype(spec.dtype) for spec in encoder.inputs})
    (vectors,) = pooled_features(encoder, [tensor], ArraySamples(feeds))
    return vectors
