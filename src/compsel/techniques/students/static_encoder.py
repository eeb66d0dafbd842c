"""A static encoder: the vectors that a user's encoder gives its tokens, looked up and averaged in its place."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.errors import NotApplicableError, TechniqueError
from compsel.inputs.samples import Samples
from compsel.inputs.text import TEXT
from compsel.inputs.texts.preprocessing import TextPreprocessing
from compsel.models.model import Model
from compsel.techniques.heads.folds import fold_of, sample_hashes
from compsel.techniques.heads.learned import Learned, learned_of, with_learned
from compsel.techniques.heads.pooled_features import pooled_features
from compsel.techniques.students.static_graph import static_graph
from compsel.techniques.students.static_table import (
    fit_table,
    frequencies,
    reduce_table,
    sums_of,
    weighted_table,
)
from compsel.techniques.students.static_vectors import vocabulary_vectors
from compsel.techniques.students.text_student import token_ids

__all__ = ["KIND", "StaticEncoder", "make_static_encoder", "refit_static_encoder", "static_encoder"]

Floats = NDArray[np.float32]

KIND = "static-encoder"
_LIKE_ONE = 0.01  # lengths this near to 1 are 1


@dataclass(frozen=True)
class StaticEncoder:
    """A static encoder, and how like the encoder it is on texts that it did not see.

    Attributes:
        model: gives embeddings in the encoder's own coordinates.
        similarity: float32 (n,), cosine to the encoder's output for each text, by the model that never saw its fold;
            empty where it was made without texts.

    >>> from compsel.networks import build
    >>> StaticEncoder(build("minilm-l1", width=1 / 12), np.array([0.5, 1.0], np.float32)).mean_similarity
    0.75
    """

    model: Model
    similarity: Floats

    @property
    def mean_similarity(self) -> float:
        """Mean cosine, out of fold; NaN without texts."""
        return float(self.similarity.mean()) if len(self.similarity) else float("nan")


def make_static_encoder(encoder: Model, samples: Samples | None = None, *, width: int | None = None) -> StaticEncoder:
    """Make a static encoder of a user's encoder: of its vocabulary alone, or with texts, which need no labels.

    Args:
        encoder: gives a vector a text, or one a token, which are averaged; with its tokenizer.
        samples: texts whose embeddings are learned.
        width: principal components of the table that are kept, and turned back into the encoder's coordinates: smaller
            files, a little less alike. None: all of them.

    Raises:
        NotApplicableError: an encoder without a tokenizer, or with inputs of a fixed length.
        InputError: samples that are no texts.
    """
    parts = _Parts(encoder, samples)
    model = replace(_model_of(parts, encoder, samples, width, "embedding"), name="static", technique="none")
    if samples is None:
        return StaticEncoder(model, np.empty(0, np.float32))
    fold = fold_of(samples)
    similarity = np.zeros(len(samples), np.float32)
    for number in np.unique(fold).tolist():
        found = parts.sums @ parts.table(fold != number)
        cosine = (found * parts.outputs).sum(axis=1) / np.maximum(np.linalg.norm(found, axis=1), 1e-12)
        similarity[fold == number] = cosine[fold == number]
    return StaticEncoder(model, similarity)


def static_encoder(encoder: Model, samples: Samples | None, width: int | None, output: str) -> Model:
    """Return the model alone; see `make_static_encoder`.

    Args:
        encoder, samples, width: as there.
        output: name of the embedding.
    """
    return _model_of(_Parts(encoder, samples), encoder, samples, width, output)


def refit_static_encoder(model: Model, learned: Learned, samples: Samples, encoder: Model | None) -> Model:
    """Make a static encoder anew, with other texts.

    Raises:
        TechniqueError: its encoder is not there.
    """
    known = None if encoder is None else learned_of(encoder)
    if encoder is None or (known is not None and known.kind == KIND):
        raise TechniqueError(
            f"{model.name!r} is a static encoder that learned from these texts, and its encoder is not there: give the "
            "encoder itself (technique student makes a static one), other texts, or make one without texts"
        )
    return static_encoder(encoder, samples, learned.options.get("width"), model.outputs[0].name)


class _Parts:
    """What a table is made of.

    Attributes:
        frequency: float32 (ids,) of tokens, see `frequencies`.
        outputs: float32 (n, features) of the encoder for the texts, scaled to the length 1.
        length: of the encoder's outputs.
        sums: sparse (n, ids), see `sums_of`.
    """

    def __init__(self, encoder: Model, samples: Samples | None) -> None:
        preprocessing = encoder.preprocessing
        if not isinstance(preprocessing, TextPreprocessing) or not TEXT.takes(encoder) or not preprocessing.tokenizer:
            raise NotApplicableError(f"student: {encoder.name!r} has no tokenizer: keep its tokenizer.json beside it")
        tokenizer, output = preprocessing.open(), encoder.outputs[0].name
        vectors = vocabulary_vectors(encoder, tokenizer, output)
        before, after = tokenizer.frame()
        special = sorted({*before, *after, tokenizer.pad_id})
        self.frequency = frequencies(tokenizer.ids(), len(vectors))
        self._table = weighted_table(vectors, self.frequency, special)
        texts = [] if samples is None else token_ids(samples, preprocessing)
        outputs = vectors if samples is None else pooled_features(encoder, [output], samples)[0]
        lengths = np.linalg.norm(outputs, axis=1, keepdims=True)
        length = float(lengths.mean())
        self.length = 1.0 if abs(length - 1) < _LIKE_ONE else length
        self.outputs = outputs / np.maximum(lengths, 1e-12)
        self.sums: Any = sums_of(texts, special, len(vectors)) if texts else None

    @property
    def counts(self) -> Floats:
        """How often each token stands in the texts, float32 (ids,)."""
        zeros = np.zeros(len(self.frequency), np.float32)
        return zeros if self.sums is None else np.bincount(self.sums.indices, minlength=len(zeros)).astype(np.float32)

    def table(self, rows: NDArray[np.bool_] | None = None) -> Floats:
        """Return the table (ids, features), learned from all texts or from some of them."""
        if self.sums is None:
            return self._table
        if rows is None:
            return fit_table(self._table, self.sums, self.outputs)
        return fit_table(self._table, self.sums[rows], self.outputs[rows])


def _model_of(parts: _Parts, encoder: Model, samples: Samples | None, width: int | None, output: str) -> Model:
    table, back = parts.table(), None
    if width is not None and width < table.shape[1]:
        table, back = reduce_table(table, width, parts.frequency + parts.counts)
    proto = static_graph(table, back, parts.length, encoder.inputs, output)
    model = replace(encoder, proto=proto, labels=())
    if samples is None:
        return model
    return with_learned(model, Learned(KIND, {"width": width}, sample_hashes(samples)))
