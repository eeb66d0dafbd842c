"""What a text student knows of tokens: vectors, and which tokens and pairs of tokens count as features.

A text is the sum of what its tokens and pairs of neighbours say, divided by the root of the sum of their squares. The
graph that runs it (`student_graph`) does the same arithmetic on the same tables.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from compsel.techniques.heads.design import Design

__all__ = ["LEAST_SQUARE", "MULTIPLIER", "TokenTables", "design_of", "make_tables", "pair_slots"]

#: of the first id of a pair: a prime, small enough that no id times it overflows
MULTIPLIER = 1_000_003
#: added to the sum of squares, for texts of nothing known
LEAST_SQUARE = 1e-6
_PAIR_SLOTS = 2**18
_LEAST_PAIRS = 2  # samples that a pair has to stand in
_NGRAM_SHARE = 0.5  # of the squares, to those of the vectors

Ids = Sequence[NDArray[np.int64]]


@dataclass(frozen=True)
class TokenTables:
    """Tables by token id; the last id, one more than the tokenizer has, is "nothing".

    Attributes:
        vectors: float16 (ids + 1, width): of each token, weighted; zeros for special tokens and nothing. None: none.
        unigrams: int32 (ids + 1,): the feature of a token; 0: none.
        pairs: int32 (slots,): the feature of a pair by `pair_slots`; 0: none.
        idf: float32 (features + 1,): weight of each feature: its inverse document frequency; 0 for feature 0.

    >>> TokenTables(None, np.zeros(9, np.int32), np.zeros(4, np.int32), np.zeros(1, np.float32)).nothing
    8
    """

    vectors: NDArray[np.float16] | None
    unigrams: NDArray[np.int32]
    pairs: NDArray[np.int32]
    idf: NDArray[np.float32]

    @property
    def nothing(self) -> int:
        """The id of no token."""
        return len(self.unigrams) - 1

    @property
    def squares(self) -> NDArray[np.float16]:
        """Squared length of each vector, (ids + 1,), rounded as the graph holds it; zeros without vectors."""
        if self.vectors is None:
            return np.zeros(len(self.unigrams), np.float16)
        return np.asarray(np.square(self.vectors.astype(np.float32)).sum(axis=1), np.float16)


def make_tables(texts: Ids, n_ids: int, special: Sequence[int], vectors: NDArray[np.float32] | None) -> TokenTables:
    """Return the tables of the tokens and pairs that occur in texts.

    Args:
        texts: ids of each, special ones included.
        n_ids: of the tokenizer.
        special: ids that say nothing by themselves.
        vectors: float32 (n_ids, width), weighted; None: no vectors.
    """
    documents: Counter[int] = Counter(chain.from_iterable(np.unique(ids).tolist() for ids in texts))
    slots: Counter[int] = Counter(chain.from_iterable(np.unique(pair_slots(ids)).tolist() for ids in texts))
    tokens = sorted(set(documents) - set(special))
    pairs = sorted(slot for slot, count in slots.items() if count >= _LEAST_PAIRS)
    unigram_rows, pair_rows = np.zeros(n_ids + 1, np.int32), np.zeros(_PAIR_SLOTS, np.int32)
    unigram_rows[tokens] = np.arange(1, len(tokens) + 1)
    pair_rows[pairs] = np.arange(len(tokens) + 1, len(tokens) + len(pairs) + 1)
    counts = np.array([*(documents[token] for token in tokens), *(slots[slot] for slot in pairs)], np.float64)
    idf = np.log((1 + len(texts)) / (1 + counts)) + 1  # as scikit-learn's TfidfTransformer, smooth
    halves = None
    if vectors is not None:
        table = np.zeros((n_ids + 1, vectors.shape[1]), np.float32)
        table[:n_ids] = vectors
        table[list(special)] = 0
        # squares of about 1 a token, and the share of them for the n-grams
        table /= np.sqrt(np.square(table).sum(axis=1)[np.concatenate(texts)].mean())
        halves = table.astype(np.float16)
        tokens_in_all = sum(len(ids) for ids in texts)
        idf *= np.sqrt(_NGRAM_SHARE * tokens_in_all / max(float((counts * idf**2).sum()), 1e-12))
    return TokenTables(halves, unigram_rows, pair_rows, np.concatenate([[0], idf]).astype(np.float32))


def pair_slots(ids: NDArray[np.int64], slots: int = _PAIR_SLOTS) -> NDArray[np.int64]:
    """Return the slot (n - 1,) of each pair of neighbours."""
    return np.asarray((ids[:-1] * MULTIPLIER + ids[1:]) % slots)


def design_of(tables: TokenTables, texts: Ids) -> Design:
    """Return the features of texts: sums of vectors, then the weights of the n-grams, of a common length of 1."""
    from scipy.sparse import csr_array

    starts = np.cumsum([0, *(len(ids) for ids in texts)])
    n = len(texts)
    features, rows = [], []
    for row, ids in enumerate(texts):
        found = np.concatenate([tables.unigrams[ids], tables.pairs[pair_slots(ids, len(tables.pairs))]])
        features.append(found[found > 0])
        rows.append(np.full(len(features[-1]), row))
    columns, places = np.concatenate(features), np.concatenate(rows)
    squares = np.bincount(places, tables.idf[columns] ** 2, minlength=n) + LEAST_SQUARE
    dense = None
    if tables.vectors is not None:
        vectors = tables.vectors.astype(np.float32)
        tokens = csr_array((np.ones(starts[-1], np.float32), np.concatenate(texts), starts), (n, len(vectors)))
        dense = np.asarray(tokens @ vectors)
        squares = squares + tokens @ tables.squares.astype(np.float32)
    length = np.sqrt(squares).astype(np.float32)
    values = tables.idf[columns] / length[places]
    sparse = csr_array((values, (places, columns)), (n, len(tables.idf)), dtype=np.float32)
    return Design(None if dense is None else dense / length[:, None], sparse)
