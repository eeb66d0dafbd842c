"""Tokenizers: the `tokenizer.json` of Hugging Face `tokenizers`, opened once a process and content.

Policies: special tokens are those that the file says; a text is cut at its end, so that it has the most tokens with
its special ones; one text is not padded. What the file says of truncation and padding is for batches in training.
"""

import contextlib
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compsel.errors import InputError, ModelError, one_line, require
from compsel.storage.regular_files import read_regular
from compsel.storage.sizes import DOCUMENT_BYTES

__all__ = ["Tokenizer", "Tokens", "file_sha256", "open_tokenizer", "words_of"]

_WORDS = re.compile(r"\w+|[^\w\s]")
# by SHA-256 of the file, and by path, size and time of change
_OPENED: dict[str, "Tokenizer"] = {}
_HASHES: dict[tuple[str, int, int], str] = {}


class Tokens(NamedTuple):
    """A text as a model reads it: int64 (1, n_tokens) each.

    >>> Tokens(*np.ones((3, 1, 5), np.int64)).ids.shape
    (1, 5)
    """

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]
    types: NDArray[np.int64]


class _Encoded(NamedTuple):
    """The text that was encoded last, without a limit, and its tokens under the limit that was asked for."""

    text: str
    encoding: Any
    max_tokens: int
    tokens: Tokens


class Tokenizer:
    """A tokenizer; it remembers the text that it encoded last, so that stages that share it encode once.

    Args:
        content: of a `tokenizer.json`.
        name: for messages.

    Attributes:
        truncation: the most tokens that the file itself allows; None where it says nothing.
        pad_id: what fills inputs of a fixed length.

    Raises:
        ModelError: not a tokenizer.
        MissingDependencyError: `tokenizers` is not installed.

    >>> Tokenizer(b"{}", "tokenizer.json")
    Traceback (most recent call last):
    compsel.errors.ModelError: tokenizer.json: not a tokenizer of Hugging Face tokenizers: ...
    """

    def __init__(self, content: bytes, name: str) -> None:
        library = require("tokenizers", extra="text")
        with _failures(ModelError, f"{name}: not a tokenizer of Hugging Face tokenizers"):
            self._tokenizer = library.Tokenizer.from_buffer(content)
            truncation, padding = self._tokenizer.truncation, self._tokenizer.padding
            self.truncation: int | None = int(truncation["max_length"]) if truncation else None
            self.pad_id: int = int(padding["pad_id"]) if padding else self._padding_id()
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
            self._special = int(self._tokenizer.num_special_tokens_to_add(False))
        self._last: _Encoded | None = None

    def encode(self, text: str, max_tokens: int) -> Tokens:
        """Return the tokens of a text, at most `max_tokens` with the special ones; the same arrays for the same text.

        Raises:
            InputError: no text, or one that gives no tokens.
        """
        last = self._last
        if last is not None and last.text is text:
            if last.max_tokens == max_tokens:
                return last.tokens
            encoding = last.encoding
        else:
            encoding = self._encode(text)
        tokens = self._tokens(encoding if len(encoding) <= max_tokens else self._cut(text, max_tokens))
        self._last = _Encoded(text, encoding, max_tokens, tokens)
        return tokens

    def count(self, text: str) -> int:
        """Return the number of tokens of a text, special ones included, without a limit."""
        last = self._last
        return len(last.encoding if last is not None and last.text is text else self._encode(text))

    def size(self) -> int:
        """Return the number of ids: the largest one that a text can give, plus 1."""
        return 1 + max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=0)

    def frame(self) -> tuple[list[int], list[int]]:
        """Return the special ids before and after every text."""
        encoding = self._encode("a")
        inside = [place for place, special in enumerate(encoding.special_tokens_mask) if not special]
        if not inside:
            return list(encoding.ids), []
        return list(encoding.ids[: inside[0]]), list(encoding.ids[inside[-1] + 1 :])

    def vocabulary(self) -> list[str]:
        """Return the tokens, in the order of their ids."""
        ids: dict[str, int] = self._tokenizer.get_vocab(with_added_tokens=False)
        return sorted(ids, key=lambda token: ids[token])

    def ids(self) -> dict[str, int]:
        """Return the id of each token, special ones included."""
        return dict(self._tokenizer.get_vocab(with_added_tokens=True))

    def _encode(self, text: str, special: bool = True) -> Any:
        # a text with half a surrogate pair is none
        with _failures(InputError, "text: cannot be encoded: give a string of valid Unicode"):
            return self._tokenizer.encode(text, add_special_tokens=special)

    def _cut(self, text: str, max_tokens: int) -> Any:
        encoding = self._encode(text, special=False)
        with _failures(InputError, "text: its tokens cannot be cut: take another tokenizer"):
            encoding.truncate(max(1, max_tokens - self._special))
            return self._tokenizer.post_process(encoding)

    def _tokens(self, encoding: Any) -> Tokens:
        ids = encoding.ids
        if not ids:
            raise InputError("text: gives no tokens: give one with words that the tokenizer knows")
        return Tokens(
            np.array([ids], np.int64),
            np.array([encoding.attention_mask], np.int64),
            np.array([encoding.type_ids], np.int64),
        )

    def _padding_id(self) -> int:
        known = (self._tokenizer.token_to_id(token) for token in ("[PAD]", "<pad>"))
        return next((int(token) for token in known if token is not None), 0)


@contextlib.contextmanager
def _failures(kind: type[ModelError] | type[InputError], said: str) -> Iterator[None]:
    """Turn what the library raises into an error of ours: plain exceptions, and panics of Rust, which are none."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise kind(f"{said}: {one_line(error)}") from error


def open_tokenizer(path: Path, sha256: str = "") -> Tokenizer:
    """Open a `tokenizer.json`; one object for the same content in the whole process.

    Args:
        path: of the file.
        sha256: of its content, where that is known to be right; the file is then only read the first time.

    Raises:
        ModelError: it cannot be read, or is no tokenizer.
        MissingDependencyError: `tokenizers` is not installed.
    """
    known = _OPENED.get(sha256)
    if known is not None:
        return known
    content = _read(path)
    digest = hashlib.sha256(content).hexdigest()
    if sha256 and digest != sha256:
        raise ModelError(f"{path}: not the tokenizer that the model was stored with: its content has changed")
    if digest not in _OPENED:
        _OPENED[digest] = Tokenizer(content, str(path))
    return _OPENED[digest]


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file; it is read again only where its size or its time of change is another.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    key = (str(path.absolute()), found.st_size, found.st_mtime_ns)
    if key not in _HASHES:
        _HASHES[key] = hashlib.sha256(_read(path)).hexdigest()
    return _HASHES[key]


def words_of(text: str) -> list[str]:
    """Return the words and the punctuation marks of a text.

    >>> words_of("Turn off, please!")
    ['Turn', 'off', ',', 'please', '!']
    """
    return _WORDS.findall(text)


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, DOCUMENT_BYTES)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
