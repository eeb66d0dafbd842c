"""The table of a static encoder: a vector of each token; their sum over a text points where the encoder's output does.

From the vocabulary alone (Tulkens and van Dongen, Model2Vec, 2024): vectors around 0, weighted by a / (a + p), where p
is how frequent a token is (SIF: Arora, Liang and Ma, A simple but tough-to-beat baseline for sentence embeddings, ICLR
2017), as if by Zipf's law, for vocabularies stand in the order of frequency. They stay in the encoder's own
coordinates, so that its outputs and these can be compared.

With texts, labelled or not, the table learns the encoder's outputs for them by least squares: first a linear map of all
vectors, shrunk towards none, then a correction of each token that occurs, shrunk towards 0.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_table", "frequencies", "reduce_table", "sums_of", "weighted_table"]

Floats = NDArray[np.float32]
Ids = Sequence[NDArray[np.int64]]

_SIF = 3e-4
_MARKS = "#\u2581\u0120"  # of word pieces, of SentencePiece, of byte-level BPE
_FIRST_IDEOGRAPH = "\u2e80"  # from here on a single character is a word
_MAP_RIDGE, _TOKEN_RIDGE = 10.0, 1.0
_STEPS, _RESIDUAL = 30, 1e-6


def frequencies(ids: Mapping[str, int], size: int) -> Floats:
    """Return how frequent each token is by Zipf's law, float32 (size,), those of words together 1.

    The words are ranked in the order of their ids. Single letters and marks, which vocabularies list first whatever
    they are worth, and special tokens count as the most frequent word.

    Args:
        ids: of each token.
        size: of the table: the largest id, plus 1.

    >>> frequencies({"[CLS]": 0, ".": 1, "the": 2, "lamp": 3}, 4).round(2).tolist()
    [0.67, 0.67, 0.67, 0.33]
    """
    words = sorted(number for token, number in ids.items() if _is_word(token))
    rank = np.ones(size, np.float64)
    rank[words] = np.arange(1, len(words) + 1)
    return np.asarray(1 / rank / max(float((1 / rank[words]).sum()), 1.0), np.float32)


def weighted_table(vectors: Floats, frequency: Floats, special: Sequence[int]) -> Floats:
    """Return the vectors around 0, weighted by how rare their tokens are; those of special tokens are 0.

    Args:
        vectors: float32 (ids, width), the encoder's output for each token by itself.
        frequency: float32 (ids,).
        special: ids that stand in every text.
    """
    table = (vectors - vectors.mean(axis=0)) * (_SIF / (_SIF + frequency))[:, None]
    table[list(special)] = 0
    return np.asarray(table, np.float32)


def sums_of(texts: Ids, special: Sequence[int], size: int) -> Any:
    """Return a sparse array (n, size) that sums rows of tokens, over the root of how many a text has.

    Args:
        texts: ids of each.
        special: ids that do not count.
        size: of the table.
    """
    from scipy.sparse import csr_array

    kept = [ids[~np.isin(ids, special)] for ids in texts]
    lengths = np.array([len(ids) for ids in kept])
    values = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths).astype(np.float32)
    return csr_array((values, np.concatenate(kept), np.cumsum([0, *lengths])), (len(kept), size))


def fit_table(table: Floats, sums: Any, outputs: Floats) -> Floats:
    """Return a table whose sums over texts are nearer to an encoder's outputs.

    Args:
        table: float32 (ids, width), see `weighted_table`.
        sums: sparse (n, ids), see `sums_of`.
        outputs: float32 (n, width), of a length of about 1.
    """
    seen = sums @ table
    table = table / max(float(np.sqrt(np.square(seen).sum(axis=1).mean())), 1e-12)
    seen = (sums @ table).astype(np.float64)
    scale = float((seen * outputs).sum() / max(float(np.square(seen).sum()), 1e-12))
    gram = seen.T @ seen + _MAP_RIDGE * np.eye(seen.shape[1])
    turned = scale * np.eye(seen.shape[1]) + np.linalg.solve(gram, seen.T @ (outputs - scale * seen))
    table = np.asarray(table @ turned, np.float32)
    return table + _ridge(sums, np.asarray(outputs - sums @ table, np.float32), _TOKEN_RIDGE)


def reduce_table(table: Floats, width: int, frequency: Floats) -> tuple[Floats, Floats]:
    """Return a table (ids, width) of principal components, and the directions (width, full width) that they stand for.

    Args:
        table: float32 (ids, full width).
        width: how many are kept.
        frequency: float32 (ids,): what a token counts.
    """
    often = table.astype(np.float64) * np.sqrt(frequency)[:, None]
    _, components = np.linalg.eigh(often.T @ often)
    kept = components[:, ::-1][:, :width].astype(np.float32)
    return table @ kept, np.ascontiguousarray(kept.T)


def _ridge(sums: Any, wanted: Floats, strength: float) -> Floats:
    """Return the least-squares solution X of sums @ X = wanted, shrunk towards 0, by conjugate gradients."""
    solution = np.zeros((sums.shape[1], wanted.shape[1]), np.float32)
    rest = sums.T @ wanted
    direction = rest.copy()
    square = first = float(np.square(rest).sum())
    for _ in range(_STEPS):
        if square <= _RESIDUAL * first:
            break
        applied = sums.T @ (sums @ direction) + strength * direction
        step = np.float32(square / float((direction * applied).sum()))
        solution += step * direction
        rest -= step * applied
        square, before = float(np.square(rest).sum()), square
        direction = rest + np.float32(square / before) * direction
    return solution


def _is_word(token: str) -> bool:
    bare = token.lstrip(_MARKS)
    special = (bare[:1], bare[-1:]) in {("[", "]"), ("<", ">")}
    return not special and (len(bare) > 1 or bare >= _FIRST_IDEOGRAPH)
