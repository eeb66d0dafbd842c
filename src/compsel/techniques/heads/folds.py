"""Folds that stay the same from one part of the pipeline to the next, for they follow from the samples' content."""

import hashlib
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from compsel.inputs.samples import Samples, Subset
from compsel.inputs.samples.versions import array_hash

__all__ = ["FOLDS", "fold_of", "sample_hashes"]

FOLDS = 5
_HASH_BYTES = 8
# of files, by samples and index: version and hash
_KNOWN: WeakKeyDictionary[Samples, dict[int, tuple[str, int]]] = WeakKeyDictionary()


def sample_hashes(samples: Samples) -> NDArray[np.uint64]:
    """Return a hash of the content of each sample, uint64 (n,): equal inputs have equal hashes, labels play no role.

    >>> from compsel.inputs.samples import ArraySamples
    >>> one, other, again = sample_hashes(ArraySamples([{"x": np.ones(2)}, {"x": np.zeros(2)}, {"x": np.ones(2)}]))
    >>> one == again, one == other
    (np.True_, np.False_)
    """
    return np.array([_hash_at(samples, index) for index in range(len(samples))], np.uint64)


def fold_of(samples: Samples, folds: int = FOLDS) -> NDArray[np.int64]:
    """Return the fold of each sample, int64 (n,), 0 to folds - 1: by a hash of its group.

    Where a sample is its own group, the hash is that of its content (of a file, its bytes), so that equal inputs fall
    into one fold; those in different groups need not. A sample
    has the same fold among whatever others it stands.

    >>> from compsel.inputs.samples import ArraySamples
    >>> inputs = [{"x": np.full(2, index % 50)} for index in range(100)]
    >>> found = fold_of(ArraySamples(inputs))
    >>> sorted(set(found.tolist())), (found[:50] == found[50:]).all()
    ([0, 1, 2, 3, 4], np.True_)
    """
    return np.array(
        [
            (_hash_at(samples, index) if group == name else _digest(group.encode())) % folds
            for index, (name, group) in enumerate(zip(samples.names, samples.groups, strict=True))
        ],
        np.int64,
    )


def _hash_at(samples: Samples, index: int) -> int:
    """Return the hash of a sample; a file is read again only where its version is another."""
    if isinstance(samples, Subset):
        return _hash_at(samples.samples, samples.indices[index])
    known = _KNOWN.setdefault(samples, {})
    if index in known and known[index][0] == samples.version(index):
        return known[index][1]
    version = samples.version(index)  # before it is read: what changes meanwhile is read again
    source = samples.source(index)
    found = _content_hash(source)
    if isinstance(source, bytes) and version:  # what is in memory is hashed as fast as it is looked up
        known[index] = version, found
    return found


def _content_hash(value: Any) -> int:
    if isinstance(value, str):
        return _digest(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, bytes):
        return _digest(value)
    return _digest(array_hash(value).encode())


def _digest(content: bytes) -> int:
    return int.from_bytes(hashlib.sha256(content).digest()[:_HASH_BYTES], "little")
